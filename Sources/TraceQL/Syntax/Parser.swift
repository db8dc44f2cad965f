import QueryCore

/// Recursive descent over the tokens of a query. Accepts what Tempo's grammar accepts.
struct Parser {
    /// Bounds the work for one text; Tempo's default.
    static let queryBytesMax = 131_072
    /// Parentheses and operands within each other: each takes stack.
    static let depthMax = 100
    /// Operators in a row.
    static let chainMax = 1_000

    let source: String
    private let tokens: [Token]
    private var index = 0
    private var depth = 0

    /// The query, not yet validated.
    static func parse(_ source: String) throws(QueryError) -> TraceQLQuery {
        guard source.utf8.count <= queryBytesMax else {
            throw .badData(
                "query size longer than maximum size (\(source.utf8.count) > \(queryBytesMax))")
        }
        var parser = Parser(source: source, tokens: try Lexer.tokens(of: source))
        return try parser.query()
    }

    /// A field alone.
    static func field(_ source: String) throws(QueryError) -> Field {
        guard source.utf8.count <= queryBytesMax else { throw .badData("the name is too long") }
        var parser = Parser(source: source, tokens: try Lexer.tokens(of: source))
        let field = try parser.field()
        guard parser.current.kind == .end else { throw parser.unexpected() }
        return field
    }

    private init(source: String, tokens: [Token]) {
        self.source = source
        self.tokens = tokens
    }

    private mutating func query() throws(QueryError) -> TraceQLQuery {
        let node = try nodes()
        var hints: [Hint] = []
        while accept(word: "with") { hints += try hintList() }
        guard current.kind == .end else { throw unexpected() }
        switch node.kind {
        case .spanset(let expression):
            return TraceQLQuery(body: .spansets(expression), hints: hints)
        case .filter(let filter):
            let isOfPipelines = filter.left.holdsPipeline || filter.right.holdsPipeline
            let expression: SpansetExpression =
                isOfPipelines ? .comparison(filter) : .pipeline([.filter(filter)], filter.range)
            return TraceQLQuery(body: .spansets(expression), hints: hints)
        case .metrics(let query): return TraceQLQuery(body: .metrics(query), hints: hints)
        case .number, .scalar: throw unexpected("a comparison")
        }
    }

    private mutating func hintList() throws(QueryError) -> [Hint] {
        try expect(.leftParenthesis)
        var hints: [Hint] = []
        repeat {
            let name = current
            guard case .identifier = name.kind else { throw unexpected("IDENTIFIER") }
            advance()
            try expect(.equal)
            let value = try literal()
            hints.append(
                Hint(
                    name: name.text, value: value, range: name.range.union(previousRange)))
        } while accept(.comma)
        try expect(.rightParenthesis)
        return hints
    }

    // MARK: Tokens

    var current: Token { tokens[index] }
    var following: Token { tokens[min(index + 1, tokens.count - 1)] }
    var previousRange: SourceRange { index > 0 ? tokens[index - 1].range : SourceRange(0, 0) }

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

    mutating func integer() throws(QueryError) -> Int64 {
        guard case .integer(let value) = current.kind else { throw unexpected("INTEGER") }
        advance()
        return value
    }

    /// A constant without operators.
    mutating func literal() throws(QueryError) -> Literal {
        let literal: Literal
        switch current.kind {
        case .string(let text): literal = .string(text)
        case .integer(let value): literal = .int(value)
        case .float(let value): literal = .double(value)
        case .duration(let nanoseconds): literal = .duration(nanoseconds)
        case .identifier:
            guard let constant = Literal(word: current.text) else { throw unexpected() }
            literal = constant
        default: throw unexpected()
        }
        advance()
        return literal
    }

    mutating func nested<Result>(
        _ body: (inout Parser) throws(QueryError) -> Result
    ) throws(QueryError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Parser.depthMax else {
            throw failure("more than \(Parser.depthMax) levels of nesting", current.range)
        }
        return try body(&self)
    }

    func range(from start: SourceRange) -> SourceRange { start.union(previousRange) }

    func unexpected(_ expected: String? = nil) -> QueryError {
        unexpected(current, expected)
    }

    func unexpected(_ token: Token, _ expected: String? = nil) -> QueryError {
        let tail = expected.map { ", expecting \($0)" } ?? ""
        return failure("syntax error: unexpected \(token.name)\(tail)", token.range)
    }

    func chainTooLong() -> QueryError {
        failure("more than \(Parser.chainMax) operators in a row", current.range)
    }

    func failure(_ reason: String, _ range: SourceRange) -> QueryError {
        .traceQL(reason, at: range, in: source)
    }
}

extension ScalarExpression {
    var holdsPipeline: Bool {
        switch self {
        case .literal, .aggregate: false
        case .operation(_, let left, let right, _): left.holdsPipeline || right.holdsPipeline
        case .pipeline: true
        }
    }
}
