/// Request methods that the proxy treats by name; raw values index tables of precomputed text.
package enum RequestMethod: UInt8, Sendable, CaseIterable {
    case get, head, post, put, delete, options, patch, trace, other

    /// As `http.request.method`: names outside of RFC 9110 and 5789 are `_OTHER`.
    package var text: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .trace: "TRACE"
        case .other: "_OTHER"
        }
    }

    /// RFC 9110 §9.2.2: sending it twice is as sending it once.
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .patch, .other: false
        }
    }

    init(_ name: UnsafeRawBufferPointer) {
        for method in RequestMethod.allCases where method != .other && name.equals(method.text) {
            self = method
            return
        }
        self = .other
    }
}

/// A request head, as ranges of the bytes that it was parsed from.
package struct RequestHead: Sendable {
    package internal(set) var method = RequestMethod.other
    package internal(set) var methodName = ByteRange.empty
    /// As it stood in the request line.
    package internal(set) var target = ByteRange.empty
    package internal(set) var path = ByteRange.empty
    /// Without the question mark.
    package internal(set) var query = ByteRange.empty
    /// From the target's absolute form, else from `Host`.
    package internal(set) var authority = ByteRange.empty
    package internal(set) var isAbsoluteForm = false
    /// 0 or 1, of HTTP/1.x.
    package internal(set) var minorVersion: UInt8 = 1
    package internal(set) var block = FieldBlock()

    package init() {}

    /// Whether the client wants to send another request on this connection.
    package var keepsAlive: Bool {
        minorVersion == 1 ? !block.saysClose : block.saysKeepAlive && !block.saysClose
    }

    package var bodyFraming: BodyFraming {
        if block.isChunked { return BodyFraming(.chunked(ChunkedFraming())) }
        if let length = block.contentLength, length > 0 { return BodyFraming(.length(length)) }
        return BodyFraming(.none)
    }
}

/// Reads a request head (RFC 9112 §2–§5) from bytes that may arrive in any pieces. It decides; it
/// does no I/O and keeps no bytes: every call is given the head's bytes from its start.
package struct RequestParser: Sendable {
    package private(set) var head = RequestHead()
    private let limits: HeadLimits
    private var scanner = LineScanner()
    private var hasRequestLine = false

    package init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

    /// Makes ready for the next head. The finished one is gone.
    package mutating func reset() {
        scanner.reset()
        hasRequestLine = false
        head.block.reset()
        head.isAbsoluteForm = false
        head.minorVersion = 1
        head.method = .other
        head.methodName = .empty
        head.target = .empty
        head.path = .empty
        head.query = .empty
        head.authority = .empty
    }

    /// - Parameter bytes: all bytes from the start of the head on; they only grow from call to call.
    package mutating func parse(_ bytes: UnsafeRawBufferPointer) -> HeadResult {
        while true {
            switch scanner.next(bytes) {
            case .bareLineFeed: return .invalid(.bareLineFeed)
            case .incomplete:
                guard bytes.count < limits.headBytesMax else { return .invalid(tooLarge) }
                guard hasRequestLine || bytes.count < limits.requestLineBytesMax else {
                    return .invalid(.requestLineTooLong)
                }
                return .incomplete
            case .line(let start, let end):
                guard end + 2 <= limits.headBytesMax else { return .invalid(tooLarge) }
                if !hasRequestLine {
                    if let error = requestLine(bytes, start, end) { return .invalid(error) }
                    hasRequestLine = true
                } else if start == end {
                    head.block.finish(at: start)
                    if let error = finish(bytes) { return .invalid(error) }
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

    private var tooLarge: HeadError { hasRequestLine ? .headTooLarge : .requestLineTooLong }

    private mutating func requestLine(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) -> HeadError? {
        guard end - start <= limits.requestLineBytesMax else { return .requestLineTooLong }
        var offset = start
        while offset < end, ByteClass.isToken(bytes[offset]) { offset += 1 }
        guard offset > start, offset - start <= 32, offset < end, bytes[offset] == 0x20 else {
            return .malformedRequestLine
        }
        head.methodName = ByteRange(start, offset)
        head.method = RequestMethod(bytes[head.methodName])
        let targetStart = offset + 1
        offset = targetStart
        while offset < end, ByteClass.isTarget(bytes[offset]) { offset += 1 }
        guard offset > targetStart, offset < end, bytes[offset] == 0x20 else {
            return .malformedRequestLine
        }
        head.target = ByteRange(targetStart, offset)
        if let error = version(UnsafeRawBufferPointer(rebasing: bytes[(offset + 1)..<end])) {
            return error
        }
        return target(bytes)
    }

    private mutating func version(_ text: UnsafeRawBufferPointer) -> HeadError? {
        guard text.count == 8,
            UnsafeRawBufferPointer(rebasing: text[0..<5]).equals("HTTP/"),
            ByteClass.isDigit(text[5]), text[6] == UInt8(ascii: "."), ByteClass.isDigit(text[7])
        else { return .malformedRequestLine }
        guard text[5] == UInt8(ascii: "1"), text[7] <= UInt8(ascii: "1") else {
            return .unsupportedVersion
        }
        head.minorVersion = text[7] - UInt8(ascii: "0")
        return nil
    }

    /// RFC 9112 §3.2: origin form, absolute form or `OPTIONS *`; tunnels (CONNECT) are not offered.
    private mutating func target(_ bytes: UnsafeRawBufferPointer) -> HeadError? {
        let start = Int(head.target.start)
        let end = Int(head.target.end)
        if bytes[head.methodName].equals("CONNECT") { return .unsupportedMethod }
        if bytes[start] == UInt8(ascii: "/") {
            splitPath(bytes, start, end)
            return nil
        }
        if end - start == 1, bytes[start] == UInt8(ascii: "*"), head.method == .options {
            head.path = head.target
            return nil
        }
        guard end - start > 7,
            UnsafeRawBufferPointer(rebasing: bytes[start..<(start + 7)])
                .equalsIgnoringCase("http://")
        else { return .malformedRequestLine }
        var authorityEnd = start + 7
        while authorityEnd < end, bytes[authorityEnd] != UInt8(ascii: "/"),
            bytes[authorityEnd] != UInt8(ascii: "?")
        {
            guard ByteClass.isAuthority(bytes[authorityEnd]) else { return .malformedHost }
            authorityEnd += 1
        }
        guard authorityEnd > start + 7 else { return .malformedHost }
        head.isAbsoluteForm = true
        head.authority = ByteRange(start + 7, authorityEnd)
        splitPath(bytes, authorityEnd, end)
        return nil
    }

    private mutating func splitPath(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) {
        var mark = start
        while mark < end, bytes[mark] != UInt8(ascii: "?") { mark += 1 }
        head.path = ByteRange(start, mark)
        head.query = mark < end ? ByteRange(mark + 1, end) : .empty
    }

    private mutating func finish(_ bytes: UnsafeRawBufferPointer) -> HeadError? {
        if head.block.isChunked, head.minorVersion == 0 { return .transferEncodingInOldVersion }
        guard let host = head.block.value(.host) else {
            if head.minorVersion == 1 { return .missingHost }
            if !head.isAbsoluteForm { head.authority = .empty }
            return nil
        }
        if head.block.isRepeated(.host) { return .repeatedHost }
        for byte in bytes[host] where !ByteClass.isAuthority(byte) { return .malformedHost }
        if !head.isAbsoluteForm { head.authority = host }
        return nil
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these bytes are `text`, which is in lower case, but for the case of ASCII letters.
    func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where lowercased(self[index]) != text.utf8Start[index] {
            return false
        }
        return true
    }
}
