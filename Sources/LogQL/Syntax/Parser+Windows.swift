import QueryCore

/// Functions of windows: `quantile_over_time(0.9, {a="b"} | unwrap c [5m]) by (d)`.
extension Parser {
    /// The interval stands after the selector or after the pipeline.
    mutating func window(_ function: WindowFunction) throws(QueryError) -> WindowQuery {
        let start = current.range.start
        advance()
        try expect(.leftParenthesis)
        let parameter = try windowParameter(function)
        let isWrapped = accept(.leftParenthesis)
        var query = try logQuery()
        var unwrap = try self.unwrap()
        if isWrapped { try expect(.rightParenthesis) }
        let interval = try bracketedInterval()
        let offset = try shift()
        if !isWrapped, query.stages.isEmpty, unwrap == nil {
            query.stages = try pipeline()
            if let last = query.stages.last { query.range.end = last.range.end }
            unwrap = try self.unwrap()
        }
        try expect(.rightParenthesis)
        let place = current.range
        let grouping = try self.grouping()
        guard grouping == nil || function.takesGrouping else {
            throw failure("grouping not allowed for \(function.rawValue) aggregation", place)
        }
        let range = SourceRange(start, previousEnd)
        guard unwrap == nil ? function.takesLines : function.takesValues else {
            throw failure(
                "invalid aggregation \(function.rawValue) \(unwrap == nil ? "without" : "with") unwrap",
                range)
        }
        return WindowQuery(
            function: function, parameter: parameter, query: query, unwrap: unwrap,
            interval: interval, offset: offset, grouping: grouping, range: range)
    }

    private mutating func windowParameter(
        _ function: WindowFunction
    ) throws(QueryError) -> Double? {
        guard function == .quantileOverTime else { return nil }
        guard let number = number() else {
            throw failure("parameter required for operation \(function.rawValue)", current.range)
        }
        try expect(.comma)
        return number.value
    }

    /// `| unwrap label | filter…` if it stands here.
    private mutating func unwrap() throws(QueryError) -> Unwrap? {
        guard beginsUnwrap else { return nil }
        advance()
        advance()
        let range = current.range
        var label = try identifier()
        var conversion = Unwrap.Conversion.number
        if accept(.leftParenthesis) {
            guard !label.isEmpty, let found = Unwrap.Conversion(rawValue: label) else {
                throw failure("unwrap by \(label)() is not known", range)
            }
            conversion = found
            label = try identifier()
            try expect(.rightParenthesis)
        }
        var filters: [LabelFilter] = []
        while accept(.pipe) { filters.append(try labelFilter()) }
        return Unwrap(label, conversion, filters: filters)
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
}
