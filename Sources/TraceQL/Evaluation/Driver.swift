import Store
import Telemetry

/// What one span at least of a trace must satisfy for a query to yield anything of the trace. It needs
/// no other span to be judged, so blocks are searched for it, and only the traces found are read whole.
struct Driver: Sendable {
    /// `nil`: any span will do.
    let condition: FieldExpression?

    init(_ condition: FieldExpression?) { self.condition = condition }

    init(_ expression: SpansetExpression) { condition = Self.condition(of: expression) }

    init(_ stages: [Stage]) { condition = Self.condition(of: stages) }

    /// The part of the condition that the store looks for itself; the rest is looked at in what it finds.
    var predicate: SpanPredicate {
        SpanPredicate(condition.map(SpanConditions.implied) ?? [])
    }

    /// The fields that the condition reads.
    var fields: [Field] { condition?.fields ?? [] }

    private static func condition(of expression: SpansetExpression) -> FieldExpression? {
        switch expression {
        case .filter(let condition, _): return condition.ofSpanAlone
        case .operation(.or, let left, let right, let range):
            guard let a = condition(of: left), let b = condition(of: right) else { return nil }
            return .binary(.or, a, b, range)
        case .operation(let operation, let left, let right, _):
            let right = condition(of: right)
            if operation.isNegated { return right }
            return rarer(condition(of: left), right)
        case .pipeline(let stages, _): return condition(of: stages)
        case .comparison(let filter):
            // It yields spans that one of the pipelines yields.
            var any: FieldExpression?
            for stages in filter.left.pipelines + filter.right.pipelines {
                guard let one = condition(of: stages) else { return nil }
                any = any.map { .binary(.or, $0, one, filter.range) } ?? one
            }
            return any
        }
    }

    private static func condition(of stages: [Stage]) -> FieldExpression? {
        guard case .spansets(let first)? = stages.first else { return nil }
        guard var all = condition(of: first) else { return nil }
        // Filters in a row hold of the same spans.
        guard case .filter = first else { return all }
        for stage in stages.dropFirst() {
            guard case .spansets(.filter(let next, let range)) = stage else { break }
            if let next = next.ofSpanAlone { all = .binary(.and, all, next, range) }
        }
        return all
    }

    private static func rarer(_ a: FieldExpression?, _ b: FieldExpression?) -> FieldExpression? {
        guard let a, let b else { return a ?? b }
        // The spans of the right side are those that structural operators yield.
        return a.rarity > b.rarity ? a : b
    }
}

extension FieldExpression {
    /// What remains of it that a span satisfies or not whatever its trace is: it holds wherever the
    /// whole holds. `nil` if nothing remains.
    fileprivate var ofSpanAlone: FieldExpression? {
        if isTrue { return nil }
        if fields.allSatisfy({ !$0.needsTrace }) { return self }
        switch self {
        case .binary(.and, let left, let right, let range):
            guard let a = left.ofSpanAlone, let b = right.ofSpanAlone else {
                return left.ofSpanAlone ?? right.ofSpanAlone
            }
            return .binary(.and, a, b, range)
        case .binary(.or, let left, let right, let range):
            guard let a = left.ofSpanAlone, let b = right.ofSpanAlone else { return nil }
            return .binary(.or, a, b, range)
        default: return nil
        }
    }

    /// A guess at how few spans satisfy it: more is fewer.
    fileprivate var rarity: Int {
        switch self {
        case .binary(.and, let left, let right, _): return max(left.rarity, right.rarity)
        case .binary(.or, let left, let right, _): return min(left.rarity, right.rarity)
        case .binary(.equal, let left, let right, _):
            if left.type == .kind || right.type == .kind { return 2 }
            return left.type == .status || right.type == .status ? 4 : 6
        case .binary(let operation, _, _, _) where operation.isPattern: return 3
        case .binary(.greater, _, _, _), .binary(.greaterOrEqual, _, _, _): return 3
        case .binary(.less, _, _, _), .binary(.lessOrEqual, _, _, _): return 2
        default: return 1
        }
    }
}

extension Field {
    /// The columns that it is read from, of those that relate spans only what it reads of them.
    var columns: SpanFields {
        switch kind {
        case .intrinsic(let intrinsic): return intrinsic.columns
        case .attribute(let scope, _):
            switch scope {
            case .any: return [.resources, .scopes, .attributes, .events, .links]
            case .span: return .attributes
            case .resource: return .resources
            case .instrumentation: return .scopes
            case .event: return .events
            case .link: return .links
            }
        }
    }
}

extension Intrinsic {
    fileprivate var columns: SpanFields {
        switch self {
        case .duration, .traceID, .traceDuration: .times
        case .name, .rootName: .names
        case .status: .statuses
        case .statusMessage: .statusMessages
        case .kind: .kinds
        case .rootServiceName: .resources
        case .instrumentationName, .instrumentationVersion: .scopes
        case .spanID, .parentID, .parent, .childCount, .nestedSetLeft, .nestedSetRight,
            .nestedSetParent:
            .identity
        case .eventName, .eventTimeSinceStart: [.times, .events]
        case .linkTraceID, .linkSpanID: .links
        }
    }
}

extension SpanScan {
    /// - Parameter fields: what is read of the spans, besides trace ids and times.
    init(
        _ driver: Driver, in range: TimeRange, reading fields: [Field], unit: Unit = .spans
    ) {
        let all = driver.fields + fields
        var columns = all.reduce(SpanFields.times) { $0.union($1.columns) }
        if unit != .spans { columns.formUnion([.identity, .kinds]) }
        var keys = Set<String>()
        for field in all {
            if case .attribute(_, let name) = field.kind { keys.insert(name) }
        }
        self.init(
            driver.predicate, in: range, fields: columns, attributeKeys: keys, unit: unit)
    }
}
