/// A response head, as ranges of the bytes that it was parsed from.
package struct ResponseHead: Sendable {
    package internal(set) var status: UInt16 = 0
    /// The status line without its version: `200 OK`.
    package internal(set) var statusText = ByteRange.empty
    package internal(set) var minorVersion: UInt8 = 1
    package internal(set) var block = FieldBlock()

    package init() {}

    /// Whether the upstream lets its connection be used again.
    package var keepsAlive: Bool {
        minorVersion == 1 ? !block.saysClose : block.saysKeepAlive && !block.saysClose
    }

    /// RFC 9112 §6.3.
    package func bodyFraming(requestMethod: RequestMethod) -> BodyFraming {
        if requestMethod == .head || status < 200 || status == 204 || status == 304 {
            return BodyFraming(.none)
        }
        if block.isChunked { return BodyFraming(.chunked(ChunkedFraming())) }
        guard let length = block.contentLength else { return BodyFraming(.untilClose) }
        return length > 0 ? BodyFraming(.length(length)) : BodyFraming(.none)
    }
}

/// Reads a response head (RFC 9112 §4), as `RequestParser` reads a request's.
package struct ResponseParser: Sendable {
    package private(set) var head = ResponseHead()
    private let limits: HeadLimits
    private var scanner = LineScanner()
    private var hasStatusLine = false

    package init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

    package mutating func reset() {
        scanner.reset()
        hasStatusLine = false
        head.block.reset()
    }

    /// - Parameter bytes: all bytes from the start of the head on.
    package mutating func parse(_ bytes: UnsafeRawBufferPointer) -> HeadResult {
        while true {
            switch scanner.next(bytes) {
            case .bareLineFeed: return .invalid(.bareLineFeed)
            case .incomplete:
                return bytes.count < limits.headBytesMax ? .incomplete : .invalid(.headTooLarge)
            case .line(let start, let end):
                guard end + 2 <= limits.headBytesMax else { return .invalid(.headTooLarge) }
                if !hasStatusLine {
                    if let error = statusLine(bytes, start, end) { return .invalid(error) }
                    hasStatusLine = true
                } else if start == end {
                    head.block.finish(at: start)
                    if head.block.isChunked, head.minorVersion == 0 {
                        return .invalid(.transferEncodingInOldVersion)
                    }
                    return .complete(length: end + 2)
                } else {
                    guard head.block.fields.count < limits.fieldsMax else {
                        return .invalid(.tooManyFields)
                    }
                    if let error = head.block.append(bytes, start, end) { return .invalid(error) }
                }
            }
        }
    }

    /// `HTTP/1.x SP 3DIGIT [SP reason]`.
    private mutating func statusLine(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) -> HeadError? {
        guard end - start >= 12,
            UnsafeRawBufferPointer(rebasing: bytes[start..<(start + 7)]).equals("HTTP/1."),
            bytes[start + 8] == 0x20
        else { return .malformedStatusLine }
        let minor = bytes[start + 7] &- UInt8(ascii: "0")
        guard minor <= 1 else { return .unsupportedVersion }
        var status: UInt16 = 0
        for offset in (start + 9)..<(start + 12) {
            guard ByteClass.isDigit(bytes[offset]) else { return .malformedStatusLine }
            status = status &* 10 &+ UInt16(bytes[offset] &- UInt8(ascii: "0"))
        }
        guard (100...599).contains(status), end - start == 12 || bytes[start + 12] == 0x20 else {
            return .malformedStatusLine
        }
        for offset in (start + 12)..<end where !ByteClass.isFieldValue(bytes[offset]) {
            return .malformedStatusLine
        }
        head.minorVersion = minor
        head.status = status
        head.statusText = ByteRange(start + 9, end)
        return nil
    }
}
