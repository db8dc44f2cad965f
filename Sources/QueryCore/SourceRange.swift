/// Where a piece of a query stands in its text: UTF-8 byte offsets, end excluded.
package struct SourceRange: Hashable, Sendable {
    package var start: Int
    package var end: Int

    @inlinable package init(_ start: Int, _ end: Int) {
        self.start = start
        self.end = end
    }

    /// The smallest range that covers both.
    package func union(_ other: SourceRange) -> SourceRange {
        SourceRange(min(start, other.start), max(end, other.end))
    }

    /// `line:column` of the start, both from 1, columns counted in bytes, as Prometheus reports them.
    package func position(in source: String) -> String {
        guard !source.isEmpty else { return "unknown position" }
        var line = 1
        var lastBreak = -1
        for (offset, byte) in source.utf8.prefix(start).enumerated()
        where byte == UInt8(ascii: "\n") {
            line += 1
            lastBreak = offset
        }
        return "\(line):\(min(start, source.utf8.count) - lastBreak)"
    }

    /// The line of `source` in which the range starts, and below it a caret under every byte of the
    /// range that stands on that line.
    package func excerpt(of source: String) -> String {
        let bytes = Array(source.utf8)
        let first = min(max(start, 0), bytes.count)
        let lineStart = bytes[..<first].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let lineEnd = bytes[first...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        let marks = max(1, min(end, lineEnd) - first)
        return String(decoding: bytes[lineStart..<lineEnd], as: UTF8.self) + "\n"
            + String(repeating: " ", count: first - lineStart)
            + String(repeating: "^", count: marks)
    }
}
