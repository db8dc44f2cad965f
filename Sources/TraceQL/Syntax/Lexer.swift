import QueryCore

/// Splits TraceQL text into tokens.
struct Lexer: TextScanner {
    let source: String
    let bytes: [UInt8]
    var position = 0
    /// Where the token being read starts.
    private(set) var start = 0

    init(_ source: String) {
        self.source = source
        bytes = Array(source.utf8)
    }

    /// All tokens; the last one is `.end`.
    static func tokens(of source: String) throws(QueryError) -> [Token] {
        var lexer = Lexer(source)
        var tokens: [Token] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private mutating func next() throws(QueryError) -> Token {
        try skipSpaceAndComments()
        start = position
        guard let byte = peek() else { return token(.end) }
        if Self.isAlpha(byte) { return try word() }
        if Self.isDigit(byte) || byte == UInt8(ascii: ".") && Self.isDigit(peek(1) ?? 0) {
            let kind = try number()
            return token(kind)
        }
        if byte == UInt8(ascii: ".") {
            position += 1
            let name = try attributeName()
            return token(.attribute(Field(.any, name)))
        }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "`") {
            let content = try quotedText()
            return token(.string(content))
        }
        return try symbol()
    }

    /// An identifier, an attribute (`span.x`) or the scope of an intrinsic (`span:`).
    private mutating func word() throws(QueryError) -> Token {
        while let byte = peek(), Self.isAlpha(byte) || Self.isDigit(byte) { position += 1 }
        let text = text(from: start)
        if peek() == UInt8(ascii: "."), let scope = Field.Scope(rawValue: text) {
            position += 1
            let name = try attributeName()
            return token(.attribute(Field(scope, name)))
        }
        if peek() == UInt8(ascii: "."), text == "parent" {
            position += 1
            let field = try parentAttribute()
            return token(.attribute(field))
        }
        if peek() == UInt8(ascii: ":"), let scope = Intrinsic.Scope(rawValue: text) {
            position += 1
            return token(.scope(scope))
        }
        return token(.identifier)
    }

    /// What follows `parent.`: a name, or `span.` or `resource.` and a name.
    private mutating func parentAttribute() throws(QueryError) -> Field {
        for scope in [Field.Scope.span, .resource] {
            let prefix = Array((scope.rawValue + ".").utf8)
            if bytes[position...].starts(with: prefix) {
                position += prefix.count
                return Field(scope, try attributeName(), ofParent: true)
            }
        }
        return Field(.any, try attributeName(), ofParent: true)
    }

    /// The longest symbol that stands here.
    private mutating func symbol() throws(QueryError) -> Token {
        if let symbol = longestSymbol(Token.Symbol.self) { return token(.symbol(symbol)) }
        throw failure("syntax error: unexpected character '\(character(at: position))'")
    }

    /// Spaces, `// …` to the end of the line and `/* … */`.
    private mutating func skipSpaceAndComments() throws(QueryError) {
        while let byte = peek() {
            if byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) {
                position += 1
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                try skipBlockComment()
            } else {
                return
            }
        }
    }

    private mutating func skipBlockComment() throws(QueryError) {
        start = position
        position += 2
        while position < bytes.count {
            if peek() == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                position += 2
                return
            }
            position += 1
        }
        throw failure("comment not terminated")
    }

    private func token(_ kind: Token.Kind) -> Token {
        Token(
            kind: kind, range: SourceRange(start, position), text: text(from: start))
    }

    func failure(_ reason: String) -> QueryError {
        .traceQL(reason, at: SourceRange(start, max(position, start)), in: source)
    }
}
