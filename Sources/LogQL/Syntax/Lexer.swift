import QueryCore

/// Splits LogQL text into tokens.
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
        skipSpaceAndComments()
        start = position
        guard let byte = peek() else { return token(.end) }
        if Self.isAlpha(byte) {
            while let byte = peek(), Self.isAlpha(byte) || Self.isDigit(byte) { position += 1 }
            return token(.identifier)
        }
        if Self.isDigit(byte) || byte == UInt8(ascii: ".") && Self.isDigit(peek(1) ?? 0) {
            return try quantity()
        }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "`") {
            let content = try quotedText()
            return token(.string(content))
        }
        return try symbol()
    }

    /// The longest symbol that stands here.
    private mutating func symbol() throws(QueryError) -> Token {
        if let symbol = longestSymbol(Token.Symbol.self) { return token(.symbol(symbol)) }
        throw failure("syntax error: unexpected character '\(character(at: position))'")
    }

    /// A number (`5`, `.5`, `1e-3`), a duration (`1h30m`, `1.5s`) or a size (`20MB`, `1KiB`).
    private mutating func quantity() throws(QueryError) -> Token {
        var isMantissa = true
        while let byte = peek() {
            let isExponent = isMantissa && byte | 0x20 == UInt8(ascii: "e")
            if Self.isDigit(byte) || byte == UInt8(ascii: ".") {
                position += 1
            } else if isExponent, let sign = peek(1), sign == 0x2B || sign == 0x2D,
                Self.isDigit(peek(2) ?? 0)
            {
                position += 2
                isMantissa = false
            } else if Self.isAlpha(byte) || byte >= 0x80 {
                position += 1
                isMantissa = false
            } else {
                break
            }
        }
        let text = text(from: start)
        if let number = Double(text), number.isFinite { return token(.number(number)) }
        if let duration = Quantity.duration(text) { return token(.duration(duration)) }
        if let size = Quantity.bytes(text) { return token(.bytes(size)) }
        throw failure("syntax error: bad number, duration or size \(QuotedText.quote(text))")
    }

    private mutating func skipSpaceAndComments() {
        while let byte = peek() {
            if byte == UInt8(ascii: "#") {
                while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
            } else if byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) {
                position += 1
            } else {
                return
            }
        }
    }

    private func token(_ kind: Token.Kind) -> Token {
        Token(
            kind: kind, range: SourceRange(start, position), text: text(from: start))
    }

    func failure(_ reason: String) -> QueryError {
        .logQL(reason, at: SourceRange(start, max(position, start)), in: source)
    }
}
