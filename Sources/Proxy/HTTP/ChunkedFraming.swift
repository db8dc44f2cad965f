/// Follows the chunked transfer coding (RFC 9112 §7.1) through bytes that arrive in any pieces, and
/// refuses whatever two parsers might read differently: bare LF or CR, blanks or signs around a size,
/// sizes past 60 bits.
package struct ChunkedFraming: Hashable, Sendable {
    package enum Step: Hashable, Sendable {
        /// `range` of the given bytes is content; what lies before it is framing.
        case data(Range<Int>)
        /// The bytes are used up.
        case incomplete
        /// The message ends before `offset`.
        case finished(offset: Int)
        case invalid
    }

    private enum State: Hashable, Sendable {
        case size
        case chunkExtension
        case sizeFeed
        case data
        case dataReturn
        case dataFeed
        case trailerStart
        case trailerName
        case trailerValue
        case trailerFeed
        case endFeed
        case finished
    }

    /// Trailers and extensions together: they are held by nobody, but a sender must not send them
    /// without end.
    private static let overheadBytesMax = 65_536

    private var state = State.size
    private var remaining: UInt64 = 0
    private var digits: UInt8 = 0
    private var overhead = 0

    package init() {}

    package var isFinished: Bool { state == .finished }

    /// Goes on at `offset` of `bytes`.
    package mutating func step(_ bytes: UnsafeRawBufferPointer, from offset: Int) -> Step {
        var offset = offset
        while offset < bytes.count {
            if state == .data {
                let count = Int(min(UInt64(bytes.count - offset), remaining))
                remaining -= UInt64(count)
                if remaining == 0 { state = .dataReturn }
                return .data(offset..<(offset + count))
            }
            guard accept(bytes[offset]) else { return .invalid }
            offset += 1
            if state == .finished { return .finished(offset: offset) }
        }
        return state == .finished ? .finished(offset: offset) : .incomplete
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        switch state {
        case .size: return acceptSize(byte)
        case .chunkExtension:
            if byte == 0x0D { return move(to: .sizeFeed) }
            return ByteClass.isFieldValue(byte) && countOverhead()
        case .sizeFeed:
            guard byte == 0x0A else { return false }
            digits = 0
            return move(to: remaining == 0 ? .trailerStart : .data)
        case .dataReturn: return byte == 0x0D && move(to: .dataFeed)
        case .dataFeed: return byte == 0x0A && move(to: .size)
        case .trailerStart:
            if byte == 0x0D { return move(to: .endFeed) }
            return ByteClass.isToken(byte) && countOverhead() && move(to: .trailerName)
        case .trailerName:
            if byte == UInt8(ascii: ":") { return move(to: .trailerValue) }
            return ByteClass.isToken(byte) && countOverhead()
        case .trailerValue:
            if byte == 0x0D { return move(to: .trailerFeed) }
            return ByteClass.isFieldValue(byte) && countOverhead()
        case .trailerFeed: return byte == 0x0A && move(to: .trailerStart)
        case .endFeed: return byte == 0x0A && move(to: .finished)
        case .data, .finished: return false
        }
    }

    private mutating func acceptSize(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        let nibble: UInt8
        if ByteClass.isDigit(byte) {
            nibble = byte - UInt8(ascii: "0")
        } else if letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "f") {
            nibble = letter - UInt8(ascii: "a") + 10
        } else {
            guard digits > 0 else { return false }
            if byte == UInt8(ascii: ";") { return move(to: .chunkExtension) }
            return byte == 0x0D && move(to: .sizeFeed)
        }
        guard digits < 15 else { return false }
        remaining = digits == 0 ? UInt64(nibble) : remaining << 4 | UInt64(nibble)
        digits += 1
        return true
    }

    private mutating func move(to next: State) -> Bool {
        state = next
        return true
    }

    private mutating func countOverhead() -> Bool {
        overhead += 1
        return overhead <= Self.overheadBytesMax
    }
}
