import QueryCore
import Store

/// Reads PromQL by precedence climbing, one token ahead. The first mistake ends it; messages and
/// positions are those of Prometheus 3.
///
/// Types are checked afterwards by `TypeChecker`.
struct Parser {
    /// Nesting that is accepted: whoever walks the tree recurses, and a thread's stack is bounded.
    static let depthMax = 200
    /// Operators that are accepted in one query. A chain of them nests as deep as it is long, which the
    /// evaluation does not mind, but not all who look at the tree go along chains in a loop.
    static let operatorsMax = 2_000

    private var lexer: Lexer
    var current: Token
    /// End of the last token that can close an expression.
    var lastClosing = 0
    /// Inside how many aggregations: a stray token there is reported as theirs.
    var aggregationDepth = 0
    private var depth = 0
    private var operatorCount = 0

    var source: String { lexer.source }

    /// Parses `source` and checks types.
    static func parse(_ source: String) throws(QueryError) -> Expression {
        var parser = try Parser(source)
        guard parser.current.kind != .end else {
            throw .parse("no expression found in input", at: SourceRange(0, 0), in: source)
        }
        let expression = try parser.expression()
        guard parser.current.kind == .end else { throw parser.unexpected() }
        try TypeChecker(source: source).check(expression)
        return expression
    }

    private init(_ source: String) throws(QueryError) {
        lexer = Lexer(source)
        current = try lexer.next()
    }

    // MARK: Precedence climbing

    /// An expression whose operators all bind at least as tight as `precedenceMin`.
    mutating func expression(precedenceMin: Int = 1) throws(QueryError) -> Expression {
        let outerDepth = depth
        defer { depth = outerDepth }
        try descend()
        var left = try operand()
        while case .binaryOperator(let binary) = current.kind, binary.precedence >= precedenceMin {
            operatorCount += 1
            guard operatorCount <= Self.operatorsMax else {
                throw failure(
                    "expression has more than \(Self.operatorsMax) operators", current.range)
            }
            let start = current.range.start
            try advance()
            var operation = BinaryOperation(
                operator: binary, left: left, right: left, operatorRange: SourceRange(start, start))
            try modifiers(of: &operation)
            operation.operatorRange.end = max(lastConsumedEnd, start)
            operation.right = try expression(
                precedenceMin: binary == .power ? binary.precedence : binary.precedence + 1)
            left = .binary(operation)
        }
        return left
    }

    private mutating func operand() throws(QueryError) -> Expression {
        guard case .binaryOperator(let sign) = current.kind, sign == .add || sign == .subtract
        else {
            return try suffixes(of: try primary())
        }
        let start = current.range.start
        try advance()
        let operand = try expression(precedenceMin: BinaryOperator.signPrecedence + 1)
        if case .number(var number) = operand {
            if sign == .subtract { number.value = -number.value }
            number.range.start = start
            return .number(number)
        }
        return .unary(
            UnaryOperation(
                isNegation: sign == .subtract, operand: operand,
                range: SourceRange(start, operand.range.end)))
    }

    private mutating func primary() throws(QueryError) -> Expression {
        switch current.kind {
        case .number, .duration: return .number(try numberLiteral())
        case .string:
            let token = current
            try advance()
            return .string(
                StringLiteral(value: try Lexer.unquote(token.text), range: token.range))
        case .leftParenthesis: return try parenthesized()
        case .leftBrace: return try vectorSelector(name: nil)
        case .aggregator(let aggregator):
            let token = current
            try advance()
            if isAggregationAhead { return try aggregation(aggregator, token) }
            return try vectorSelector(name: token)
        default:
            guard current.isMetricName else { throw unexpected() }
            let token = current
            try advance()
            guard current.kind == .leftParenthesis, token.isFunctionName else {
                return try vectorSelector(name: token)
            }
            return try call(token)
        }
    }

    private var isAggregationAhead: Bool {
        switch current.kind {
        case .leftParenthesis, .keyword(.by), .keyword(.without): true
        default: false
        }
    }

    private mutating func parenthesized() throws(QueryError) -> Expression {
        let start = current.range.start
        try advance()
        let inner = try expression()
        guard current.kind == .rightParenthesis else { throw unexpected() }
        let end = current.range.end
        try advance()
        return .parenthesized(Parenthesized(inner: inner, range: SourceRange(start, end)))
    }

    mutating func numberLiteral() throws(QueryError) -> NumberLiteral {
        let token = current
        try advance()
        guard token.kind == .duration else {
            guard let value = Lexer.number(token.text) else {
                throw failure(
                    "error parsing number: \(QuotedText.quote(token.text)) is out of range",
                    token.range)
            }
            return NumberLiteral(value: value, range: token.range)
        }
        let milliseconds: Int64
        do throws(PromQLDuration.Failure) {
            milliseconds = try PromQLDuration.parse(token.text)
        } catch {
            let quoted = QuotedText.quote(token.text)
            throw failure(
                error == .malformed
                    ? "not a valid duration string: \(quoted)" : "duration out of range",
                token.range)
        }
        return NumberLiteral(
            value: Double(milliseconds) / 1_000, isDuration: true, range: token.range)
    }

    // MARK: Tokens

    private(set) var lastConsumedEnd = 0

    mutating func advance() throws(QueryError) {
        lastConsumedEnd = current.range.end
        current = try lexer.next()
        switch current.kind {
        case .rightBrace, .rightParenthesis, .rightBracket, .duration, .number:
            lastClosing = current.range.end
        default: break
        }
    }

    mutating func descend() throws(QueryError) {
        depth += 1
        if depth > Self.depthMax {
            throw failure(
                "expression is nested more than \(Self.depthMax) levels deep", current.range)
        }
    }

    func failure(_ reason: String, _ range: SourceRange) -> QueryError {
        .parse(reason, at: range, in: source)
    }

    /// The error for a token that does not fit. Without a context of its own it is the innermost
    /// aggregation's.
    func unexpected(in context: String? = nil, expected: String? = nil) -> QueryError {
        var reason = "unexpected \(current.description)"
        if let context = context ?? (aggregationDepth > 0 ? "aggregation" : nil) {
            reason += " in \(context)"
        }
        if let expected { reason += ", expected \(expected)" }
        return failure(reason, current.range)
    }
}

extension Token {
    /// Whether the token before a parenthesis makes a call.
    fileprivate var isFunctionName: Bool {
        switch kind {
        case .identifier: true
        case .keyword(let keyword): !keyword.isModifier
        default: false
        }
    }
}
