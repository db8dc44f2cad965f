import LogQL
import QueryCore
import Store
import Testing

@Suite("LogQL printing")
struct RoundTripTests {
    @Test("what a random query prints to parses to the same tree", arguments: 1...300)
    func roundTrip(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let query = random.expression()
        let printed = query.description
        let parsed = try LogQLEngine.parse(printed)
        #expect(parsed.withoutRanges == query, "seed \(seed): \(printed)")
        #expect(parsed.description == printed)
    }

    @Test("every node covers its own text")
    func ranges() throws {
        let source =
            " sum by (a) ( rate({b=\"c\"} |= \"x\" or `y`  | json | d > 5 [5m] offset 1m) ) "
        guard case .metric(.aggregation(let sum)) = try LogQLEngine.parse(source),
            case .window(let window) = sum.operand
        else {
            Issue.record("another tree")
            return
        }
        let ranges =
            [sum.range, window.range, window.query.range] + window.query.stages.map(\.range)
        let bytes = Array(source.utf8)
        #expect(
            ranges.map { String(decoding: bytes[$0.start..<$0.end], as: UTF8.self) } == [
                "sum by (a) ( rate({b=\"c\"} |= \"x\" or `y`  | json | d > 5 [5m] offset 1m) )",
                "rate({b=\"c\"} |= \"x\" or `y`  | json | d > 5 [5m] offset 1m)",
                "{b=\"c\"} |= \"x\" or `y`  | json | d > 5",
                "|= \"x\" or `y`", "| json", "| d > 5",
            ])
    }
}

extension TestRandom {
    private static let nowhere = SourceRange(0, 0)
    private static let names = [
        "a", "b_1", "status", "trace_id", "_", "rate",
    ]
    private static let texts = ["", "x", "é\n\"\\", "a.b", "`", "\u{1}\u{7F}", "200", "(y|z)"]

    mutating func expression() -> LogQLExpression {
        below(2) == 0 ? .log(logQuery()) : .metric(metric(depth: 3))
    }

    mutating func logQuery() -> LogQuery {
        var matchers = list(0...3) { $0.matcher() }
        matchers.append(LabelMatcher("app", .equal, "x"))
        return LogQuery(
            matchers: matchers, stages: list(0...5) { $0.stage() }, range: Self.nowhere)
    }

    private mutating func matcher() -> LabelMatcher {
        LabelMatcher(
            pick(Self.names), pick([.equal, .notEqual, .matches, .doesNotMatch]),
            pick(Self.texts.filter { !$0.contains("\\") }))
    }

    private mutating func stage() -> PipelineStage {
        switch below(5) {
        case 0, 1:
            let filter = pick(LineFilter.Operator.allCases)
            let texts =
                filter == .contains || filter == .containsNot
                ? Self.texts : Self.texts.filter { !$0.contains("\\") }
            return .line(
                LineFilter(
                    operator: filter, texts: list(1...3) { $0.pick(texts) }, range: Self.nowhere))
        case 2: return .json(Self.nowhere)
        case 3: return .drop(list(1...3) { $0.pick(Self.names) }, Self.nowhere)
        default: return .label(filter(depth: 3), Self.nowhere)
        }
    }

    private mutating func filter(depth: Int) -> LabelFilter {
        switch below(depth > 0 ? 4 : 2) {
        case 0: return .text(matcher())
        case 1:
            return .quantity(
                QuantityFilter(
                    pick(Self.names), pick(QuantityFilter.Comparison.allCases),
                    pick([
                        .number(0), .number(-1.5), .number(1e300), .number(500), .duration(0),
                        .duration(1), .duration(5_400_000_000_000), .duration(1_500_000_001),
                        .bytes(0), .bytes(1_000), .bytes(1_536), .bytes(1 << 40), .bytes(.max),
                    ])))
        case 2: return .all(list(2...3) { $0.filter(depth: depth - 1) })
        default: return .any(list(2...3) { $0.filter(depth: depth - 1) })
        }
    }

    private mutating func metric(depth: Int) -> MetricQuery {
        if depth > 0, below(4) == 0 {
            let number = MetricQuery.number(pick([0, 2, -1.5, 1e300]), Self.nowhere)
            let operands = [
                metric(depth: depth - 1), below(2) == 0 ? number : .vector(1, Self.nowhere),
            ]
            let first = below(2)
            return .arithmetic(
                Arithmetic(
                    operator: pick(Arithmetic.Operator.allCases), left: operands[first],
                    right: operands[1 - first], range: Self.nowhere))
        }
        if depth == 0 || below(2) == 0 {
            return .window(
                WindowQuery(
                    function: pick(WindowQuery.Function.allCases), query: logQuery(),
                    interval: pick([1, 60_000_000_000, 5_000_000]),
                    offset: pick([0, 3_600_000_000_000, -1_000_000_000]), range: Self.nowhere))
        }
        let names = list(0...3) { $0.pick(Self.names) }
        return .aggregation(
            VectorAggregation(
                operator: pick(VectorAggregation.Operator.allCases),
                grouping: below(2) == 0 ? .by(names) : .without(names),
                operand: metric(depth: depth - 1), range: Self.nowhere))
    }
}

extension LogQLExpression {
    var withoutRanges: LogQLExpression {
        switch self {
        case .log(let query): .log(query.withoutRanges)
        case .metric(let query): .metric(query.withoutRanges)
        }
    }
}

extension MetricQuery {
    var withoutRanges: MetricQuery {
        switch self {
        case .window(var node):
            node.query = node.query.withoutRanges
            node.range = SourceRange(0, 0)
            return .window(node)
        case .aggregation(var node):
            node.operand = node.operand.withoutRanges
            node.range = SourceRange(0, 0)
            return .aggregation(node)
        case .vector(let value, _): return .vector(value, SourceRange(0, 0))
        case .number(let value, _): return .number(value, SourceRange(0, 0))
        case .arithmetic(var node):
            node.left = node.left.withoutRanges
            node.right = node.right.withoutRanges
            node.range = SourceRange(0, 0)
            return .arithmetic(node)
        }
    }
}

extension LogQuery {
    var withoutRanges: LogQuery {
        let nowhere = SourceRange(0, 0)
        let stages = stages.map { stage -> PipelineStage in
            switch stage {
            case .line(let filter):
                .line(LineFilter(operator: filter.operator, texts: filter.texts, range: nowhere))
            case .json: .json(nowhere)
            case .label(let filter, _): .label(filter, nowhere)
            case .drop(let names, _): .drop(names, nowhere)
            }
        }
        return LogQuery(matchers: matchers, stages: stages, range: nowhere)
    }
}
