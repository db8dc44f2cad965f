import QueryCore

extension Parser {
    /// What Loki has at the beginning of a metric query and this program has not.
    private static let unsupportedFunctions: Set<String> = [
        "absent_over_time", "approx_topk", "avg_over_time", "bottomk", "first_over_time",
        "label_replace", "last_over_time", "max_over_time", "min_over_time",
        "quantile_over_time", "rate_counter", "sort", "sort_desc", "stddev", "stddev_over_time",
        "stdvar", "stdvar_over_time", "sum_over_time", "topk",
    ]

    private static let metricComparisons: Set<Token.Symbol> = [
        .doubleEqual, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
    ]

    /// Operators of one query: trees of them are walked recursively.
    private static let operatorsMax = 100

    mutating func metricQuery() throws(QueryError) -> MetricQuery {
        let query = try arithmetic(from: 1)
        guard !query.isScalar else { throw notSupported("a query of numbers alone", query.range) }
        return query
    }

    /// Operands and the operators of `level` and above between them.
    private mutating func arithmetic(from level: Int) throws(QueryError) -> MetricQuery {
        var left = try operand()
        while let found = try arithmeticOperator(), found.level >= level {
            operators += 1
            guard operators <= Parser.operatorsMax else {
                throw failure("more than \(Parser.operatorsMax) operators", current.range)
            }
            advance()
            try refuseMatching()
            // `^` binds to the right, the others to the left.
            let right = try arithmetic(from: found == .power ? found.level : found.level + 1)
            left = .arithmetic(
                Arithmetic(
                    operator: found, left: left, right: right,
                    range: SourceRange(left.range.start, previousEnd)))
        }
        return left
    }

    private func arithmeticOperator() throws(QueryError) -> Arithmetic.Operator? {
        switch current.kind {
        case .symbol(let symbol):
            if let found = Arithmetic.Operator(rawValue: symbol.rawValue) { return found }
            guard Parser.metricComparisons.contains(symbol) else { return nil }
            throw notSupported("operator \(symbol.rawValue) between metric queries", current.range)
        case .identifier where ["and", "or", "unless"].contains(current.text):
            throw notSupported("operator \(current.text) between metric queries", current.range)
        default: return nil
        }
    }

    private func refuseMatching() throws(QueryError) {
        guard current.kind == .identifier,
            ["bool", "ignoring", "on"].contains(current.text)
        else { return }
        throw notSupported("\(current.text) between metric queries", current.range)
    }

    private mutating func operand() throws(QueryError) -> MetricQuery {
        if accept(.leftParenthesis) {
            let query = try nested { parser throws(QueryError) in try parser.arithmetic(from: 1) }
            try expect(.rightParenthesis)
            return query
        }
        if let number = try number() { return .number(number.value, number.range) }
        guard current.kind == .identifier else { throw unexpected() }
        if let function = WindowQuery.Function(rawValue: current.text) {
            return .window(try window(function))
        }
        if let aggregator = VectorAggregation.Operator(rawValue: current.text) {
            return .aggregation(try aggregation(aggregator))
        }
        if Parser.unsupportedFunctions.contains(current.text) {
            throw notSupported(current.text, current.range)
        }
        guard current.text == "vector" else { throw unexpected() }
        return try vector()
    }

    private mutating func vector() throws(QueryError) -> MetricQuery {
        let start = current.range.start
        advance()
        try expect(.leftParenthesis)
        guard let number = try number() else { throw unexpected("NUMBER") }
        try expect(.rightParenthesis)
        return .vector(number.value, SourceRange(start, previousEnd))
    }

    /// A number, perhaps with a sign; `nil` if there is something else.
    private mutating func number() throws(QueryError) -> (value: Double, range: SourceRange)? {
        let start = current.range.start
        let isNegative = current.kind == .symbol(.subtract)
        let hasSign = isNegative || current.kind == .symbol(.add)
        guard case .number(let value) = (hasSign ? following : current).kind else { return nil }
        if hasSign { advance() }
        advance()
        return (isNegative ? -value : value, SourceRange(start, previousEnd))
    }

    /// The interval stands after the selector or after the pipeline.
    private mutating func window(
        _ function: WindowQuery.Function
    ) throws(QueryError) -> WindowQuery {
        let start = current.range.start
        advance()
        try expect(.leftParenthesis)
        let isWrapped = accept(.leftParenthesis)
        var query = try logQuery()
        if isWrapped { try expect(.rightParenthesis) }
        let interval = try bracketedInterval()
        let offset = try shift()
        if !isWrapped, query.stages.isEmpty {
            query.stages = try pipeline()
            if let last = query.stages.last { query.range.end = last.range.end }
        }
        try expect(.rightParenthesis)
        if current.kind == .identifier, current.text == "by" || current.text == "without" {
            throw notSupported("grouping by \(function.rawValue)", current.range)
        }
        return WindowQuery(
            function: function, query: query, interval: interval, offset: offset,
            range: SourceRange(start, previousEnd))
    }

    private mutating func bracketedInterval() throws(QueryError) -> Int64 {
        try expect(.leftBracket)
        guard case .duration(let interval) = current.kind, interval > 0 else {
            throw unexpected("DURATION")
        }
        advance()
        try expect(.rightBracket)
        return interval
    }

    private mutating func shift() throws(QueryError) -> Int64 {
        guard accept(word: "offset") else { return 0 }
        let isNegative = accept(.subtract)
        guard case .duration(let offset) = current.kind else { throw unexpected("DURATION") }
        advance()
        return isNegative ? -offset : offset
    }

    private mutating func aggregation(
        _ aggregator: VectorAggregation.Operator
    ) throws(QueryError) -> VectorAggregation {
        let start = current.range.start
        advance()
        var grouping = try self.grouping()
        try expect(.leftParenthesis)
        let operand = try nested { parser throws(QueryError) in try parser.metricQuery() }
        try expect(.rightParenthesis)
        if grouping == nil { grouping = try self.grouping() }
        return VectorAggregation(
            operator: aggregator, grouping: grouping ?? .by([]), operand: operand,
            range: SourceRange(start, previousEnd))
    }

    private mutating func grouping() throws(QueryError) -> VectorAggregation.Grouping? {
        let isBy = accept(word: "by")
        guard isBy || accept(word: "without") else { return nil }
        try expect(.leftParenthesis)
        var names: [String] = []
        while current.kind == .identifier {
            names.append(try identifier())
            guard accept(.comma) else { break }
        }
        try expect(.rightParenthesis)
        return isBy ? .by(names) : .without(names)
    }
}
