import QueryCore

/// Splits PromQL text into tokens, one at a time, as far as the parser asks. What a character means
/// depends on whether a brace or bracket is open.
struct Lexer: TextScanner {
    let source: String
    let bytes: [UInt8]
    var position = 0
    /// Where the token being read starts.
    var start = 0
    private var parenthesisDepth = 0
    private var isBraceOpen = false
    private var isBracketOpen = false
    private var hasColon = false

    init(_ source: String) {
        self.source = source
        bytes = Array(source.utf8)
    }

    /// The next token; `.end` again and again at the end of the text.
    mutating func next() throws(QueryError) -> Token {
        skipSpaceAndComments()
        start = position
        if isBraceOpen { return try insideBraces() }
        guard let byte = peek() else {
            if parenthesisDepth != 0 { throw failure("unclosed left parenthesis") }
            if isBracketOpen {
                throw failure("unexpected end of input in duration expression")
            }
            return token(.end)
        }
        if Self.isDigit(byte) || byte == UInt8(ascii: ".") && Self.isDigit(peek(1) ?? 0) {
            return try numberOrDuration()
        }
        if Self.isAlpha(byte) || byte == UInt8(ascii: ":") {
            return isBracketOpen ? try insideBrackets(byte) : word()
        }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`") {
            try scanString()
            return token(.string)
        }
        return try punctuation(byte)
    }

    // MARK: Outside braces

    private mutating func punctuation(_ byte: UInt8) throws(QueryError) -> Token {
        position += 1
        switch byte {
        case UInt8(ascii: ","): return token(.comma)
        case UInt8(ascii: "*"): return token(.binaryOperator(.multiply))
        case UInt8(ascii: "/"): return token(.binaryOperator(.divide))
        case UInt8(ascii: "%"): return token(.binaryOperator(.modulo))
        case UInt8(ascii: "+"): return token(.binaryOperator(.add))
        case UInt8(ascii: "-"): return token(.binaryOperator(.subtract))
        case UInt8(ascii: "^"): return token(.binaryOperator(.power))
        case UInt8(ascii: "@"): return token(.at)
        case UInt8(ascii: "="):
            if accept("=") { return token(.binaryOperator(.equal)) }
            if peek() == UInt8(ascii: "~") {
                throw failure("unexpected character after '=': '~'")
            }
            return token(.assign)
        case UInt8(ascii: "!"):
            guard accept("=") else {
                throw failure("unexpected character after '!': \(quotedCharacter(position))")
            }
            return token(.binaryOperator(.notEqual))
        case UInt8(ascii: "<"):
            if accept("=") { return token(.binaryOperator(.lessOrEqual)) }
            return token(.binaryOperator(accept("/") ? .trimUpper : .less))
        case UInt8(ascii: ">"):
            if accept("=") { return token(.binaryOperator(.greaterOrEqual)) }
            return token(.binaryOperator(accept("/") ? .trimLower : .greater))
        default: return try bracket(byte)
        }
    }

    private mutating func bracket(_ byte: UInt8) throws(QueryError) -> Token {
        switch byte {
        case UInt8(ascii: "("):
            parenthesisDepth += 1
            return token(.leftParenthesis)
        case UInt8(ascii: ")"):
            parenthesisDepth -= 1
            if parenthesisDepth < 0 {
                start = position
                throw failure("unexpected right parenthesis ')'")
            }
            return token(.rightParenthesis)
        case UInt8(ascii: "{"):
            isBraceOpen = true
            return token(.leftBrace)
        case UInt8(ascii: "["):
            if isBracketOpen { throw failure("unexpected left bracket '['") }
            isBracketOpen = true
            hasColon = false
            return token(.leftBracket)
        case UInt8(ascii: "]"):
            if !isBracketOpen { throw failure("unexpected right bracket ']'") }
            isBracketOpen = false
            return token(.rightBracket)
        default:
            throw failure("unexpected character: \(quotedCharacter(position - 1))")
        }
    }

    private mutating func insideBrackets(_ byte: UInt8) throws(QueryError) -> Token {
        if byte == UInt8(ascii: ":") {
            if hasColon { throw failure("unexpected colon ':'") }
            hasColon = true
            position += 1
            return token(.colon)
        }
        let word = word()
        guard case .keyword = word.kind else {
            throw failure("unexpected character: \(quotedCharacter(start)), expected ':'")
        }
        return word
    }

    private mutating func word() -> Token {
        while let byte = peek(), Self.isAlphanumeric(byte) || byte == UInt8(ascii: ":") {
            position += 1
        }
        let text = text(from: start)
        return token(Self.kind(ofWord: text, isCall: isFollowedByParenthesis))
    }

    private static func kind(ofWord text: String, isCall: Bool) -> Token.Kind {
        let lower = text.lowercased()
        if lower == "inf" || lower == "nan" { return .number }
        if let aggregator = Aggregation.Operator(rawValue: lower) { return .aggregator(aggregator) }
        if let binary = BinaryOperator(rawValue: lower) { return .binaryOperator(binary) }
        if let keyword = Token.Keyword(rawValue: lower) {
            switch keyword {
            // `fill` was once a common metric name: a keyword only where a value follows.
            case .fill, .fillLeft, .fillRight: if isCall { return .keyword(keyword) }
            default: return .keyword(keyword)
            }
        }
        return text.contains(":") ? .metricIdentifier : .identifier
    }

    private var isFollowedByParenthesis: Bool {
        bytes[position...].first { !Self.isSpace($0) } == UInt8(ascii: "(")
    }

    // MARK: Inside braces

    private mutating func insideBraces() throws(QueryError) -> Token {
        guard let byte = peek() else { throw failure("unexpected end of input inside braces") }
        if Self.isAlpha(byte) {
            while let byte = peek(), Self.isAlphanumeric(byte) { position += 1 }
            return token(.identifier)
        }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            try scanString()
            return token(.string)
        case UInt8(ascii: ","):
            position += 1
            return token(.comma)
        case UInt8(ascii: "="):
            position += 1
            return token(accept("~") ? .matches : .assign)
        case UInt8(ascii: "!"):
            position += 1
            if accept("~") { return token(.doesNotMatch) }
            guard accept("=") else {
                throw failure(
                    "unexpected character after '!' inside braces: \(quotedCharacter(position))")
            }
            return token(.binaryOperator(.notEqual))
        case UInt8(ascii: "{"): throw failure("unexpected left brace '{'")
        case UInt8(ascii: "}"):
            position += 1
            isBraceOpen = false
            return token(.rightBrace)
        default:
            throw failure("unexpected character inside braces: \(quotedCharacter(position))")
        }
    }

    // MARK: Pieces

    private mutating func skipSpaceAndComments() {
        while let byte = peek() {
            if Self.isSpace(byte) {
                position += 1
            } else if byte == UInt8(ascii: "#"), !isBracketOpen {
                while let byte = peek(), byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") {
                    position += 1
                }
            } else {
                return
            }
        }
    }

    func token(_ kind: Token.Kind) -> Token {
        Token(
            kind: kind, range: SourceRange(start, position), text: text(from: start))
    }

    func failure(_ reason: String) -> QueryError {
        .parse(reason, at: SourceRange(start, bytes.count), in: source)
    }

    /// The character at `offset` in single quotes.
    private func quotedCharacter(_ offset: Int) -> String {
        guard offset < bytes.count else { return "end of input" }
        let character = character(at: offset)
        return character == "'" ? "'\\''" : "'\(character)'"
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (0x09...0x0A).contains(byte) || byte == UInt8(ascii: "\r")
    }
}
