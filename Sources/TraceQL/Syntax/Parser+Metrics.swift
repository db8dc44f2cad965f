import QueryCore

/// Functions that turn spans into series, and what is done with the series.
extension Parser {
    /// The function that stands here, or `nil` if none does.
    mutating func metricsFunction() throws(QueryError) -> MetricsFunction? {
        guard current.kind == .identifier, following.kind == .symbol(.leftParenthesis) else {
            return nil
        }
        let start = current.range
        let name = current.text
        guard Self.metricsFunctions.contains(name) else { return nil }
        advance()
        try expect(.leftParenthesis)
        let function = try arguments(of: name)
        try expect(.rightParenthesis)
        var grouping: [Field] = []
        if name != "compare", accept(word: "by") {
            try expect(.leftParenthesis)
            grouping = try fieldList()
            try expect(.rightParenthesis)
        }
        return MetricsFunction(
            function: function, grouping: grouping, range: range(from: start))
    }

    private static let metricsFunctions: Set<String> = [
        "rate", "count_over_time", "min_over_time", "max_over_time", "avg_over_time",
        "sum_over_time", "histogram_over_time", "quantile_over_time", "compare",
    ]

    private mutating func arguments(
        of name: String
    ) throws(QueryError) -> MetricsFunction.Function {
        switch name {
        case "rate": .rate
        case "count_over_time": .countOverTime
        case "min_over_time": .minOverTime(try field())
        case "max_over_time": .maxOverTime(try field())
        case "avg_over_time": .avgOverTime(try field())
        case "sum_over_time": .sumOverTime(try field())
        case "histogram_over_time": .histogramOverTime(try field())
        case "quantile_over_time": try quantiles()
        default: .compare(try comparison())
        }
    }

    private mutating func quantiles() throws(QueryError) -> MetricsFunction.Function {
        let measured = try field()
        var quantiles: [Double] = []
        try expect(.comma)
        repeat {
            switch current.kind {
            case .integer(let value): quantiles.append(Double(value))
            case .float(let value): quantiles.append(value)
            default: throw unexpected("FLOAT or INTEGER")
            }
            advance()
        } while accept(.comma)
        return .quantileOverTime(measured, quantiles)
    }

    private mutating func comparison() throws(QueryError) -> MetricsFunction.Comparison {
        guard case .filter(let condition, let range) = try spansetFilter() else {
            throw unexpected("{")
        }
        var comparison = MetricsFunction.Comparison(
            filter: condition, filterRange: range, valuesMax: 10, start: 0, end: 0)
        guard accept(.comma) else { return comparison }
        comparison.valuesMax = try integer()
        guard accept(.comma) else { return comparison }
        comparison.start = try integer()
        try expect(.comma)
        comparison.end = try integer()
        return comparison
    }

    /// `| topk(5)`, `> 0.1`, as many as there are.
    mutating func secondStages(of query: MetricsQuery) throws(QueryError) -> MetricsQuery {
        var stages: [SecondStage] = []
        while true {
            let start = current.range
            if accept(.pipe) {
                stages.append(try selection(from: start))
            } else if case .symbol(let symbol) = current.kind,
                let comparison = BinaryOperator(rawValue: symbol.rawValue),
                comparison.isComparison, !comparison.isPattern
            {
                advance()
                let (token, next) = (current, following)
                let node = try expression(strength: BinaryOperator.add.strength)
                guard case .number(let number) = node.kind,
                    number.type != .duration || isPlainDuration(token, next)
                else { throw unexpected(token) }
                stages.append(.filter(comparison, number, range(from: start)))
            } else {
                break
            }
        }
        return stages.isEmpty ? query : .staged(query, stages)
    }

    /// Whether the number that starts with `token` and `next` and has just been read is a duration without
    /// arithmetic: in queries of series durations are not computed with.
    private func isPlainDuration(_ token: Token, _ next: Token) -> Bool {
        let last = token.kind == .symbol(.subtract) ? next : token
        if case .duration = last.kind { return previousRange == last.range }
        return false
    }

    private mutating func selection(from start: SourceRange) throws(QueryError) -> SecondStage {
        let isTop: Bool
        if accept(word: "topk") {
            isTop = true
        } else if accept(word: "bottomk") {
            isTop = false
        } else {
            throw unexpected("topk or bottomk")
        }
        try expect(.leftParenthesis)
        let count = try integer()
        try expect(.rightParenthesis)
        return isTop
            ? .topK(count, range(from: start)) : .bottomK(count, range(from: start))
    }
}
