import Telemetry

/// Ids written as hexadecimal digits of either case.
enum HexText {
    /// 32 digits, not all zero.
    @inline(__always)
    static func traceID(_ text: UnsafeRawBufferPointer) -> TraceID? {
        guard text.count == 32, let high = word(text, at: 0), let low = word(text, at: 16),
            high | low != 0
        else { return nil }
        return TraceID(high: high, low: low)
    }

    /// 16 digits, not all zero.
    @inline(__always)
    static func spanID(_ text: UnsafeRawBufferPointer) -> SpanID? {
        guard text.count == 16, let value = word(text, at: 0), value != 0 else { return nil }
        return SpanID(value)
    }

    /// The 16 digits at `offset`, which must exist.
    @inline(__always)
    static func word(_ text: UnsafeRawBufferPointer, at offset: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in offset..<(offset &+ 16) {
            guard let nibble = HexDigits.nibble(text[index]) else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return value
    }

    /// The two digits at `offset`, which must exist.
    static func byte(_ text: UnsafeRawBufferPointer, at offset: Int) -> UInt8? {
        guard let high = HexDigits.nibble(text[offset]),
            let low = HexDigits.nibble(text[offset + 1])
        else { return nil }
        return high << 4 | low
    }
}
