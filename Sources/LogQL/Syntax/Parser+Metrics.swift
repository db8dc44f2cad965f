import QueryCore

extension Parser {
    /// What Loki has at the beginning of a metric query and this program has not.
    private static let unsupportedFunctions: Set<String> = [
        "absent_over_time", "approx_topk", "avg_over_time", "bottomk", "first_over_time",
        "label_replace", "last_over_time", "max_over_time", "min_over_time",
        "quantile_over_time", "rate_counter", "sort", "sort_desc", "stddev", "stddev_over_time",
        "stdvar", "stdvar_over_time", "sum_over_time", "topk", "vector",
    ]

    mutating func metricQuery() throws(QueryError) -> MetricQuery {
        if accept(.leftParenthesis) {
            let query = try nested { parser throws(QueryError) in try parser.metricQuery() }
            try expect(.rightParenthesis)
            return query
        }
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
        throw unexpected()
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
