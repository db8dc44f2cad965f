import Telemetry

/// Ids written as hexadecimal digits of either case.
enum HexText {
    static func isDigit(_ byte: UInt8) -> Bool { HexDigits.nibble(byte) != nil }

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
        let first = text.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
        let second = text.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self).littleEndian
        guard let high = pack(first), let low = pack(second) else { return nil }
        return UInt64(high) << 32 | UInt64(low)
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Eight digits in a word, the first in the low byte, all converted at once; `nil` if one is none.
    @inline(__always)
    private static func pack(_ digits: UInt64) -> UInt32? {
        guard digits & (ones &* 0x80) == 0 else { return nil }
        // Of ASCII, letters alone have bit 6; without bit 5 both cases are one.
        let letters = digits >> 6 & ones
        let folded = digits & ~(letters << 5)
        // '0'...'9' are 0x30 + 0...9, 'A'...'F' are 0x40 + 1...6.
        let low = folded & (ones &* 0x0F)
        let expected = low &+ ones &* 0x30 &+ letters &* 0x10
        // Bit 4 of `low + 6` is set from 10 on, of `low + 9` from 7 on; a letter is never 0.
        let tooLarge = (low &+ ones &* 6 &+ letters &* 3) & (ones &* 0x10)
        let isZeroLetter = letters & ~(low | low >> 1 | low >> 2)
        guard folded == expected, tooLarge == 0, isZeroLetter == 0 else { return nil }
        // Most significant first.
        var nibbles = (low &+ letters &* 9).byteSwapped
        nibbles = (nibbles | nibbles >> 4) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles | nibbles >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: nibbles | nibbles >> 16)
    }

    /// The two digits at `offset`, which must exist.
    static func byte(_ text: UnsafeRawBufferPointer, at offset: Int) -> UInt8? {
        guard let high = HexDigits.nibble(text[offset]),
            let low = HexDigits.nibble(text[offset + 1])
        else { return nil }
        return high << 4 | low
    }
}
