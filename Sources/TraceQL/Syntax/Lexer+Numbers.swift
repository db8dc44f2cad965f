import QueryCore

/// Integers (`5`, `0x1f`), floating-point numbers (`.5`, `1e-3`) and durations (`1h30m`, `1.5s`).
extension Lexer {
    /// Reads a number; its first byte is next.
    mutating func number() throws(QueryError) -> Token.Kind {
        let first = position
        if peek() == UInt8(ascii: "0"), (peek(1) ?? 0) | 0x20 == UInt8(ascii: "x") {
            return try hexadecimal()
        }
        skipDigits()
        var isFloat = false
        if peek() == UInt8(ascii: ".") {
            isFloat = true
            position += 1
            skipDigits()
        }
        if let nanoseconds = durationTail(from: first) { return .duration(nanoseconds) }
        if skipExponent() { isFloat = true }
        let text = String(decoding: bytes[first..<position], as: UTF8.self)
        if isFloat {
            guard let value = Double(text.hasPrefix(".") ? "0" + text : text), value.isFinite else {
                throw failure("number \(text) is out of range")
            }
            return .float(value)
        }
        guard let value = Int64(text) else { throw failure("number \(text) is out of range") }
        return .integer(value)
    }

    private mutating func hexadecimal() throws(QueryError) -> Token.Kind {
        position += 2
        let first = position
        while let byte = peek(), Character(Unicode.Scalar(byte)).isHexDigit { position += 1 }
        let digits = String(decoding: bytes[first..<position], as: UTF8.self)
        guard let value = Int64(digits, radix: 16) else {
            throw failure("hexadecimal number is out of range")
        }
        return .integer(value)
    }

    private mutating func skipDigits() {
        while let byte = peek(), Self.isDigit(byte) { position += 1 }
    }

    private mutating func skipExponent() -> Bool {
        guard (peek() ?? 0) | 0x20 == UInt8(ascii: "e") else { return false }
        let signed = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 2 : 1
        guard Self.isDigit(peek(signed) ?? 0) else { return false }
        position += signed
        skipDigits()
        return true
    }

    private static let durationBytes = Set("nsumhdwy.0123456789µμ".utf8)

    /// The number from `first` on as a duration, if units follow it that make it one.
    private mutating func durationTail(from first: Int) -> Int64? {
        var end = position
        while end < bytes.count, Self.durationBytes.contains(bytes[end]) { end += 1 }
        guard end > position else { return nil }
        let text = String(decoding: bytes[first..<end], as: UTF8.self)
        guard let nanoseconds = DurationText.parse(text) else { return nil }
        position = end
        return nanoseconds
    }
}
