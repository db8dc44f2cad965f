import Telemetry
import TraceQL

/// TraceQL by its definition: span by span, pair by pair, value by value, over records.
struct NaiveTrace {
    struct Entry {
        var span: SpanRecord
        var resource: Resource
        var scope: Scope
    }

    enum Value: Hashable {
        case integer(Int64)
        case number(Double)
        case text(String)
        case truth(Bool)
        case status(SpanStatus)
        case kind(SpanKind)
        case list([Value])
        case other
    }

    var entries: [Entry]

    // MARK: Spansets

    /// Sets of indices.
    func sets(_ expression: SpansetExpression, _ input: Set<Int>) -> [Set<Int>] {
        switch expression {
        case .filter(let condition, _):
            return Self.kept(input.filter { truth(condition, $0) })
        case .operation(let operation, let left, let right, _):
            let a = sets(left, input)
            let b = sets(right, input)
            let (left, right) = (Self.union(a), Self.union(b))
            switch operation {
            case .and: return a.isEmpty || b.isEmpty ? [] : Self.kept(left.union(right))
            case .or: return Self.kept(left.union(right))
            default:
                let forward = right.filter { span in
                    left.contains { relates(operation, $0, span) } != operation.isNaiveNegation
                }
                guard operation.isNaiveUnion else { return Self.kept(forward) }
                let backward = left.filter { span in
                    right.contains { relates(operation, span, $0) }
                }
                return Self.kept(forward.union(backward))
            }
        case .pipeline(let stages, _):
            return stages.reduce([input]) { sets, stage in
                sets.flatMap { set in apply(stage, set) }
            }
        case .comparison: return []
        }
    }

    private static func kept(_ set: Set<Int>) -> [Set<Int>] { set.isEmpty ? [] : [set] }
    private static func union(_ sets: [Set<Int>]) -> Set<Int> { sets.reduce([]) { $0.union($1) } }

    private func apply(_ stage: Stage, _ set: Set<Int>) -> [Set<Int>] {
        switch stage {
        case .spansets(let expression): return sets(expression, set)
        case .filter(let filter):
            guard let left = scalar(filter.left, set), let right = scalar(filter.right, set) else {
                return []
            }
            return Self.holds(filter.comparison, .number(left), .number(right)) ? [set] : []
        case .group(let expression, _):
            let parts = Dictionary(grouping: set) { values(expression, $0).first }
            return parts.values.map { Set($0) }
        case .coalesce, .select, .aggregate: return [set]
        }
    }

    private func scalar(_ expression: ScalarExpression, _ set: Set<Int>) -> Double? {
        switch expression {
        case .literal(let literal, _): return Self.number(Self.value(literal))
        case .aggregate(let aggregate):
            guard let operand = aggregate.operand else { return Double(set.count) }
            let numbers = set.compactMap { values(operand, $0).first.flatMap(Self.number) }
            guard !numbers.isEmpty else { return nil }
            let sum = numbers.reduce(0, +)
            return switch aggregate.function {
            case .count: Double(set.count)
            case .sum: sum
            case .avg: sum / Double(numbers.count)
            case .min: numbers.min()
            case .max: numbers.max()
            }
        case .operation, .pipeline: return nil
        }
    }

    // MARK: Relations

    private func named(_ index: Int) -> Int? {
        let id = entries[index].span.parentID
        guard id.isValid else { return nil }
        return entries.indices.first { entries[$0].span.spanID == id && $0 != index }
    }

    /// Nobody for spans whose parents form a circle.
    private func parent(_ index: Int) -> Int? {
        var next = named(index)
        for _ in entries.indices {
            guard let current = next else { return named(index) }
            next = named(current)
        }
        return next == nil ? named(index) : nil
    }

    private func isAncestor(_ a: Int, of b: Int) -> Bool {
        guard let parent = parent(b) else { return false }
        return parent == a || isAncestor(a, of: parent)
    }

    /// Whether the span on the right stands in the relation to the one on the left.
    private func relates(_ operation: SpansetOperator, _ left: Int, _ right: Int) -> Bool {
        let (a, b) = (entries[left].span, entries[right].span)
        return switch operation {
        case .child, .notChild, .unionChild: parent(right) == left
        case .parent, .notParent, .unionParent: parent(left) == right
        case .descendant, .notDescendant, .unionDescendant: isAncestor(left, of: right)
        case .ancestor, .notAncestor, .unionAncestor: isAncestor(right, of: left)
        case .sibling, .notSibling, .unionSibling:
            left != right && a.parentID.isValid && a.parentID == b.parentID
        case .and, .or: false
        }
    }

    // MARK: Expressions

    func truth(_ expression: FieldExpression, _ index: Int) -> Bool {
        values(expression, index).contains(.truth(true))
    }

