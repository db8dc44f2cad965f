/// Where a message body ends (RFC 9112 §6.3).
package struct BodyFraming: Hashable, Sendable {
    package enum Mode: Hashable, Sendable {
        case none
        /// Bytes still to come.
        case length(UInt64)
        case chunked(ChunkedFraming)
        case untilClose
    }

    package enum Progress: Hashable, Sendable {
        /// All bytes belong to the body, which goes on.
        case more
        /// The body ends after the first `used` bytes.
        case finished(used: Int)
        case invalid
    }

    package private(set) var mode: Mode
    /// Content bytes seen, without chunk framing.
    package private(set) var contentBytes: UInt64 = 0

    package init(_ mode: Mode) { self.mode = mode }

    package var isEmpty: Bool { mode == .none }
    package var isChunked: Bool {
        if case .chunked = mode { true } else { false }
    }

    package var isFinished: Bool {
        switch mode {
        case .none: true
        case .length(let remaining): remaining == 0
        case .chunked(let framing): framing.isFinished
        case .untilClose: false
        }
    }

    /// Follows the next bytes of the message. `content` is called with every run of content among
    /// them, in order.
    package mutating func consume(
        _ bytes: UnsafeRawBufferPointer, content: (Range<Int>) -> Void = { _ in }
    ) -> Progress {
        switch mode {
        case .none: return .finished(used: 0)
        case .length(let remaining):
            let used = Int(min(UInt64(bytes.count), remaining))
            contentBytes &+= UInt64(used)
            mode = .length(remaining - UInt64(used))
            if used > 0 { content(0..<used) }
            return remaining == UInt64(used) ? .finished(used: used) : .more
        case .chunked(var framing):
            var offset = 0
            while true {
                let step = framing.step(bytes, from: offset)
                switch step {
                case .data(let range):
                    contentBytes &+= UInt64(range.count)
                    content(range)
                    offset = range.upperBound
                case .incomplete:
                    mode = .chunked(framing)
                    return .more
                case .finished(let end):
                    mode = .chunked(framing)
                    return .finished(used: end)
                case .invalid: return .invalid
                }
            }
        case .untilClose:
            contentBytes &+= UInt64(bytes.count)
            if !bytes.isEmpty { content(0..<bytes.count) }
            return .more
        }
    }
}
