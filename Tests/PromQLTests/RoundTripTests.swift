import PromQL
import QueryCore
import Store
import Testing

@Suite("printing")
struct RoundTripTests {
    @Test("what a random expression prints to parses to the same tree", arguments: 1...300)
    func roundTrip(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let expression = random.expression(of: random.pick([.instantVector, .scalar]), depth: 5)
        let printed = expression.description
        let parsed = try PromQLEngine.parse(printed)
        #expect(parsed.withoutRanges == expression, "seed \(seed): \(printed)")
        #expect(parsed.description == printed)
    }

    @Test("every node covers its own text")
    func ranges() throws {
        let source = "sum by (a) (rate(foo{b=\"c\"}[5m] offset 1m)) / -(2 ^ x)  unless y[3m:1m] @ 5"
        let expression = try PromQLEngine.parse(source.replacing("y[3m:1m] @ 5", with: "y @ 5"))
        let text = Array(source.replacing("y[3m:1m] @ 5", with: "y @ 5").utf8)
        var texts: [String] = []
        func visit(_ node: Expression) {
            texts.append(String(decoding: text[node.range.start..<node.range.end], as: UTF8.self))
            node.children.forEach(visit)
        }
        visit(expression)
        #expect(
            texts == [
                "sum by (a) (rate(foo{b=\"c\"}[5m] offset 1m)) / -(2 ^ x)  unless y @ 5",
                "sum by (a) (rate(foo{b=\"c\"}[5m] offset 1m)) / -(2 ^ x)",
                "sum by (a) (rate(foo{b=\"c\"}[5m] offset 1m))",
                "rate(foo{b=\"c\"}[5m] offset 1m)", "foo{b=\"c\"}[5m] offset 1m",
                "-(2 ^ x)", "(2 ^ x)", "2 ^ x", "2", "x", "y @ 5",
            ])
    }

    @Test("durations and numbers print in Prometheus's forms")
    func forms() throws {
        let durations: [(Int64, String)] = [
            (0, "0s"), (1, "1ms"), (61_000, "1m1s"), (5_400_000, "1h30m"), (86_400_000, "1d"),
            (604_800_000, "1w"), (691_200_000, "8d"), (31_536_000_000, "1y"), (-60_000, "-1m"),
        ]
        for (milliseconds, text) in durations {
            #expect(PromQLDuration.format(milliseconds: milliseconds) == text)
            if milliseconds > 0 { #expect(try PromQLDuration.parse(text) == milliseconds) }
        }
        let numbers: [(Double, String)] = [
            (0, "0"), (-0.0, "-0"), (1e21, "1000000000000000000000"), (1.5e-7, "0.00000015"),
            (123.456, "123.456"), (1e-300 * 1e-10, "0." + String(repeating: "0", count: 309) + "1"),
            (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
        ]
        for (value, text) in numbers { #expect(NumberFormat.decimal(value) == text) }
    }
}

extension TestRandom {
    private static let nowhere = SourceRange(0, 0)

    /// A tree as the parser builds it: operands that need parentheses have them.
    mutating func expression(of type: ValueType, depth: Int) -> Expression {
        switch type {
        case .string: .string(StringLiteral(value: text(), range: Self.nowhere))
        case .scalar: scalar(depth)
        case .rangeVector: rangeVector(depth)
        case .instantVector: instantVector(depth)
        }
    }

    private mutating func text() -> String {
        pick(["", "a b", "\"quoted\"", "tab\t\n", "é€😀", "back\\slash", "it's", "\u{1}\u{7F}"])
    }

    private mutating func scalar(_ depth: Int) -> Expression {
        switch depth > 0 ? below(5) : below(2) {
        case 0:
            return .number(
                NumberLiteral(
                    value: pick([0, 1.5, 1e300, 1e-9, 255, .infinity]), range: Self.nowhere))
        case 1:
            return .number(
                NumberLiteral(
                    value: pick([0.001, 90, 86_400 * 8, 31_536_000]), isDuration: true,
                    range: Self.nowhere))
        case 2:
            return .call(
                FunctionCall(
                    function: .scalar, arguments: [instantVector(depth - 1)], range: Self.nowhere))
        case 3: return binary(depth, .scalar)
        default:
            return .call(FunctionCall(function: .time, arguments: [], range: Self.nowhere))
        }
    }

    private mutating func rangeVector(_ depth: Int) -> Expression {
        let duration = pick([1, 90_000, 300_000, 691_200_000] as [Int64])
        guard depth > 0, below(3) == 0 else {
            return .rangeSelector(
                RangeSelector(
                    selector: selector(), duration: duration, range: Self.nowhere))
        }
        return .subquery(
            Subquery(
                inner: tight(instantVector(depth - 1)), duration: duration,
                step: pick([nil, 15_000]), shift: shift(), range: Self.nowhere))
    }

    private mutating func selector() -> VectorSelector {
        let name: String? = pick([nil, "foo", "a:b", "sum", "by", "offset", "start"])
        var matchers: [LabelMatcher] = []
        for _ in 0..<(below(3) + (name == nil ? 1 : 0)) {
            matchers.append(
                LabelMatcher(
                    pick(["a", "on", "le", "http.status", "é"]),
                    pick([.equal, .notEqual, .matches, .doesNotMatch]),
                    pick(["v", "x|y", "é+", "\\d\"'"])))
        }
        if name == nil { matchers.append(LabelMatcher("z", .equal, "q")) }
        return VectorSelector(
            name: name, matchers: matchers, shift: shift(), range: Self.nowhere)
    }

    private mutating func shift() -> TimeShift {
        TimeShift(
            at: pick([nil, nil, .time(1_500), .time(-1_250), .start, .end]),
            offset: pick([0, 0, 60_000, -3_600_000]))
    }

    private mutating func instantVector(_ depth: Int) -> Expression {
        guard depth > 0 else { return .vectorSelector(selector()) }
        switch below(6) {
        case 0: return .vectorSelector(selector())
        case 1:
            let function = pick(Function.allCases.filter { $0.returns == .instantVector })
            var arguments = function.arguments.map { expression(of: $0, depth: depth - 1) }
            if function.arity.lowerBound < arguments.count, below(2) == 0 { arguments.removeLast() }
            return .call(
                FunctionCall(function: function, arguments: arguments, range: Self.nowhere))
        case 2: return aggregation(depth)
        case 3: return binary(depth, .instantVector)
        case 4:
            return .unary(
                UnaryOperation(
                    isNegation: below(2) == 0, operand: tight(instantVector(depth - 1)),
                    range: Self.nowhere))
        default: return parenthesized(instantVector(depth - 1))
        }
    }

    private mutating func aggregation(_ depth: Int) -> Expression {
        let aggregator = pick(
            Aggregation.Operator.allCases.filter { $0 != .limitk && $0 != .limitRatio })
        let parameter: Expression? =
            aggregator.hasParameter
            ? expression(of: aggregator == .countValues ? .string : .scalar, depth: depth - 1) : nil
        return .aggregation(
            Aggregation(
                operator: aggregator, parameter: parameter, operand: instantVector(depth - 1),
                grouping: pick([.by([]), .by(["a", "x.y"]), .without([]), .without(["by"])]),
                range: Self.nowhere))
    }

    private mutating func binary(_ depth: Int, _ type: ValueType) -> Expression {
        let isScalar = type == .scalar
        let binary = pick(
            BinaryOperator.allCases.filter { !isScalar || !$0.isSetOperator })
        let isVectors = isScalar ? false : binary.isSetOperator || below(2) == 0
        var operation = BinaryOperation(
            operator: binary,
            left: tight(expression(of: type, depth: depth - 1)),
            right: tight(expression(of: isVectors ? type : .scalar, depth: depth - 1)),
            operatorRange: Self.nowhere)
        operation.returnsBool = binary.isComparison && (isScalar || below(2) == 0)
        if isScalar, binary == .trimUpper || binary == .trimLower { operation.operator = .add }
        if isVectors {
            operation.matching.labels = pick([nil, .on([]), .on(["a"]), .ignoring(["b", "c d"])])
            if operation.matching.labels != nil, !binary.isSetOperator {
                operation.matching.cardinality = pick([
                    .oneToOne, .manyToOne(include: ["z"]), .oneToMany(include: []),
                ])
            }
        }
        return .binary(operation)
    }

    /// With parentheses unless nothing can bind tighter.
    private func tight(_ expression: Expression) -> Expression {
        switch expression {
        case .binary, .unary, .number: parenthesized(expression)
        default: expression
        }
    }

    private func parenthesized(_ expression: Expression) -> Expression {
        .parenthesized(Parenthesized(inner: expression, range: Self.nowhere))
    }
}

extension Expression {
    /// The same tree as if it stood nowhere.
    fileprivate var withoutRanges: Expression {
        let nowhere = SourceRange(0, 0)
        switch self {
        case .number(var node):
            node.range = nowhere
            return .number(node)
        case .string(var node):
            node.range = nowhere
            return .string(node)
        case .vectorSelector(var node):
            node.range = nowhere
            return .vectorSelector(node)
        case .rangeSelector(var node):
            node.range = nowhere
            node.selector.range = nowhere
            return .rangeSelector(node)
        case .subquery(var node):
            node.range = nowhere
            node.inner = node.inner.withoutRanges
            return .subquery(node)
        case .call(var node):
            node.range = nowhere
            node.arguments = node.arguments.map(\.withoutRanges)
            return .call(node)
        case .aggregation(var node):
            node.range = nowhere
            node.operand = node.operand.withoutRanges
            node.parameter = node.parameter?.withoutRanges
            return .aggregation(node)
        case .binary(var node):
            node.operatorRange = nowhere
            node.left = node.left.withoutRanges
            node.right = node.right.withoutRanges
            return .binary(node)
        case .unary(var node):
            node.range = nowhere
            node.operand = node.operand.withoutRanges
            return .unary(node)
        case .parenthesized(var node):
            node.range = nowhere
            node.inner = node.inner.withoutRanges
            return .parenthesized(node)
        }
    }
}
