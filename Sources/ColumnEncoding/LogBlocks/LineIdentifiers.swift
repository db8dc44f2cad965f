import Telemetry

/// Ids in texts: every 32 consecutive lower-case hexadecimal digits, wherever they stand, and every UUID.
/// A text that holds another has all ids of it, so a filter over the ids of lines answers which may hold a
/// trace id. Keys are on disk by their effect, so they never change.
package enum LineIdentifiers {
    private static let digitCount = 32
    private static let uuidCount = 36
    private static let uuidDashes: UInt64 = 1 << 8 | 1 << 13 | 1 << 18 | 1 << 23

    /// Shorter texts have no ids.
    package static let lengthMin = digitCount

    /// Hands out the key of every id in `text`; of 32 digits it is that of the trace id
    /// (`FuseFilter.key`).
    package static func keys(in text: UnsafeRawBufferPointer, _ body: (UInt64) -> Void) {
        guard text.count >= digitCount else { return }
        if text.count == digitCount, let key = key(ofDigits: text) { return body(key) }
        var start = 0
        while start < text.count {
            guard isDigit(text[start]) || text[start] == UInt8(ascii: "-") else {
                start += 1
                continue
            }
            var end = start + 1
            while end < text.count, isDigit(text[end]) || text[end] == UInt8(ascii: "-") {
                end += 1
            }
            if end - start >= digitCount {
                keys(inRun: UnsafeRawBufferPointer(rebasing: text[start..<end]), body)
            }
            start = end + 1
        }
    }

    /// Keys in a run of digits and dashes.
    private static func keys(inRun run: UnsafeRawBufferPointer, _ body: (UInt64) -> Void) {
        for start in 0...(run.count - digitCount) {
            let window = UnsafeRawBufferPointer(rebasing: run[start..<(start + digitCount)])
            if let key = key(ofDigits: window) { body(key) }
            guard start + uuidCount <= run.count else { continue }
            let longer = UnsafeRawBufferPointer(rebasing: run[start..<(start + uuidCount)])
            if isUUID(longer) { body(key(ofText: longer)) }
        }
    }

    /// `nil` unless all of the 32 bytes are digits.
    @inline(__always)
    private static func key(ofDigits text: UnsafeRawBufferPointer) -> UInt64? {
        var halves: (UInt64, UInt64) = (0, 0)
        for place in 0..<4 {
            let word = text.loadUnaligned(fromByteOffset: place &* 8, as: UInt64.self)
            // The first digits are in the low byte.
            guard let packed = HexDigitsInWord.pack(UInt64(littleEndian: word)) else { return nil }
            let part = UInt64(packed.byteSwapped)
            if place < 2 {
                halves.0 = halves.0 << 32 | part
            } else {
                halves.1 = halves.1 << 32 | part
            }
        }
        return FuseFilter.key(TraceID(high: halves.0, low: halves.1))
    }

    private static func isUUID(_ text: UnsafeRawBufferPointer) -> Bool {
        for index in 0..<uuidCount {
            let isDash = text[index] == UInt8(ascii: "-")
            guard isDash == (uuidDashes >> UInt64(index) & 1 == 1) else { return false }
        }
        return true
    }

    /// Whether `keys(in:)` of the text has its own `key(ofValue:)`.
    package static func isWhole(_ text: UnsafeRawBufferPointer) -> Bool {
        if text.count == digitCount { return key(ofDigits: text) != nil }
        return text.count == uuidCount && isUUID(text)
            && text.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "-") }
    }

    /// The key of a text that is an id whatever it looks like.
    package static func key(ofText text: UnsafeRawBufferPointer) -> UInt64 { ContentHash(text).low }

    /// The key of the value of a field of ids.
    package static func key(ofValue text: UnsafeRawBufferPointer) -> UInt64 {
        text.count == digitCount ? key(ofDigits: text) ?? key(ofText: text) : key(ofText: text)
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "0") <= 9 || byte &- UInt8(ascii: "a") <= 5
    }
}
