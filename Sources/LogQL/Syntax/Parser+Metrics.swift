import QueryCore
import RegularExpressions

/// Metric queries: operators and their operands.
extension Parser {
    /// Operators of one query: trees of them are walked recursively.
    private static let operatorsMax = 100

    mutating func metricQuery() throws(QueryError) -> MetricQuery {
        try binary(from: 1)
    }

    /// Operands and the operators of `level` and above between them.
    private mutating func binary(from level: Int) throws(QueryError) -> MetricQuery {
        var left = try operand()
        while let found = binaryOperator, found.level >= level {
            operators += 1
            guard operators <= Parser.operatorsMax else {
                throw failure("more than \(Parser.operatorsMax) operators", current.range)
            }
            let place = current.range
            advance()
            let returnsBool = try boolFlag(found)
            let matching = try vectorMatching(found)
            // `^` binds to the right, the others to the left.
            let right = try binary(from: found == .power ? found.level : found.level + 1)
            if found.isSetOperator, left.isScalar || right.isScalar {
                throw failure(
                    "unexpected literal for \(left.isScalar ? "left" : "right") leg of logical/set "
                        + "binary operation (\(found.rawValue))", place)
            }
            left = .binary(
                BinaryOperation(
                    operator: found, returnsBool: returnsBool, matching: matching, left: left,
                    right: right, range: SourceRange(left.range.start, previousEnd)))
        }
        return left
    }

    private var binaryOperator: BinaryOperator? {
        switch current.kind {
        case .symbol(let symbol): BinaryOperator(rawValue: symbol.rawValue)
        case .identifier: BinaryOperator(rawValue: current.text)
        default: nil
        }
    }

    private mutating func boolFlag(_ found: BinaryOperator) throws(QueryError) -> Bool {
        let range = current.range
        guard accept(word: "bool") else { return false }
        guard found.isComparison else {
            throw failure("bool goes with comparisons only", range)
        }
        return true
    }

    private mutating func vectorMatching(
        _ found: BinaryOperator
    ) throws(QueryError) -> VectorMatching? {
        let isOn = accept(word: "on")
        guard isOn || accept(word: "ignoring") else { return nil }
        let names = try nameList()
        var matching = VectorMatching(isOn: isOn, names: names)
        let range = current.range
        let isLeft = accept(word: "group_left")
        guard isLeft || accept(word: "group_right") else { return matching }
        guard !found.isSetOperator else {
            throw failure("no grouping allowed for set operation \(found.rawValue)", range)
        }
        let taken = current.kind == .symbol(.leftParenthesis) ? try nameList() : []
        matching.cardinality = isLeft ? .manyToOne(taken) : .oneToMany(taken)
        return matching
    }

    private mutating func nameList() throws(QueryError) -> [String] {
        try expect(.leftParenthesis)
        var names: [String] = []
        while current.kind == .identifier {
            names.append(try identifier())
            guard accept(.comma) else { break }
        }
        try expect(.rightParenthesis)
        return names
    }

    private mutating func operand() throws(QueryError) -> MetricQuery {
        if accept(.leftParenthesis) {
            let query = try nested { parser throws(QueryError) in try parser.binary(from: 1) }
            try expect(.rightParenthesis)
            return query
        }
        if let number = number() { return .number(number.value, number.range) }
        guard current.kind == .identifier else { throw unexpected() }
        if let function = WindowFunction(rawValue: current.text) {
            return .window(try window(function))
        }
        if let aggregator = VectorAggregation.Operator(rawValue: current.text) {
            return .aggregation(try aggregation(aggregator))
        }
        switch current.text {
        case "vector": return try vector()
        case "label_replace": return .labelReplace(try labelReplacement())
        case "variants":
            throw failure(
                "variants is not supported: Loki tried it behind a switch and took it out again",
                current.range)
        default: throw unexpected()
        }
    }

    private mutating func vector() throws(QueryError) -> MetricQuery {
        let start = current.range.start
        advance()
        try expect(.leftParenthesis)
        guard let number = number() else { throw unexpected("NUMBER") }
        try expect(.rightParenthesis)
        return .vector(number.value, SourceRange(start, previousEnd))
    }

    private mutating func labelReplacement() throws(QueryError) -> LabelReplacement {
        let start = current.range.start
        advance()
        try expect(.leftParenthesis)
        let operand = try nested { parser throws(QueryError) in try parser.metricQuery() }
        var texts: [String] = []
        var last = current.range
        while texts.count < 4 {
            try expect(.comma)
            last = current.range
            texts.append(try string())
        }
        try expect(.rightParenthesis)
        try checkPattern(texts[3], Pattern.Options(), last)
        return LabelReplacement(
            operand: operand, target: texts[0], replacement: texts[1], source: texts[2],
            pattern: texts[3], range: SourceRange(start, previousEnd))
    }

    /// A number, perhaps with a sign; `nil` if there is something else.
    mutating func number() -> (value: Double, range: SourceRange)? {
        let start = current.range.start
        let isNegative = current.kind == .symbol(.subtract)
        let hasSign = isNegative || current.kind == .symbol(.add)
        guard case .number(let value) = (hasSign ? following : current).kind else { return nil }
        if hasSign { advance() }
        advance()
        return (isNegative ? -value : value, SourceRange(start, previousEnd))
    }

    // MARK: Aggregations

    private mutating func aggregation(
        _ aggregator: VectorAggregation.Operator
    ) throws(QueryError) -> VectorAggregation {
        let start = current.range.start
        advance()
        let place = current.range
        var grouping = try self.grouping()
        try expect(.leftParenthesis)
        var count: Int?
        if aggregator.takesCount {
            guard let number = number() else {
                throw failure(
                    "parameter required for operation \(aggregator.rawValue)", current.range)
            }
            guard let whole = Int(exactly: number.value), whole > 0 else {
                throw failure(
                    "invalid parameter (must be greater than 0) \(aggregator.rawValue)",
                    number.range)
            }
            count = whole
            try expect(.comma)
        }
        let operand = try nested { parser throws(QueryError) in try parser.metricQuery() }
        guard !operand.isScalar else {
            throw failure("\(aggregator.rawValue) of a number", operand.range)
        }
        try expect(.rightParenthesis)
        if grouping == nil { grouping = try self.grouping() }
        if grouping != nil, aggregator.isSort || aggregator == .approxTopk {
            throw failure("grouping not allowed for \(aggregator.rawValue)", place)
        }
        return VectorAggregation(
            operator: aggregator, count: count, grouping: grouping ?? .by([]), operand: operand,
            range: SourceRange(start, previousEnd))
    }

    mutating func grouping() throws(QueryError) -> Grouping? {
        let isBy = accept(word: "by")
        guard isBy || accept(word: "without") else { return nil }
        let names = try nameList()
        return isBy ? .by(names) : .without(names)
    }
}
