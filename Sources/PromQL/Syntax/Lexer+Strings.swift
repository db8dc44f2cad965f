import QueryCore

/// String literals, in `"`, `'` and backquotes.
extension Lexer {
    /// Moves past a literal; the opening quote is the next byte.
    mutating func scanString() throws(QueryError) { _ = try readString() }

    /// The content of a string token. Bytes that escapes put together wrongly become U+FFFD.
    static func unquote(_ literal: String) throws(QueryError) -> String {
        var lexer = Lexer(literal)
        return try lexer.readString()
    }

    private mutating func readString() throws(QueryError) -> String {
        do throws(QuotedText.Defect) {
            return try QuotedText.read(bytes, at: &position)
        } catch {
            throw failure(Self.reason(error))
        }
    }

    /// As Prometheus words it.
    private static func reason(_ defect: QuotedText.Defect) -> String {
        switch defect {
        case .isNotTerminated(let isRaw):
            return isRaw ? "unterminated raw string" : "unterminated quoted string"
        case .escapeIsNotTerminated: return "escape sequence not terminated"
        case .isUnknownEscape(let byte):
            let code = String(byte, radix: 16, uppercase: true)
            let padded = String(repeating: "0", count: max(0, 4 - code.count)) + code
            let character = String(decoding: [byte], as: UTF8.self)
            return "unknown escape sequence U+\(padded) '\(character)'"
        case .isNoDigit: return "illegal character in escape sequence"
        case .isNoCharacter: return "escape sequence is an invalid Unicode code point"
        }
    }
}
