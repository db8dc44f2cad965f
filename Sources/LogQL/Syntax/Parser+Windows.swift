import QueryCore

/// Functions of windows: `quantile_over_time(0.9, {a="b"} | unwrap c [5m]) by (d)`.
extension Parser {
    /// The interval stands after the selector or after the pipeline.
    mutating func window(_ function: WindowFunction) throws(QueryError) -> WindowQuery {
        let start = current.range.start
        advance()
        try expect(.leftParenthesis)
        let parameter = try windowParameter(function)
        let lines = try logRange()
        try expect(.rightParenthesis)
        let place = current.range
        let grouping = try self.grouping()
        guard grouping == nil || function.takesGrouping else {
            throw failure("grouping not allowed for \(function.rawValue) aggregation", place)
        }
        let range = SourceRange(start, previousEnd)
        guard lines.unwrap == nil ? function.takesLines : function.takesValues else {
            throw failure(
                "invalid aggregation \(function.rawValue) "
                    + "\(lines.unwrap == nil ? "without" : "with") unwrap", range)
        }
        return WindowQuery(
            function: function, parameter: parameter, query: lines.query, unwrap: lines.unwrap,
            interval: lines.interval, offset: lines.offset, grouping: grouping, range: range)
    }

    private struct LogRange {
        var query: LogQuery
        var unwrap: Unwrap?
        var interval: Int64 = 0
        var offset: Int64 = 0
    }

    /// Parentheses may stand around the selector with its stages, and around all.
    private mutating func logRange() throws(QueryError) -> LogRange {
        guard accept(.leftParenthesis) else {
            var lines = LogRange(query: try logQuery(), unwrap: try unwrap())
            try finish(&lines, mayHaveStages: true)
            return lines
        }
        return try nested { parser throws(QueryError) in
            if parser.current.kind == .symbol(.leftParenthesis) {
                let lines = try parser.logRange()
                try parser.expect(.rightParenthesis)
                return lines
            }
            var lines = LogRange(query: try parser.logQuery(), unwrap: try parser.unwrap())
            if parser.accept(.rightParenthesis) {
                try parser.finish(&lines, mayHaveStages: false)
            } else {
                try parser.finish(&lines, mayHaveStages: true)
                try parser.expect(.rightParenthesis)
            }
            return lines
        }
    }

    /// The interval, the offset, and what may stand behind them instead of before.
    private mutating func finish(
        _ lines: inout LogRange, mayHaveStages: Bool
    ) throws(QueryError) {
        lines.interval = try bracketedInterval()
        lines.offset = try shift()
        guard lines.unwrap == nil else { return }
        if mayHaveStages, lines.query.stages.isEmpty {
            lines.query.stages = try pipeline()
            if let last = lines.query.stages.last { lines.query.range.end = last.range.end }
        }
        lines.unwrap = try unwrap()
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
