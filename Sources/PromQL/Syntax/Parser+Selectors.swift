import QueryCore
import Store

/// Selectors, and what may follow an expression: `[range]`, `[range:step]`, `@`, `offset`.
extension Parser {
    mutating func vectorSelector(name: Token?) throws(QueryError) -> Expression {
        var selector = VectorSelector(
            name: name?.text, matchers: [], range: name?.range ?? current.range)
        if current.kind == .leftBrace {
            selector.matchers = try matchers()
            selector.range.end = lastConsumedEnd
        }
        return .vectorSelector(selector)
    }

    private mutating func matchers() throws(QueryError) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        try advance()
        while current.kind != .rightBrace {
            matchers.append(try matcher())
            guard current.kind == .comma else { break }
            try advance()
        }
        guard current.kind == .rightBrace else {
            throw unexpected(in: "label matching", expected: "\",\" or \"}\"")
        }
        try advance()
        return matchers
    }

    private mutating func matcher() throws(QueryError) -> LabelMatcher {
        let token = current
        let name: String
        switch token.kind {
        case .identifier: name = token.text
        case .string: name = try Lexer.unquote(token.text)
        default: throw unexpected(in: "label matching", expected: "identifier or \"}\"")
        }
        try advance()
        let matcherOperator: LabelMatcher.Operator
        switch current.kind {
        case .assign: matcherOperator = .equal
        case .binaryOperator(.notEqual): matcherOperator = .notEqual
        case .matches: matcherOperator = .matches
        case .doesNotMatch: matcherOperator = .doesNotMatch
        default:
            if token.kind == .string { return LabelMatcher("__name__", .equal, name) }
            throw unexpected(in: "label matching", expected: "label matching operator")
        }
        try advance()
        guard current.kind == .string else {
            throw unexpected(in: "label matching", expected: "string")
        }
        let value = try Lexer.unquote(current.text)
        let range = token.range.union(current.range)
        try advance()
        let matcher = LabelMatcher(name, matcherOperator, value)
        try checkPattern(of: matcher, range)
        return matcher
    }

    // MARK: Suffixes

    /// Applies everything that follows `expression` and belongs to it.
    mutating func suffixes(of expression: Expression) throws(QueryError) -> Expression {
        var expression = expression
        while true {
            switch current.kind {
            case .leftBracket: expression = try rangeOrSubquery(of: expression)
            case .keyword(.offset): expression = try offset(of: expression)
            case .at: expression = try anchor(of: expression)
            case .keyword(.anchored), .keyword(.smoothed):
                expression = try edges(of: expression)
            default: return expression
            }
            try descend()
        }
    }

    /// `anchored` or `smoothed`.
    private mutating func edges(of inner: Expression) throws(QueryError) -> Expression {
        let edges = current.kind == .keyword(.anchored) ? WindowEdges.anchored : .smoothed
        func combined(_ known: WindowEdges) throws(QueryError) -> WindowEdges {
            guard known == .asSampled || known == edges else {
                throw failure(
                    "anchored and smoothed modifiers cannot be used together", inner.range)
            }
            return edges
        }
        switch inner {
        case .vectorSelector(var node):
            node.edges = try combined(node.edges)
            try advance()
            return .vectorSelector(node)
        case .rangeSelector(var node):
            node.selector.edges = try combined(node.selector.edges)
            try advance()
            return .rangeSelector(node)
        case .subquery:
            throw failure(
                "\(edges.rawValue) modifier is not supported for subqueries", inner.range)
        default: throw failure("\(edges.rawValue) modifier not implemented", inner.range)
        }
    }

    private mutating func rangeOrSubquery(of inner: Expression) throws(QueryError) -> Expression {
        let open = current.range
        try advance()
        let duration = try positiveDuration(
            in: "subquery or range selector", expected: "number, duration, step(), or range()")
        if current.kind == .colon { return try subquery(of: inner, duration: duration) }
        guard current.kind == .rightBracket else {
            throw unexpected(in: "subquery or range", expected: "\":\" or \"]\"")
        }
        let brackets = open.union(current.range)
        try advance()
        guard case .vectorSelector(let selector) = inner else {
            throw failure("ranges only allowed for vector selectors", brackets)
        }
        if selector.shift.offset != 0 || selector.shift.computedOffset != nil {
            throw failure("no offset modifiers allowed before range", brackets)
        }
        if selector.shift.at != nil {
            throw failure("no @ modifiers allowed before range", brackets)
        }
        var range = RangeSelector(
            selector: selector, duration: duration.milliseconds,
            range: SourceRange(selector.range.start, brackets.end))
        range.computedDuration = duration.computed
        return .rangeSelector(range)
    }

    private mutating func subquery(
        of inner: Expression, duration: Duration
    ) throws(QueryError) -> Expression {
        try advance()
        var step: Duration?
        if current.kind != .rightBracket {
            step = try positiveDuration(
                in: "subquery selector", expected: "number, duration, step(), range(), or \"]\"")
        }
        guard current.kind == .rightBracket else {
            throw unexpected(in: "subquery selector", expected: "\"]\"")
        }
        let end = current.range.end
        try advance()
        var subquery = Subquery(
            inner: inner, duration: duration.milliseconds,
            step: step?.computed == nil ? step?.milliseconds : nil,
            range: SourceRange(inner.range.start, end))
        subquery.computedDuration = duration.computed
        subquery.computedStep = step?.computed
        return .subquery(subquery)
    }

    private mutating func offset(of inner: Expression) throws(QueryError) -> Expression {
        try advance()
        let offset = try offsetDuration()
        return try shifting(
            inner, modifier: "offset modifier", end: lastConsumedEnd
        ) { shift throws(QueryError) in
            guard shift.offset == 0, shift.computedOffset == nil else {
                throw failure("offset may not be set multiple times", inner.range)
            }
            shift.offset = offset.milliseconds
            shift.computedOffset = offset.computed
        }
    }

    private mutating func anchor(of inner: Expression) throws(QueryError) -> Expression {
        try advance()
        let anchor = try anchorTime(of: inner)
        return try shifting(
            inner, modifier: "@ modifier", end: lastConsumedEnd
        ) { shift throws(QueryError) in
            guard shift.at == nil else {
                throw failure("@ <timestamp> may not be set multiple times", inner.range)
            }
            shift.at = anchor
        }
    }

    private mutating func anchorTime(of inner: Expression) throws(QueryError) -> TimeShift.Anchor {
        if current.kind == .keyword(.start) || current.kind == .keyword(.end) {
            let anchor: TimeShift.Anchor = current.kind == .keyword(.start) ? .start : .end
            try advance()
            for kind in [Token.Kind.leftParenthesis, .rightParenthesis] {
                guard current.kind == kind else { throw unexpected(in: "@", expected: "timestamp") }
                try advance()
            }
            return anchor
        }
        var sign = 1.0
        if case .binaryOperator(let token) = current.kind, token == .add || token == .subtract {
            sign = token == .subtract ? -1 : 1
            try advance()
        }
        guard current.kind == .number || current.kind == .duration else {
            throw unexpected(in: "@", expected: "timestamp")
        }
        let seconds = sign * (try numberLiteral().value)
        guard abs(seconds) < 9.2e15 else {
            let digits = NumberFormat.decimal(seconds)
            let shown = seconds.isFinite ? digits + ".000000" : digits
            throw failure("timestamp out of bounds for @ modifier: \(shown)", inner.range)
        }
        return .time(Int64((seconds * 1_000).rounded(.toNearestOrAwayFromZero)))
    }

    private func shifting(
        _ inner: Expression, modifier: String, end: Int,
        _ change: (inout TimeShift) throws(QueryError) -> Void
    ) throws(QueryError) -> Expression {
        switch inner {
        case .vectorSelector(var node):
            try change(&node.shift)
            node.range.end = end
            return .vectorSelector(node)
        case .rangeSelector(var node):
            try change(&node.selector.shift)
            node.range.end = end
            return .rangeSelector(node)
        case .subquery(var node):
            try change(&node.shift)
            node.range.end = end
            return .subquery(node)
        default:
            throw failure(
                "\(modifier) must be preceded by an instant vector selector or range vector "
                    + "selector or a subquery", inner.range)
        }
    }
}