    func values(_ expression: FieldExpression, _ index: Int) -> [Value] {
        switch expression {
        case .literal(let literal, _): return [Self.value(literal)]
        case .field(let field, _): return values(field, entries[index])
        case .unary(.exists, let operand, _): return [.truth(!values(operand, index).isEmpty)]
        case .unary(.isMissing, let operand, _): return [.truth(values(operand, index).isEmpty)]
        case .unary(.not, let operand, _):
            guard case .truth(let flag)? = values(operand, index).first else { return [] }
            return [.truth(!flag)]
        case .unary(.negate, let operand, _):
            return values(operand, index).first.flatMap(Self.number).map { [.number(-$0)] } ?? []
        case .binary(.and, let left, let right, _):
            return [.truth(truth(left, index) && truth(right, index))]
        case .binary(.or, let left, let right, _):
            return [.truth(truth(left, index) || truth(right, index))]
        case .binary(let operation, let left, let right, _):
            let (a, b) = (values(left, index), values(right, index))
            switch operation {
            case .add, .subtract, .multiply:
                guard let x = a.first.flatMap(Self.number), let y = b.first.flatMap(Self.number)
                else { return [] }
                return [.number(operation == .add ? x + y : operation == .subtract ? x - y : x * y)]
            default:
                return [.truth(a.contains { x in b.contains { Self.holds(operation, x, $0) } })]
            }
        }
    }

    private func values(_ field: Field, _ entry: Entry) -> [Value] {
        switch field.kind {
        case .intrinsic(.name): return [.text(entry.span.name)]
        case .intrinsic(.status): return [.status(entry.span.status)]
        case .intrinsic(.kind): return [.kind(entry.span.kind)]
        case .intrinsic(.duration): return [.number(Double(entry.span.duration))]
        case .intrinsic(.eventName): return entry.span.events.map { .text($0.name) }
        case .intrinsic: return []
        case .attribute(let scope, let name):
            let places: [(Field.Scope, [Attribute])] =
                [(.span, entry.span.attributes), (.resource, entry.resource.attributes)]
                + [(.event, entry.span.events.flatMap(\.attributes))]
                + [(.link, entry.span.links.flatMap(\.attributes))]
                + [(.instrumentation, entry.scope.attributes)]
            for (place, attributes) in places where scope == .any || scope == place {
                let found = attributes.filter { $0.key == name }.map { Self.value($0.value) }
                if !found.isEmpty { return place == .event || place == .link ? found : [found[0]] }
            }
            return []
        }
    }

    private static func value(_ value: AttributeValue) -> Value {
        switch value {
        case .int(let number): .integer(number)
        case .double(let number): .number(number)
        case .string(let text): .text(text)
        case .bool(let flag): .truth(flag)
        case .array(let elements): .list(elements.map { Self.value($0) })
        default: .other
        }
    }

    private static func value(_ literal: Literal) -> Value {
        switch literal {
        case .int(let number), .duration(let number): .number(Double(number))
        case .double(let number): .number(number)
        case .string(let text): .text(text)
        case .bool(let flag): .truth(flag)
        case .status(let status): .status(status)
        case .kind(let kind): .kind(kind)
        }
    }

    private static func number(_ value: Value) -> Double? {
        switch value {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    private static func holds(_ operation: BinaryOperator, _ a: Value, _ b: Value) -> Bool {
        if let x = number(a), let y = number(b) { return holds(operation, x, y) }
        switch (a, b) {
        case (.list, .list): return false
        case (.list(let elements), _):
            return operation == .notEqual || operation == .doesNotMatch
                ? elements.allSatisfy { holds(operation, $0, b) }
                : elements.contains { holds(operation, $0, b) }
        case (_, .list(let elements)):
            guard operation != .matches, operation != .doesNotMatch else { return false }
            return operation == .notEqual
                ? elements.allSatisfy { holds(operation, a, $0) }
                : elements.contains { holds(operation, a, $0) }
        case (.text(let x), .text(let y)):
            if operation == .matches || operation == .doesNotMatch {
                return y.split(separator: "|").contains { $0 == x } == (operation == .matches)
            }
            return holds(operation, x, y)
        case (.truth, .truth), (.status, .status), (.kind, .kind):
            return operation == .equal ? a == b : operation == .notEqual && a != b
        default: return false
        }
    }

    private static func holds<Operand: Comparable>(
        _ operation: BinaryOperator, _ a: Operand, _ b: Operand
    ) -> Bool {
        switch operation {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        default: false
        }
    }
}

extension SpansetOperator {
    var isNaiveNegation: Bool { rawValue.hasPrefix("!") }
    var isNaiveUnion: Bool { rawValue.hasPrefix("&") && self != .and }
}
