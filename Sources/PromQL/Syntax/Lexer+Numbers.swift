import QueryCore

/// Numbers (`1_000`, `.5`, `1e-3`, `0x1F`, `010`) and durations (`1h30m`).
extension Lexer {
    mutating func numberOrDuration() throws(QueryError) -> Token {
        if scanNumber() { return token(.number) }
        if scanRemainingDuration() { return token(.duration) }
        let read = String(decoding: bytes[start..<min(position + 1, bytes.count)], as: UTF8.self)
        throw failure("bad number or duration syntax: \(QuotedText.quote(read))")
    }

    /// Moves past the longest run that could be a number and tells whether it is one. A run that is
    /// followed by a letter is not, and may begin a duration.
    private mutating func scanNumber() -> Bool {
        let isHexadecimal =
            peek() == UInt8(ascii: "0") && (peek(1).map { $0 | 0x20 } == UInt8(ascii: "x"))
        if isHexadecimal { position += 2 }
        var hasDot = false
        var hasExponent = false
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "."):
                if hasDot || isHexadecimal || hasExponent { return false }
                hasDot = true
                if let next = peek(1), next == UInt8(ascii: "_") || next == byte {
                    position += 2
                    return false
                }
            case UInt8(ascii: "_"):
                guard let next = peek(1), Self.isDigit(next) || isHexadecimal && isHexDigit(next)
                else { return false }
            case UInt8(ascii: "e") where !isHexadecimal, UInt8(ascii: "E") where !isHexadecimal:
                if hasExponent { return false }
                let sign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
                guard let digit = peek(1 + sign), Self.isDigit(digit) else { return false }
                hasExponent = true
                position += sign
            default:
                guard Self.isDigit(byte) || isHexadecimal && isHexDigit(byte) else {
                    return !Self.isAlphanumeric(byte)
                }
            }
            position += 1
        }
        return true
    }

    private func isHexDigit(_ byte: UInt8) -> Bool {
        Self.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    /// Moves past units and further numbers; bad orders of units are found when it is parsed.
    private mutating func scanRemainingDuration() -> Bool {
        guard acceptUnit(of: "smhdwy") else { return false }
        while let byte = peek(), Self.isDigit(byte) {
            while let byte = peek(), Self.isDigit(byte) { position += 1 }
            guard acceptUnit(of: "smhdw") else { return false }
        }
        guard let byte = peek() else { return true }
        return !Self.isAlphanumeric(byte)
    }

    private mutating func acceptUnit(of letters: String) -> Bool {
        guard let byte = peek(), letters.utf8.contains(byte) else { return false }
        position += 1
        _ = accept("s")
        return true
    }

    /// The value of a number token, `nil` if it is too large for one: decimal, hexadecimal, octal with a leading 0 as in Go, `Inf`, `NaN`.
    static func number(_ text: String) -> Double? {
        let plain = text.filter { $0 != "_" }.lowercased()
        switch plain {
        case "inf": return .infinity
        case "nan": return .nan
        default: break
        }
        if plain.hasPrefix("0x") {
            guard let integer = UInt64(plain.dropFirst(2), radix: 16) else { return nil }
            return Double(integer)
        }
        if plain.count > 1, plain.hasPrefix("0"), let octal = Int64(plain, radix: 8) {
            return Double(octal)
        }
        let padded = plain.hasPrefix(".") ? "0" + plain : plain
        guard let value = Double(padded.hasSuffix(".") ? padded + "0" : padded), value.isFinite
        else {
            return nil
        }
        return value
    }
}
