import QueryCore
import RegularExpressions
import Store

/// Recursive descent over the tokens of a query. Expressions inside it (patterns, templates, paths) are
/// checked here, so that nothing is read for a query that cannot be run.
struct Parser {
    /// Bounds the work for one text; Loki's default.
    static let queryBytesMax = 131_072
    /// Aggregations and parentheses within each other: each takes stack.
    static let depthMax = 100

    let source: String
    private let tokens: [Token]
    private var index = 0
    var depth = 0
    /// Between metric queries, read so far.
    var operators = 0

    static func parse(_ source: String) throws(QueryError) -> LogQLExpression {
        guard source.utf8.count <= queryBytesMax else {
            throw .badData(
                "parse error : query size longer than maximum size "
                    + "(\(source.utf8.count) > \(queryBytesMax))")
        }
        var parser = Parser(source, try Lexer.tokens(of: source))
        let expression = try parser.expression()
        try parser.expectEnd()
        return expression
    }

    /// A stream selector alone, as in `match[]`.
    static func selector(_ source: String) throws(QueryError) -> [LabelMatcher] {
        var parser = Parser(source, try Lexer.tokens(of: source))
        let matchers = try parser.selector()
        guard parser.current.kind == .end else { throw parser.unexpected() }
        return matchers
    }

    private init(_ source: String, _ tokens: [Token]) {
        self.source = source
        self.tokens = tokens
    }

    private mutating func expression() throws(QueryError) -> LogQLExpression {
        switch current.kind {
        case .symbol(.leftBrace): return .log(try logQuery())
        case .symbol(.leftParenthesis), .symbol(.add), .symbol(.subtract), .number, .identifier:
            if current.kind == .symbol(.leftParenthesis), beginsLogQuery {
                advance()
                let query = try nested { parser throws(QueryError) in try parser.expression() }
                try expect(.rightParenthesis)
                return query
            }
            return .metric(try metricQuery())
        default: throw unexpected()
        }
    }

    /// Whether the parentheses that open here hold a selector.
    private var beginsLogQuery: Bool {
        tokens[index...].first { $0.kind != .symbol(.leftParenthesis) }?.kind
            == .symbol(.leftBrace)
    }

    private mutating func expectEnd() throws(QueryError) {
        if beginsUnwrap {
            throw failure("syntax error: unwrap outside of a range aggregation", following.range)
        }
        guard current.kind == .end else { throw unexpected() }
    }

    // MARK: Selectors

    mutating func logQuery() throws(QueryError) -> LogQuery {
        let start = current.range.start
        let matchers = try selector()
        let stages = try pipeline()
        return LogQuery(
            matchers: matchers, stages: stages, range: SourceRange(start, previousEnd))
    }

    mutating func selector() throws(QueryError) -> [LabelMatcher] {
        let start = current.range.start
        try expect(.leftBrace)
        var matchers: [LabelMatcher] = []
        while current.kind != .symbol(.rightBrace) {
            matchers.append(try matcher())
            guard accept(.comma) else { break }
        }
        try expect(.rightBrace)
        for matcher in matchers where try !matcher.acceptsEmpty() { return matchers }
        throw QueryError(
            .badData,
            "parse error : queries require at least one regexp or equality matcher that does not "
                + "have an empty-compatible value. For instance, app=~\".*\" does not meet this "
                + "requirement, but app=~\".+\" will",
            range: SourceRange(start, previousEnd))
    }

    mutating func matcher() throws(QueryError) -> LabelMatcher {
        let name = try identifier()
        let `operator`: LabelMatcher.Operator
        switch current.kind {
        case .symbol(.equal): `operator` = .equal
        case .symbol(.notEqual): `operator` = .notEqual
        case .symbol(.matches): `operator` = .matches
        case .symbol(.doesNotMatch): `operator` = .doesNotMatch
        default: throw unexpected("=, !=, =~ or !~")
        }
        advance()
        let range = current.range
        let matcher = LabelMatcher(name, `operator`, try string())
        try checkPattern(of: matcher, range)
        return matcher
    }

    func checkPattern(of matcher: LabelMatcher, _ range: SourceRange) throws(QueryError) {
        guard matcher.operator == .matches || matcher.operator == .doesNotMatch else { return }
        try checkPattern(matcher.value, Pattern.Options(), range)
    }

    func checkPattern(
        _ pattern: String, _ options: Pattern.Options, _ range: SourceRange
    ) throws(QueryError) {
        do throws(PatternError) {
            _ = try Pattern(pattern, options: options)
        } catch {
            throw failure("error parsing regexp: \(error.reason)", range)
        }
    }

    // MARK: Tokens

    var current: Token { tokens[index] }
    var following: Token { tokens[min(index + 1, tokens.count - 1)] }
    func token(ahead: Int) -> Token { tokens[min(index + ahead, tokens.count - 1)] }
    var previousEnd: Int { index > 0 ? tokens[index - 1].range.end : 0 }

    mutating func advance() { index = min(index + 1, tokens.count - 1) }

    mutating func accept(_ symbol: Token.Symbol) -> Bool {
        guard current.kind == .symbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func accept(word: String) -> Bool {
        guard current.kind == .identifier, current.text == word else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: Token.Symbol) throws(QueryError) {
        guard accept(symbol) else { throw unexpected(symbol.rawValue) }
    }

    mutating func identifier() throws(QueryError) -> String {
        guard current.kind == .identifier else { throw unexpected("IDENTIFIER") }
        defer { advance() }
        return current.text
    }

    mutating func string() throws(QueryError) -> String {
        guard case .string(let text) = current.kind else { throw unexpected("STRING") }
        advance()
        return text
    }

    mutating func nested<Result>(
        _ body: (inout Parser) throws(QueryError) -> Result
    ) throws(QueryError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Parser.depthMax else {
            throw failure("more than \(Parser.depthMax) levels of parentheses", current.range)
        }
        return try body(&self)
    }

    func unexpected(_ expected: String? = nil) -> QueryError {
        let tail = expected.map { ", expecting \($0)" } ?? ""
        return failure("syntax error: unexpected \(current.name)\(tail)", current.range)
    }

    func failure(_ reason: String, _ range: SourceRange) -> QueryError {
        .logQL(reason, at: range, in: source)
    }
}

extension LabelMatcher {
    /// Whether a missing label satisfies the matcher.
    fileprivate func acceptsEmpty() throws(QueryError) -> Bool {
        switch self.operator {
        case .equal: return value.isEmpty
        case .notEqual: return !value.isEmpty
        case .matches, .doesNotMatch: break
        }
        do throws(PatternError) {
            return try Pattern(value).matchesWhole("") == (self.operator == .matches)
        } catch {
            throw .badData("error parsing regexp: \(error.reason)")
        }
    }
}
