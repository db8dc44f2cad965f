import Glibc

/// Some literals, one of which a text may equal: ordered by length, then bytewise, and searched by
/// halves.
struct LiteralSet {
    private let sorted: [[UInt8]]

    init(_ literals: some Sequence<[UInt8]>) {
        sorted = Set(literals).sorted {
            $0.count != $1.count ? $0.count < $1.count : $0.lexicographicallyPrecedes($1)
        }
    }

    /// - Complexity: O(length · log n), no allocation.
    func contains(_ text: UnsafeRawBufferPointer) -> Bool {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            let order = LiteralSet.compare(sorted[middle], text)
            if order == 0 { return true }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return false
    }

    private static func compare(_ literal: [UInt8], _ text: UnsafeRawBufferPointer) -> Int32 {
        guard literal.count == text.count else { return literal.count < text.count ? -1 : 1 }
        return literal.withUnsafeBytes { literal in
            guard let a = literal.baseAddress, let b = text.baseAddress else { return 0 }
            return memcmp(a, b, text.count)
        }
    }
}
