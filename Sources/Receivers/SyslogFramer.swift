import Glibc

/// Takes syslog messages out of a TCP stream (RFC 6587): `LENGTH MESSAGE` when a digit stands where a
/// message should begin, else up to the end of the line. A message that is too long is passed over.
struct SyslogFramer {
    enum Frame: Equatable {
        case message(Range<Int>)
        /// Bytes of a message that was passed over.
        case oversized(Int)
    }

    private static let lengthDigitsMax = 9

    private let messageBytesMax: Int
    /// Frames are ranges of it, until `append` is called again.
    private(set) var bytes: [UInt8] = []
    private var offset = 0
    /// Bytes of an oversized counted message that have not come yet.
    private var skipping = 0
    /// Bytes of an oversized line that have been passed over.
    private var skippedLine = 0

    init(messageBytesMax: Int) { self.messageBytesMax = messageBytesMax }

    mutating func append(_ more: some Sequence<UInt8>) {
        bytes.removeFirst(offset)
        offset = 0
        bytes.append(contentsOf: more)
    }

    /// The next frame that is there whole; `nil` if more bytes are needed.
    mutating func next() -> Frame? {
        if skipping > 0 {
            let count = min(skipping, bytes.count - offset)
            skipping -= count
            offset += count
            if skipping > 0 { return nil }
        }
        guard offset < bytes.count else { return nil }
        let isCounted =
            skippedLine == 0 && bytes[offset] &- UInt8(ascii: "1") <= 8
        return isCounted ? counted() : line()
    }

    /// What is left when the stream ends: the last line needs no end.
    mutating func rest() -> Frame? {
        if let frame = next() { return frame }
        guard offset < bytes.count || skippedLine > 0, skipping == 0 else { return nil }
        let start = offset
        offset = bytes.count
        guard skippedLine > 0 else { return .message(start..<offset) }
        defer { skippedLine = 0 }
        return .oversized(skippedLine + bytes.count - start)
    }

    private mutating func counted() -> Frame? {
        var end = offset
        var length = 0
        while end < bytes.count, end - offset < Self.lengthDigitsMax,
            bytes[end] &- UInt8(ascii: "0") <= 9
        {
            length = length * 10 + Int(bytes[end] &- UInt8(ascii: "0"))
            end += 1
        }
        guard end < bytes.count else { return nil }
        guard bytes[end] == UInt8(ascii: " ") else { return line() }
        let start = end + 1
        if length > messageBytesMax {
            let there = min(length, bytes.count - start)
            offset = start + there
            skipping = length - there
            return .oversized(length)
        }
        guard bytes.count - start >= length else { return nil }
        offset = start + length
        return .message(start..<offset)
    }

    private mutating func line() -> Frame? {
        let found = bytes[offset...].firstIndex(of: 0x0A)
        guard let end = found else {
            guard bytes.count - offset > messageBytesMax || skippedLine > 0 else { return nil }
            skippedLine += bytes.count - offset
            offset = bytes.count
            return nil
        }
        defer { offset = end + 1 }
        guard skippedLine == 0, end - offset <= messageBytesMax else {
            let count = skippedLine + end - offset
            skippedLine = 0
            return .oversized(count)
        }
        return .message(offset..<end)
    }
}
