import QueryCore

/// String literals: what Go writes in double quotes and backquotes.
extension Lexer {
    /// Reads a literal; its opening quote is the next byte.
    mutating func string(quote: UInt8) throws(QueryError) -> String {
        position += 1
        let isRaw = quote == UInt8(ascii: "`")
        var content: [UInt8] = []
        while let byte = peek() {
            position += 1
            if byte == quote { return String(decoding: content, as: UTF8.self) }
            if isRaw {
                content.append(byte)
            } else if byte == UInt8(ascii: "\\") {
                try appendEscape(to: &content)
            } else if byte == UInt8(ascii: "\n") {
                break
            } else {
                content.append(byte)
            }
        }
        throw failure("literal not terminated")
    }

    /// Reads an escape after its backslash. Bytes that are no UTF-8 together become U+FFFD.
    private mutating func appendEscape(to content: inout [UInt8]) throws(QueryError) {
        guard let byte = peek() else { throw failure("literal not terminated") }
        position += 1
        switch byte {
        case UInt8(ascii: "a"): content.append(0x07)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "v"): content.append(0x0B)
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): content.append(byte)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            content.append(UInt8(truncatingIfNeeded: try code(digits: 3, radix: 8, max: 255)))
        case UInt8(ascii: "x"):
            content.append(UInt8(truncatingIfNeeded: try code(digits: 2, radix: 16, max: 255)))
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let digits = byte == UInt8(ascii: "u") ? 4 : 8
            let value = try code(digits: digits, radix: 16, max: 0x10FFFF)
            guard let scalar = Unicode.Scalar(value) else { throw failure("invalid char escape") }
            content.append(contentsOf: String(Character(scalar)).utf8)
        default: throw failure("invalid char escape")
        }
    }

    private mutating func code(
        digits: Int, radix: UInt32, max: UInt32
    ) throws(QueryError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = peek(),
                let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < radix
            else { throw failure("invalid char escape") }
            value = value &* radix &+ UInt32(digit)
            position += 1
        }
        guard value <= max else { throw failure("invalid char escape") }
        return value
    }
}
