/// Bytes as text of 64 letters (RFC 4648).
package enum Base64 {
    /// Appends what `text` stands for, in either alphabet (§4, §5), padded or not; `false` if it is not
    /// base64.
    package static func decode(_ text: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        var count = text.count
        while count > 0, text.count - count < 2, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
        guard count % 4 != 1, count == text.count || text.count % 4 == 0 else { return false }
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for index in 0..<count {
            guard let value = value(of: text[index]) else { return false }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                output.append(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
        }
        return true
    }

    /// Appends the padded text of `bytes` in the standard alphabet (§4).
    package static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var index = 0
        while index < bytes.count {
            let length = min(3, bytes.count - index)
            var bits: UInt32 = 0
            for position in 0..<3 {
                bits = bits << 8 | (position < length ? UInt32(bytes[index + position]) : 0)
            }
            for position in 0..<UInt32(4) {
                output.append(
                    position > UInt32(length)
                        ? UInt8(ascii: "=") : letter(UInt8(bits >> (18 - 6 * position) & 0x3F)))
            }
            index += 3
        }
    }

    private static func letter(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + value - 26
        case 52..<62: UInt8(ascii: "0") + value - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    private static func value(of letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): letter - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): letter - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): letter - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
