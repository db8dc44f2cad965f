/// Where one field line lies in its head.
package struct HeaderField: Sendable {
    /// Start of the line; it ends where the next one, or the closing empty line, starts.
    package var start: UInt32
    package var nameEnd: UInt32
    package var value: ByteRange
    package var known: KnownHeader
}

/// The field lines of a head and what they say about framing and the connection (RFC 9112 §5, §6, §9).
package struct FieldBlock: Sendable {
    package private(set) var fields: [HeaderField] = []
    /// `nil` when the head has no Content-Length.
    package private(set) var contentLength: UInt64?
    package private(set) var isChunked = false
    package private(set) var saysClose = false
    package private(set) var saysKeepAlive = false
    package private(set) var saysUpgrade = false
    /// `Connection` names fields of its own, which must not be forwarded.
    package private(set) var namesOtherFields = false
    /// Where the closing empty line starts.
    package private(set) var end: UInt32 = 0
    private var present: UInt32 = 0
    private var repeated: UInt32 = 0

    package init() { fields.reserveCapacity(24) }

    mutating func reset() {
        fields.removeAll(keepingCapacity: true)
        contentLength = nil
        isChunked = false
        saysClose = false
        saysKeepAlive = false
        saysUpgrade = false
        namesOtherFields = false
        end = 0
        present = 0
        repeated = 0
    }

    mutating func finish(at offset: Int) { end = UInt32(truncatingIfNeeded: offset) }

    @inline(__always)
    package func contains(_ header: KnownHeader) -> Bool {
        present >> UInt32(header.rawValue) & 1 != 0
    }

    @inline(__always)
    package func isRepeated(_ header: KnownHeader) -> Bool {
        repeated >> UInt32(header.rawValue) & 1 != 0
    }

    /// The value of the first field called `header`.
    package func value(_ header: KnownHeader) -> ByteRange? {
        guard contains(header) else { return nil }
        for field in fields where field.known == header { return field.value }
        return nil
    }

    /// Where field line `index` ends, its CRLF included.
    @inline(__always)
    package func lineEnd(_ index: Int) -> Int {
        index + 1 < fields.count ? Int(fields[index + 1].start) : Int(end)
    }

    /// Takes the line `bytes[start ..< lineEnd]` (without CRLF).
    mutating func append(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ lineEnd: Int
    ) -> HeadError? {
        var colon = start
        while colon < lineEnd, ByteClass.isToken(bytes[colon]) { colon += 1 }
        guard colon < lineEnd, colon > start, bytes[colon] == UInt8(ascii: ":") else {
            return Self.nameError(bytes, start, colon, lineEnd)
        }
        var valueStart = colon + 1
        while valueStart < lineEnd, Self.isBlank(bytes[valueStart]) { valueStart += 1 }
        var valueEnd = lineEnd
        while valueEnd > valueStart, Self.isBlank(bytes[valueEnd - 1]) { valueEnd -= 1 }
        for offset in valueStart..<valueEnd where !ByteClass.isFieldValue(bytes[offset]) {
            return .malformedFieldValue
        }
        let known = KnownHeader.recognise(UnsafeRawBufferPointer(rebasing: bytes[start..<colon]))
        let value = ByteRange(valueStart, valueEnd)
        fields.append(
            HeaderField(
                start: UInt32(truncatingIfNeeded: start),
                nameEnd: UInt32(truncatingIfNeeded: colon), value: value, known: known))
        guard known != .other else { return nil }
        let bit: UInt32 = 1 << UInt32(known.rawValue)
        repeated |= present & bit
        present |= bit
        return note(known, bytes[value])
    }

    private mutating func note(
        _ known: KnownHeader, _ value: UnsafeRawBufferPointer
    ) -> HeadError? {
        switch known {
        case .contentLength: return noteContentLength(value)
        case .transferEncoding: return noteTransferEncoding(value)
        case .connection: noteConnection(value)
        default: break
        }
        return nil
    }

    private mutating func noteContentLength(_ value: UnsafeRawBufferPointer) -> HeadError? {
        guard contentLength == nil else { return .repeatedContentLength }
        guard !isChunked else { return .contentLengthWithTransferEncoding }
        // 18 digits stay below 2^63.
        guard (1...18).contains(value.count) else { return .malformedContentLength }
        var length: UInt64 = 0
        for byte in value {
            guard ByteClass.isDigit(byte) else { return .malformedContentLength }
            length = length &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
        }
        contentLength = length
        return nil
    }

    private mutating func noteTransferEncoding(_ value: UnsafeRawBufferPointer) -> HeadError? {
        guard !isChunked else { return .repeatedTransferEncoding }
        guard contentLength == nil else { return .contentLengthWithTransferEncoding }
        guard value.equalsLowercased("chunked") else { return .unsupportedTransferEncoding }
        isChunked = true
        return nil
    }

    private mutating func noteConnection(_ value: UnsafeRawBufferPointer) {
        FieldBlock.forEachListElement(value) { token in
            if token.equalsLowercased("close") {
                saysClose = true
            } else if token.equalsLowercased("keep-alive") {
                saysKeepAlive = true
            } else if token.equalsLowercased("upgrade") {
                saysUpgrade = true
            } else {
                namesOtherFields = true
            }
        }
    }

    /// Whether some `Connection` field names the field `name`.
    func connectionNames(
        _ name: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer
    ) -> Bool {
        var found = false
        for field in fields where field.known == .connection {
            FieldBlock.forEachListElement(bytes[field.value]) { token in
                if token.equalsIgnoringCase(name) { found = true }
            }
        }
        return found
    }

    /// The elements of a comma-separated list, without the blanks around them; empty ones left out.
    static func forEachListElement(
        _ value: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var start = 0
        while start <= value.count {
            var end = start
            while end < value.count, value[end] != UInt8(ascii: ",") { end += 1 }
            var first = start
            var last = end
            while first < last, isBlank(value[first]) { first += 1 }
            while last > first, isBlank(value[last - 1]) { last -= 1 }
            if first < last { body(UnsafeRawBufferPointer(rebasing: value[first..<last])) }
            start = end + 1
        }
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func nameError(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ stop: Int, _ lineEnd: Int
    ) -> HeadError {
        guard stop < lineEnd else { return .malformedFieldName }
        if isBlank(bytes[stop]) { return stop == start ? .foldedField : .spaceBeforeColon }
        return .malformedFieldName
    }
}
