/// Source: "String literals" and "Rune literals" of the Go language specification.
extension QuotedText {
    /// Why there is no literal.
    package enum Defect: Error, Equatable {
        case isNotTerminated(isRaw: Bool)
        case escapeIsNotTerminated
        /// A backslash before this byte means nothing.
        case isUnknownEscape(UInt8)
        case isNoDigit
        /// A number that is no Unicode scalar, or an octal one above 255.
        case isNoCharacter
    }

    /// Reads the literal whose opening quote is at `position`, and moves behind its closing one; on
    /// a defect `position` is where reading stopped. Bytes that are no UTF-8 together become U+FFFD.
    package static func read(
        _ bytes: [UInt8], at position: inout Int
    ) throws(Defect) -> String {
        let quote = bytes[position]
        let isRaw = quote == UInt8(ascii: "`")
        var content: [UInt8] = []
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\n"), !isRaw { break }
            position += 1
            if byte == quote { return String(decoding: content, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), !isRaw {
                try appendEscape(bytes, at: &position, quote: quote, to: &content)
            } else {
                content.append(byte)
            }
        }
        throw .isNotTerminated(isRaw: isRaw)
    }

    /// Reads an escape; its backslash is before `position`.
    private static func appendEscape(
        _ bytes: [UInt8], at position: inout Int, quote: UInt8, to content: inout [UInt8]
    ) throws(Defect) {
        guard position < bytes.count else { throw .escapeIsNotTerminated }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "a"): content.append(0x07)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "v"): content.append(0x0B)
        case UInt8(ascii: "\\"), quote: content.append(byte)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            let value = try number(bytes, at: &position, digits: 3, radix: 8, max: 0xFF)
            content.append(UInt8(truncatingIfNeeded: value))
        case UInt8(ascii: "x"):
            let value = try number(bytes, at: &position, digits: 2, radix: 16, max: 0xFF)
            content.append(UInt8(truncatingIfNeeded: value))
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let digits = byte == UInt8(ascii: "u") ? 4 : 8
            let value = try number(
                bytes, at: &position, digits: digits, radix: 16, max: 0x10_FFFF)
            guard let scalar = Unicode.Scalar(value) else { throw .isNoCharacter }
            content.append(contentsOf: String(Character(scalar)).utf8)
        default: throw .isUnknownEscape(byte)
        }
    }

    private static func number(
        _ bytes: [UInt8], at position: inout Int, digits: Int, radix: UInt32, max: UInt32
    ) throws(Defect) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard position < bytes.count else { throw .escapeIsNotTerminated }
            let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue ?? 16
            guard digit < Int(radix) else { throw .isNoDigit }
            value = value &* radix &+ UInt32(digit)
            position += 1
        }
        guard value <= max else { throw .isNoCharacter }
        return value
    }
}
