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
        switch below(16) {
        case 0, 1, 2: return .line(lineFilter())
        case 3: return .json(extractions(["a", "b.c[0]", "[\"x y\"].z"]), Self.nowhere)
        case 4:
            return .logfmt(
                LogfmtOptions(isStrict: below(2) == 0, keepsEmpty: below(2) == 0),
                extractions(["a", "x y"]), Self.nowhere)
        case 5: return .regexp(pick(["(?P<a>x)", "(?P<b>.*) (?P<c>\\d)"]), Self.nowhere)
        case 6: return .pattern(pick(["<a>", "<_> \"<b>\" <c>"]), Self.nowhere)
        case 7: return .unpack(Self.nowhere)
        case 8: return .decolorize(Self.nowhere)
        case 9: return .lineFormat(pick(["", "{{.a}}", "x {{ .b | upper }}\n"]), Self.nowhere)
        case 10:
            return .labelFormat(
                [LabelFormat("a", .label("b")), LabelFormat("c", .template("{{.d}}"))],
                Self.nowhere)
        case 11: return .drop(list(1...3) { $0.selection() }, Self.nowhere)
        case 12: return .keep(list(1...3) { $0.selection() }, Self.nowhere)
        case 13: return .distinct(list(1...3) { $0.pick(Self.names) }, Self.nowhere)
        default: return .label(filter(depth: 3), Self.nowhere)
        }
    }

    private mutating func lineFilter() -> LineFilter {
        let filter = pick(LineFilter.Operator.allCases)
        let terms = list(1...3) { random -> LineFilter.Term in
            switch filter {
            case .contains, .containsNot:
                return random.below(4) == 0
                    ? .address(random.pick(Self.addresses)) : .text(random.pick(Self.texts))
            case .matches, .doesNotMatch:
                return .text(random.pick(Self.texts.filter { !$0.contains("\\") }))
            case .fits, .fitsNot: return .text(random.pick(["<_> a", "x", "a <_> <b"]))
            }
        }
        return LineFilter(operator: filter, terms: terms, range: Self.nowhere)
    }

    private static let addresses = ["1.2.3.4", "10.0.0.0/8", "1.1.1.1-1.1.1.9", "::1", "fe80::/10"]

    private mutating func extractions(_ expressions: [String]) -> [FieldExtraction] {
        list(0...2) { FieldExtraction($0.pick(Self.names), $0.pick(expressions)) }
    }

    private mutating func selection() -> LabelSelection {
        below(2) == 0 ? .name(pick(Self.names)) : .matching(matcher())
    }

    private mutating func filter(depth: Int) -> LabelFilter {
        switch below(depth > 0 ? 5 : 3) {
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
        case 2:
            return .address(
                AddressFilter(
                    pick(Self.names), isNegated: below(2) == 0, pick(Self.addresses)))
        case 3: return .all(list(2...3) { $0.filter(depth: depth - 1) })
        default: return .any(list(2...3) { $0.filter(depth: depth - 1) })
        }
    }

    private mutating func metric(depth: Int) -> MetricQuery {
        guard depth > 0 else { return .window(window()) }
        switch below(6) {
        case 0: return .binary(binary(depth: depth))
        case 1:
            return .labelReplace(
                LabelReplacement(
                    operand: metric(depth: depth - 1), target: "a", replacement: "$1\n",
                    source: "b", pattern: "(.*)", range: Self.nowhere))
        case 2: return .window(window())
        default: return .aggregation(aggregation(depth: depth))
        }
    }

    private mutating func window() -> WindowQuery {
        let function = pick(WindowFunction.allCases)
        var usesValues: Bool
        switch function {
        case .countOverTime, .bytesRate, .bytesOverTime: usesValues = false
        case .rate, .absentOverTime: usesValues = below(2) == 0
        default: usesValues = true
        }
        let groups: Set<WindowFunction> = [
            .avgOverTime, .minOverTime, .maxOverTime, .stddevOverTime, .stdvarOverTime,
            .quantileOverTime, .firstOverTime, .lastOverTime,
        ]
        let unwrap = Unwrap(
            pick(Self.names), pick(Unwrap.Conversion.allCases),
            filters: list(0...2) { $0.filter(depth: 1) })
        return WindowQuery(
            function: function, parameter: function == .quantileOverTime ? 0.95 : nil,
            query: logQuery(), unwrap: usesValues ? unwrap : nil,
            interval: pick([1, 60_000_000_000, 5_000_000]),
            offset: pick([0, 3_600_000_000_000, -1_000_000_000]),
            grouping: groups.contains(function) && below(2) == 0 ? grouping() : nil,
            range: Self.nowhere)
    }

    private mutating func grouping() -> Grouping {
        let names = list(0...3) { $0.pick(Self.names) }
        return below(2) == 0 ? .by(names) : .without(names)
    }

    private mutating func aggregation(depth: Int) -> VectorAggregation {
        let aggregator = pick(VectorAggregation.Operator.allCases)
        let hasCount = [.topk, .bottomk, .approxTopk].contains(aggregator)
        let isPlain = [.sort, .sortDescending, .approxTopk].contains(aggregator)
        return VectorAggregation(
            operator: aggregator, count: hasCount ? 1 + below(9) : nil,
            grouping: isPlain ? .by([]) : grouping(), operand: metric(depth: depth - 1),
            range: Self.nowhere)
    }

    private mutating func binary(depth: Int) -> BinaryOperation {
        let found = pick(BinaryOperator.allCases)
        let isSet = [.and, .or, .unless].contains(found)
        let compares = [.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual]
            .contains(found)
        let number = MetricQuery.number(pick([0, 2, -1.5, 1e300]), Self.nowhere)
        let operands = [
            metric(depth: depth - 1),
            below(2) == 0 && !isSet ? number : .vector(1, Self.nowhere),
        ]
        var matching: VectorMatching?
        if below(2) == 0 {
            let taken = list(0...2) { $0.pick(Self.names) }
            matching = VectorMatching(
                isOn: below(2) == 0, names: list(0...2) { $0.pick(Self.names) },
                cardinality: isSet
                    ? .oneToOne : pick([.oneToOne, .manyToOne(taken), .oneToMany(taken)]))
        }
        let first = below(2)
        return BinaryOperation(
            operator: found, returnsBool: compares && below(2) == 0, matching: matching,
            left: operands[first], right: operands[1 - first], range: Self.nowhere)
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
        case .binary(var node):
            node.left = node.left.withoutRanges
            node.right = node.right.withoutRanges
            node.range = SourceRange(0, 0)
            return .binary(node)
        case .labelReplace(var node):
            node.operand = node.operand.withoutRanges
            node.range = SourceRange(0, 0)
            return .labelReplace(node)
        }
    }
}

extension LogQuery {
    var withoutRanges: LogQuery {
        let nowhere = SourceRange(0, 0)
        let stages = stages.map { stage -> PipelineStage in
            switch stage {
            case .line(let filter):
                .line(LineFilter(operator: filter.operator, terms: filter.terms, range: nowhere))
            case .json(let fields, _): .json(fields, nowhere)
            case .logfmt(let options, let fields, _): .logfmt(options, fields, nowhere)
            case .regexp(let text, _): .regexp(text, nowhere)
            case .pattern(let text, _): .pattern(text, nowhere)
            case .unpack: .unpack(nowhere)
            case .decolorize: .decolorize(nowhere)
            case .label(let filter, _): .label(filter, nowhere)
            case .lineFormat(let text, _): .lineFormat(text, nowhere)
            case .labelFormat(let formats, _): .labelFormat(formats, nowhere)
            case .drop(let labels, _): .drop(labels, nowhere)
            case .keep(let labels, _): .keep(labels, nowhere)
            case .distinct(let names, _): .distinct(names, nowhere)
            }
        }
        return LogQuery(matchers: matchers, stages: stages, range: nowhere)
    }
}
