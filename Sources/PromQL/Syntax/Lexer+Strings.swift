import QueryCore

/// String literals: what Go writes in `"`, `'` and backquotes.
extension Lexer {
    /// Moves past a literal; the opening quote is the next byte.
    mutating func scanString() throws(QueryError) {
        let quote = bytes[position]
        position += 1
        let isRaw = quote == UInt8(ascii: "`")
        while let byte = peek() {
            if byte == quote {
                position += 1
                return
            }
            if byte == UInt8(ascii: "\n"), !isRaw { break }
            if byte == UInt8(ascii: "\\"), !isRaw {
                position += 1
                _ = try scanEscape(quote: quote)
            } else {
                position += 1
            }
        }
        throw failure(isRaw ? "unterminated raw string" : "unterminated quoted string")
    }

    /// Reads an escape after its backslash.
    mutating func scanEscape(quote: UInt8) throws(QueryError) -> [UInt8] {
        guard let byte = peek() else { throw failure("escape sequence not terminated") }
        position += 1
        switch byte {
        case UInt8(ascii: "a"): return [0x07]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "v"): return [0x0B]
        case UInt8(ascii: "\\"), quote: return [byte]
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            return [UInt8(truncatingIfNeeded: try escapedValue(digits: 3, radix: 8, max: 255))]
        case UInt8(ascii: "x"):
            return [UInt8(truncatingIfNeeded: try escapedValue(digits: 2, radix: 16, max: 255))]
        case UInt8(ascii: "u"):
            return try escapedScalar(digits: 4)
        case UInt8(ascii: "U"):
            return try escapedScalar(digits: 8)
        default:
            let code = String(byte, radix: 16, uppercase: true)
            let padded = String(repeating: "0", count: max(0, 4 - code.count)) + code
            let character = String(decoding: [byte], as: UTF8.self)
            throw failure("unknown escape sequence U+\(padded) '\(character)'")
        }
    }

    private mutating func escapedScalar(digits: Int) throws(QueryError) -> [UInt8] {
        let value = try escapedValue(digits: digits, radix: 16, max: 0x10FFFF)
        guard let scalar = Unicode.Scalar(value) else {
            throw failure("escape sequence is an invalid Unicode code point")
        }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func escapedValue(
        digits: Int, radix: UInt32, max: UInt32
    ) throws(QueryError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = peek() else { throw failure("escape sequence not terminated") }
            let digit = Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt32($0) } ?? 16
            guard digit < radix else {
                throw failure("illegal character in escape sequence")
            }
            value = value &* radix &+ digit
            position += 1
        }
        guard value <= max else {
            throw failure("escape sequence is an invalid Unicode code point")
        }
        return value
    }

    /// The content of a string token. Bytes that escapes put together wrongly become U+FFFD.
    static func unquote(_ literal: String) throws(QueryError) -> String {
        var lexer = Lexer(literal)
        guard let quote = lexer.peek(), quote != UInt8(ascii: "`") else {
            return String(literal.dropFirst().dropLast())
        }
        lexer.position = 1
        var content: [UInt8] = []
        while let byte = lexer.peek(), lexer.position < lexer.bytes.count - 1 {
            lexer.position += 1
            if byte == UInt8(ascii: "\\") {
                content += try lexer.scanEscape(quote: quote)
            } else {
                content.append(byte)
            }
        }
        return String(decoding: content, as: UTF8.self)
    }
}
