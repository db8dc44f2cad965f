/// Finds the pairs of a logfmt line: `key=value key="quoted value"` with spaces between
/// (brandur.org/logfmt). A key may stand without a value; where there are more than half as many of those
/// as there are pairs, or one pair alone, it is more likely prose.
struct Logfmt {
    struct Pair {
        var key: Range<Int>
        /// Without its quotation marks.
        var value: Range<Int>
        var hasEscapes: Bool
    }

    private static let pairsMax = 1_000
    private(set) var pairs: [Pair] = []

    /// - Complexity: O(line); nothing is allocated once `pairs` has grown.
    mutating func matches(_ line: UnsafeRawBufferPointer) -> Bool {
        pairs.removeAll(keepingCapacity: true)
        var offset = 0
        var bareCount = 0
        while offset < line.count {
            if Self.skipBareKey(line, &offset) {
                bareCount += 1
                continue
            }
            guard pairs.count < Self.pairsMax, let pair = Self.pair(line, &offset) else {
                return false
            }
            pairs.append(pair)
            while offset < line.count, line[offset] == UInt8(ascii: " ") { offset += 1 }
        }
        return pairs.count > 1 && bareCount * 2 <= pairs.count
    }

    /// Passes over a key without a value and the spaces behind it.
    private static func skipBareKey(
        _ line: UnsafeRawBufferPointer, _ offset: inout Int
    ) -> Bool {
        var end = offset
        while end < line.count, isKeyByte(line[end]) { end += 1 }
        guard end > offset, end == line.count || line[end] == UInt8(ascii: " ") else {
            return false
        }
        while end < line.count, line[end] == UInt8(ascii: " ") { end += 1 }
        offset = end
        return true
    }

    private static func pair(_ line: UnsafeRawBufferPointer, _ offset: inout Int) -> Pair? {
        let start = offset
        while offset < line.count, isKeyByte(line[offset]) { offset += 1 }
        guard offset > start, offset < line.count, line[offset] == UInt8(ascii: "=") else {
            return nil
        }
        let key = start..<offset
        offset += 1
        guard offset < line.count, line[offset] == UInt8(ascii: "\"") else {
            let valueStart = offset
            while offset < line.count, line[offset] > 0x20, line[offset] != UInt8(ascii: "\"") {
                offset += 1
            }
            guard offset == line.count || line[offset] == UInt8(ascii: " ") else { return nil }
            return Pair(key: key, value: valueStart..<offset, hasEscapes: false)
        }
        offset += 1
        let valueStart = offset
        var hasEscapes = false
        while offset < line.count, line[offset] != UInt8(ascii: "\"") {
            if line[offset] == UInt8(ascii: "\\") {
                hasEscapes = true
                offset += 1
            }
            offset += 1
        }
        guard offset < line.count else { return nil }
        let value = valueStart..<offset
        offset += 1
        guard offset == line.count || line[offset] == UInt8(ascii: " ") else { return nil }
        return Pair(key: key, value: value, hasEscapes: hasEscapes)
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "-"), UInt8(ascii: "@"), UInt8(ascii: "/"):
            true
        default: byte >= 0x80
        }
    }

    /// Undoes `\"`, `\\`, `\n`, `\r` and `\t`; another escaped character stands for itself.
    static func unescape(_ value: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        output.removeAll(keepingCapacity: true)
        var isEscaped = false
        for byte in value {
            if isEscaped {
                switch byte {
                case UInt8(ascii: "n"): output.append(0x0A)
                case UInt8(ascii: "r"): output.append(0x0D)
                case UInt8(ascii: "t"): output.append(0x09)
                default: output.append(byte)
                }
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                output.append(byte)
            }
        }
    }
}
