import Glibc

/// Looks for one text in many: by glibc's vectorised search for the byte of the text that is probably
/// the rarest in log lines, then by comparison. Long texts in much longer ones by pairs of bytes, as
/// ids are made of digits that are rare nowhere (`SkippingSearch`).
package struct StringSearch: Sendable {
    @usableFromInline let wanted: [UInt8]
    /// Offset of the byte to search for.
    @usableFromInline let anchor: Int
    /// For long texts.
    @usableFromInline let skipping: SkippingSearch?
    /// Shorter ones are searched before tables are in the cache.
    @usableFromInline static let skippedCountMin = 1_024

    package init(_ text: String) { self.init(Array(text.utf8)) }

    package init(_ bytes: [UInt8]) {
        wanted = bytes
        anchor =
            bytes.indices.min {
                StringSearch.frequency(bytes[$0]) < StringSearch.frequency(bytes[$1])
            } ?? 0
        skipping = SkippingSearch(bytes)
    }

    package var count: Int { wanted.count }

    @inlinable @inline(__always)
    package func isFound(in text: UnsafeRawBufferPointer) -> Bool {
        place(in: text, from: 0) != nil
    }

    /// Where the text first begins at `offset` or behind it.
    /// - Complexity: O(length) unless the anchor is frequent, O(length · length of the text) at worst.
    @inlinable @inline(__always)
    package func place(in whole: UnsafeRawBufferPointer, from offset: Int) -> Int? {
        guard !wanted.isEmpty else { return offset }
        guard let origin = whole.baseAddress, whole.count - offset >= wanted.count else {
            return nil
        }
        let base = origin + offset
        let text = UnsafeRawBufferPointer(start: base, count: whole.count - offset)
        return wanted.withUnsafeBytes { wanted in
            guard let start = wanted.baseAddress else { return offset }
            if let skipping, text.count >= Self.skippedCountMin {
                return skipping.place(of: wanted, in: text).map { $0 + offset }
            }
            var candidate = base + anchor
            let end = base + (text.count - wanted.count + anchor + 1)
            let byte = Int32(wanted[anchor])
            while candidate < end, let hit = memchr(candidate, byte, end - candidate) {
                let place = UnsafeRawPointer(hit)
                if memcmp(place - anchor, start, wanted.count) == 0 {
                    return place - anchor - origin
                }
                candidate = place + 1
            }
            return nil
        }
    }

    /// How frequent a byte is in log lines, roughly.
    private static func frequency(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\""), UInt8(ascii: "e"), UInt8(ascii: "0"): 5
        case UInt8(ascii: "a"), UInt8(ascii: "i"), UInt8(ascii: "n"), UInt8(ascii: "o"),
            UInt8(ascii: "r"), UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "1"),
            UInt8(ascii: ":"), UInt8(ascii: ","):
            4
        case UInt8(ascii: "2")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "/"), UInt8(ascii: "-"):
            3
        case UInt8(ascii: "b")...UInt8(ascii: "z"): 2
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): 1
        default: 0
        }
    }
}
