import Telemetry

/// The escapes of JSON strings (RFC 8259 §7).
enum JSONEscapes {
    /// Appends what a string's content stands for. A bad escape stands for itself, half of a surrogate
    /// pair for U+FFFD.
    static func append(_ content: Slice<UnsafeRawBufferPointer>, to output: inout [UInt8]) {
        var rest = content
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                output.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(escape)
            case UInt8(ascii: "u"): appendScalar(&rest, to: &output)
            default: output.append(contentsOf: [byte, escape])
            }
        }
    }

    private static func appendScalar(
        _ rest: inout Slice<UnsafeRawBufferPointer>, to output: inout [UInt8]
    ) {
        guard let unit = unit(&rest) else { return output.append(contentsOf: "\u{FFFD}".utf8) }
        var value = UInt32(unit)
        if (0xD800...0xDBFF).contains(unit) {
            var ahead = rest
            if ahead.popFirst() == UInt8(ascii: "\\"), ahead.popFirst() == UInt8(ascii: "u"),
                let low = JSONEscapes.unit(&ahead), (0xDC00...0xDFFF).contains(low)
            {
                value = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00)
                rest = ahead
            }
        }
        let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
        output.append(contentsOf: String(Character(scalar)).utf8)
    }

    private static func unit(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UInt16? {
        guard rest.count >= 4 else { return nil }
        var value: UInt16 = 0
        for byte in rest.prefix(4) {
            guard let nibble = HexDigits.nibble(byte) else { return nil }
            value = value << 4 | UInt16(nibble)
        }
        rest = rest.dropFirst(4)
        return value
    }
}
