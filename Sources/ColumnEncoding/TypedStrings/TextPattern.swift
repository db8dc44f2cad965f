/// The form that many strings of a section share: literal pieces with runs of decimal digits between them,
/// such as `10.8.#.#:#`, `/orders/#?limit=#` or `#-#-#T#:#:#.#Z`.
///
/// What is left of a string are its numbers, which are columns of integers.
struct TextPattern {
    /// Digits that always fit 64 bits.
    static let digitsMax = 18
    static let fieldsMax = 12
    /// Longer strings are texts.
    static let lengthMax = 256

    /// One number of every string.
    struct Field {
        var values: [Int64] = []
        /// The fewest and the most digits, and whether any begins with a zero that a number would not have.
        var widthMin = Int.max
        var widthMax = 0
        var isPadded = false

        /// Digits of every number, if it takes them to write it as it was; 0 if none is padded.
        var width: Int? {
            if !isPadded { return 0 }
            return widthMin == widthMax ? widthMax : nil
        }
    }

    /// The literal pieces, one after the other; piece `i` ends at `pieceEnds[i]`. One more than fields.
    private(set) var literals: [UInt8] = []
    private(set) var pieceEnds: [Int] = []
    private(set) var fields: [Field] = []
    private(set) var count = 0

    /// The pattern of `text`, without its numbers; `nil` if it has none, or too many or too long ones.
    init?(of text: UnsafeRawBufferPointer) {
        var index = 0
        while index < text.count {
            guard Self.isDigit(text[index]) else {
                literals.append(text[index])
                index += 1
                continue
            }
            let start = index
            while index < text.count, Self.isDigit(text[index]) { index += 1 }
            guard index - start <= Self.digitsMax, fields.count < Self.fieldsMax else { return nil }
            pieceEnds.append(literals.count)
            fields.append(Field())
        }
        pieceEnds.append(literals.count)
        if fields.isEmpty { return nil }
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

    /// The hash of all strings of one pattern; `nil` for a string without digits.
    @inline(__always)
    static func hash(_ text: UnsafeRawBufferPointer) -> UInt64? {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var wasDigit = false
        var hasDigits = false
        for byte in text {
            let isDigit = isDigit(byte)
            if isDigit, wasDigit { continue }
            wasDigit = isDigit
            hasDigits = hasDigits || isDigit
            state = (state ^ UInt64(isDigit ? 0 : byte)) &* 0xD6E8_FEB8_6659_FD93
            state ^= state >> 32
        }
        return hasDigits ? state : nil
    }

    /// Adds the numbers of `text` if it has this pattern.
    @inline(__always)
    mutating func take(_ text: UnsafeRawBufferPointer) -> Bool {
        var numbers = InlineArray<12, Int64>(repeating: 0)
        var widths = InlineArray<12, Int>(repeating: 0)
        guard match(text, &numbers, &widths) else { return false }
        for index in 0..<fields.count {
            let width = widths[index]
            fields[index].values.append(numbers[index])
            fields[index].widthMin = min(fields[index].widthMin, width)
            fields[index].widthMax = max(fields[index].widthMax, width)
            if width != Self.digitCount(numbers[index]) { fields[index].isPadded = true }
        }
        count += 1
        return true
    }

    @inline(__always)
    private func match(
        _ text: UnsafeRawBufferPointer, _ numbers: inout InlineArray<12, Int64>,
        _ widths: inout InlineArray<12, Int>
    ) -> Bool {
        literals.withUnsafeBufferPointer { literals in
            pieceEnds.withUnsafeBufferPointer { pieceEnds in
                var offset = 0
                var piece = 0
                for index in 0..<pieceEnds.count {
                    let end = pieceEnds[index]
                    guard text.count &- offset >= end &- piece else { return false }
                    while piece < end {
                        if text[offset] != literals[piece] { return false }
                        offset &+= 1
                        piece &+= 1
                    }
                    if index == pieceEnds.count &- 1 { break }
                    let start = offset
                    var number: Int64 = 0
                    while offset < text.count, Self.isDigit(text[offset]) {
                        number = number &* 10 &+ Int64(text[offset] &- UInt8(ascii: "0"))
                        offset &+= 1
                    }
                    guard offset > start, offset &- start <= Self.digitsMax else { return false }
                    numbers[index] = number
                    widths[index] = offset &- start
                }
                return offset == text.count
            }
        }
    }

    @inline(__always)
    static func digitCount(_ number: Int64) -> Int {
        var count = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            count &+= 1
        }
        return count
    }
}
