/// The text of JSON strings and numbers (RFC 8259 §6, §7) as bytes appended to an array: the one place
/// where escaping is done.
package enum JSONText {
    /// Appends `text` quoted and escaped. Only what must be escaped is: `"`, `\` and the controls
    /// below U+0020, as `\n`, `\t` … where a short form exists, else as `\u00xx`.
    /// - Complexity: O(length), eight bytes a step where nothing needs escaping.
    package static func append(string text: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        append(escaped: text, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    package static func append(string text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { append(string: UnsafeRawBufferPointer($0), to: &output) }
    }

    /// Appends `text` escaped but without the quotes.
    package static func append(escaped text: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var start = 0
        while start < text.count {
            let end = firstEscape(in: text, from: start)
            if end > start {
                output.append(
                    contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<end]))
            }
            guard end < text.count else { return }
            appendEscape(of: text[end], to: &output)
            start = end + 1
        }
    }

    /// The offset of the first byte at or after `start` that a JSON string cannot hold as it is (`"`,
    /// `\`, below 0x20); `text.count` if there is none.
    @inlinable @inline(__always)
    package static func firstEscape(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        while offset &+ 8 <= text.count {
            let word = UInt64(
                littleEndian: text.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let found = specials(word)
            if found != 0 { return offset &+ found.trailingZeroBitCount >> 3 }
            offset &+= 8
        }
        while offset < text.count {
            let byte = text[offset]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            offset &+= 1
        }
        return offset
    }

    /// The lowest set bit marks the first byte of `word` that ends a run of plain string bytes. Higher
    /// bits may be carries (Warren, Hacker's Delight, 2nd ed., §6-1).
    @inlinable @inline(__always)
    package static func specials(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotes = word ^ (ones &* 0x22)
        let backslashes = word ^ (ones &* 0x5C)
        let quote = (quotes &- ones) & ~quotes
        let backslash = (backslashes &- ones) & ~backslashes
        let control = (word &- (ones &* 0x20)) & ~word
        return (quote | backslash | control) & (ones &* 0x80)
    }

    @inline(never)
    private static func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
        case 0x08: output.append(UInt8(ascii: "b"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0C: output.append(UInt8(ascii: "f"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        default:
            output.append(contentsOf: [
                UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"),
                hexDigit(byte >> 4), hexDigit(byte & 0xF),
            ])
        }
    }

    @inline(__always)
    package static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") &+ nibble : UInt8(ascii: "a") &+ nibble &- 10
    }
}

extension JSONText {
    package static func append(_ number: Int64, to output: inout [UInt8]) {
        if number < 0 { output.append(UInt8(ascii: "-")) }
        append(number.magnitude, to: &output)
    }

    package static func append(_ number: UInt64, to output: inout [UInt8]) {
        if number < 10 {
            output.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number))
            return
        }
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var rest = number
            var start = 20
            while rest != 0 {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                start &-= 1
                digits[start] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit)
                rest = quotient
            }
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: digits[start..<20]))
        }
    }

    /// Appends the shortest decimal that reads back as `number`, always recognisable as a
    /// floating-point number (`1.0`, `0.25`, `1e+21`). JSON has no NaN and no infinities: they become
    /// the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, as in proto3's JSON mapping.
    package static func append(_ number: Double, to output: inout [UInt8]) {
        if let decimal = ShortDecimal(number) {
            decimal.append(to: &output)
            if decimal.fractionDigits == 0 {
                output.append(UInt8(ascii: "."))
                output.append(UInt8(ascii: "0"))
            }
            return
        }
        guard number.isFinite else {
            let name = number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity"
            append(string: name, to: &output)
            return
        }
        var text = number.description
        text.withUTF8 { output.append(contentsOf: $0) }
    }
}

/// A double that is a decimal of at most 15 significant digits and six after the point: the usual case,
/// told and written without the general shortest-digits algorithm.
///
/// If `digits / 10^k`, one correctly rounded division of two exact doubles, gives the number back, then
/// that decimal reads back as the number; among decimals of up to 15 digits no two share a double, so
/// with the least such `k` it is the shortest.
package struct ShortDecimal: Sendable {
    package let isNegative: Bool
    package let digits: UInt64
    package let fractionDigits: Int

    private static let powers: [6 of Double] = [1e1, 1e2, 1e3, 1e4, 1e5, 1e6]

    /// `nil` for longer decimals, negative zero, NaN and infinities.
    package init?(_ number: Double) {
        let magnitude = number.magnitude
        guard magnitude < 1e15, magnitude >= 1e-6 || number.bitPattern == 0 else { return nil }
        isNegative = number < 0
        let whole = magnitude.rounded(.towardZero)
        if whole == magnitude {
            digits = UInt64(whole)
            fractionDigits = 0
            return
        }
        for index in 0..<6 {
            let power = Self.powers[index]
            let scaled = (magnitude * power).rounded(.toNearestOrEven)
            guard scaled < 1e15 else { return nil }
            if scaled / power == magnitude {
                digits = UInt64(scaled)
                fractionDigits = index + 1
                return
            }
        }
        return nil
    }

    /// Appends the decimal without a point if it is whole.
    package func append(to output: inout [UInt8]) {
        if isNegative { output.append(UInt8(ascii: "-")) }
        guard fractionDigits > 0 else { return JSONText.append(digits, to: &output) }
        let power = UInt64(Self.powers[fractionDigits - 1])
        let (whole, fraction) = digits.quotientAndRemainder(dividingBy: power)
        JSONText.append(whole, to: &output)
        output.append(UInt8(ascii: "."))
        JSONText.append(padded: fraction, width: fractionDigits, to: &output)
    }
}

extension JSONText {
    /// Appends `number` with leading zeros to `width` digits; it must have at most `width`, and `width`
    /// must not exceed 20.
    package static func append(padded number: UInt64, width: Int, to output: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var rest = number
            for index in stride(from: width - 1, through: 0, by: -1) {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                digits[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit)
                rest = quotient
            }
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: digits[0..<width]))
        }
    }

    /// Appends the 16 lower-case hexadecimal digits of `word`.
    package static func append(hex word: UInt64, to output: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { digits in
            digits.storeBytes(of: hexWord(UInt32(truncatingIfNeeded: word >> 32)), as: UInt64.self)
            digits.storeBytes(
                of: hexWord(UInt32(truncatingIfNeeded: word)), toByteOffset: 8, as: UInt64.self)
            output.append(contentsOf: UnsafeRawBufferPointer(digits))
        }
    }

    /// Eight hexadecimal digits, the most significant in the first byte in memory: nibbles spread to
    /// bytes, then six added to find those above nine.
    @inline(__always)
    private static func hexWord(_ half: UInt32) -> UInt64 {
        var spread = UInt64(half.byteSwapped)
        spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF
        spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
        let nibbles = (spread >> 4 & 0x000F_000F_000F_000F) | (spread & 0x000F_000F_000F_000F) << 8
        let letters = ((nibbles &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return (nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 0x27).littleEndian
    }
}
