/// Texts of lower-case hexadecimal digits and dashes at fixed places, kept as the bytes they spell: UUIDs,
/// trace ids, digests, `traceparent`.
///
/// Such ids differ in every row and do not compress; half of their characters are redundant all the
/// same.
struct HexTemplate: Equatable {
    static let lengths = 16...64
    /// Fewer digits are not worth a template.
    private static let digitsMin = 12
    /// Scratch for the digits of one text, padded to whole words.
    static let scratchBytes = 64

    let length: Int
    /// Bit `i` is set where character `i` is a dash.
    let dashes: UInt64

    private var digitCount: Int { length - dashes.nonzeroBitCount }
    var packedCount: Int { (digitCount + 1) / 2 }

    /// - Returns: `nil` unless it is one that `init(of:)` could have found.
    init?(length: Int, dashes: UInt64) {
        guard Self.lengths.contains(length), length == 64 || dashes >> UInt64(length) == 0,
            length - dashes.nonzeroBitCount >= Self.digitsMin
        else { return nil }
        self.length = length
        self.dashes = dashes
    }

    /// The template that `text` follows; `nil` if it has other characters or is too short or long.
    init?(of text: UnsafeRawBufferPointer) {
        guard Self.lengths.contains(text.count) else { return nil }
        var dashes: UInt64 = 0
        for (index, byte) in text.enumerated() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): break
            case UInt8(ascii: "-"): dashes |= 1 << UInt64(index)
            default: return nil
            }
        }
        self.init(length: text.count, dashes: dashes)
    }

    /// Appends the packed digits of `text` if it follows this template.
    /// - Parameter scratch: `scratchBytes` of room.
    func pack(
        _ text: UnsafeRawBufferPointer, _ scratch: UnsafeMutableRawPointer,
        into output: inout ByteWriter
    ) -> Bool {
        guard text.count == length, let start = text.baseAddress else { return false }
        var rest = dashes
        var from = 0
        var digits = 0
        while true {
            let to = rest == 0 ? length : rest.trailingZeroBitCount
            (scratch + digits).copyMemory(from: start + from, byteCount: to - from)
            digits += to - from
            if rest == 0 { break }
            guard text[to] == UInt8(ascii: "-") else { return false }
            rest &= rest &- 1
            from = to + 1
        }
        while digits & 7 != 0 {
            scratch.storeBytes(of: UInt8(ascii: "0"), toByteOffset: digits, as: UInt8.self)
            digits += 1
        }
        // Packed in place: a word of digits becomes half a word at half its offset.
        for offset in stride(from: 0, to: digits, by: 8) {
            let word = scratch.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            guard let packed = HexDigitsInWord.pack(UInt64(littleEndian: word)) else {
                return false
            }
            scratch.storeBytes(of: packed.littleEndian, toByteOffset: offset / 2, as: UInt32.self)
        }
        output.append(contentsOf: UnsafeRawBufferPointer(start: scratch, count: packedCount))
        return true
    }

    /// Writes the text of `packedCount` bytes at `packed`.
    func unpack(
        _ packed: UnsafeRawPointer, _ scratch: UnsafeMutableRawPointer,
        into text: UnsafeMutableRawPointer
    ) {
        let count = packedCount
        var digits = 0
        for offset in stride(from: 0, to: count, by: 4) {
            var bytes: UInt32 = 0
            withUnsafeMutableBytes(of: &bytes) { bytes in
                bytes.copyMemory(
                    from: UnsafeRawBufferPointer(
                        start: packed + offset, count: min(4, count - offset)))
            }
            scratch.storeBytes(
                of: HexDigitsInWord.unpack(UInt32(littleEndian: bytes)).littleEndian,
                toByteOffset: digits, as: UInt64.self)
            digits += 8
        }
        var rest = dashes
        var from = 0
        digits = 0
        while true {
            let to = rest == 0 ? length : rest.trailingZeroBitCount
            (text + from).copyMemory(from: scratch + digits, byteCount: to - from)
            digits += to - from
            if rest == 0 { break }
            text.storeBytes(of: UInt8(ascii: "-"), toByteOffset: to, as: UInt8.self)
            rest &= rest &- 1
            from = to + 1
        }
    }
}

/// Eight hexadecimal digits in a word, the first in the low byte, all converted at once.
enum HexDigitsInWord {
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Four bytes from eight digits; `nil` if one is not `0-9a-f`.
    @inline(__always)
    static func pack(_ digits: UInt64) -> UInt32? {
        // Letters have bit 6 set and 1 to 6 in their low nibble.
        let letters = digits >> 6 & ones
        let nibbles = (digits & (ones &* 0x0F)) &+ letters &* 9
        guard nibbles & (ones &* 0xF0) == 0, self.digits(nibbles) == digits else { return nil }
        var packed = (nibbles << 4 | nibbles >> 8) & 0x00FF_00FF_00FF_00FF
        packed = (packed | packed >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: packed | packed >> 16)
    }

    @inline(__always)
    static func unpack(_ packed: UInt32) -> UInt64 {
        var bytes = UInt64(packed)
        bytes = (bytes | bytes << 16) & 0x0000_FFFF_0000_FFFF
        bytes = (bytes | bytes << 8) & 0x00FF_00FF_00FF_00FF
        return digits(bytes >> 4 & 0x000F_000F_000F_000F | (bytes & 0x000F_000F_000F_000F) << 8)
    }

    @inline(__always)
    private static func digits(_ nibbles: UInt64) -> UInt64 {
        let aboveNine = (nibbles &+ ones &* 118) >> 7 & ones
        return nibbles &+ ones &* 0x30 &+ aboveNine &* 39
    }
}
