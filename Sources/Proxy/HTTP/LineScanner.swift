import Glibc

/// Finds the CRLF-terminated lines of a head as its bytes arrive. Bare LF is refused (RFC 9112 §2.2
/// allows it, and request smuggling lives on it); a bare CR is refused as part of the line it is in.
struct LineScanner: Sendable {
    enum Line {
        case incomplete
        /// The line is `bytes[start ..< end]`; its CRLF follows.
        case line(start: Int, end: Int)
        case bareLineFeed
    }

    private(set) var lineStart = 0
    private var scanned = 0

    mutating func reset() {
        lineStart = 0
        scanned = 0
    }

    @inline(__always)
    mutating func next(_ bytes: UnsafeRawBufferPointer) -> Line {
        guard scanned < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + scanned, 0x0A, bytes.count - scanned)
        else {
            scanned = bytes.count
            return .incomplete
        }
        let feed = UnsafeRawPointer(found) - base
        guard feed > lineStart, bytes[feed - 1] == 0x0D else { return .bareLineFeed }
        let start = lineStart
        lineStart = feed + 1
        scanned = lineStart
        return .line(start: start, end: feed - 1)
    }
}
