import Telemetry

/// A pull reader of one protobuf message (protobuf.dev/programming-guides/encoding) inside a body of
/// bytes. Every read is bounds-checked; nothing is allocated or copied.
///
/// A decoder loops over `nextKey()`, which is 0 at the end of the message, and switches over the raw key
/// (`ProtobufKey`). A field with an unexpected wire type is unknown, and unknown fields are skipped, as
/// the official parsers do. Groups, field number 0 and the unassigned wire types are refused.
///
/// The pointer must outlive the reader: readers live only inside a decoder's `withUnsafeBytes`.
package struct ProtobufReader {
    /// The whole body, so that offsets in errors are offsets in what the sender sent.
    private let body: UnsafeRawBufferPointer
    package private(set) var offset: Int
    package let end: Int

    package init(_ body: UnsafeRawBufferPointer) {
        self.init(body, offset: 0, end: body.count)
    }

    private init(_ body: UnsafeRawBufferPointer, offset: Int, end: Int) {
        self.body = body
        self.offset = offset
        self.end = end
    }

    @inline(__always) package var remaining: Int { end &- offset }

    /// The key of the next field; 0 when the message ends here.
    @inline(__always)
    package mutating func nextKey() throws(DecodeError) -> UInt32 {
        guard offset < end else { return 0 }
        let first = body[offset]
        if first < 0x80, first >= 0x08 {
            offset &+= 1
            return UInt32(first)
        }
        return try longKey()
    }

    @inline(never)
    private mutating func longKey() throws(DecodeError) -> UInt32 {
        let start = offset
        let raw = try varint("field key")
        guard let key = UInt32(exactly: raw), key >> 3 != 0 else {
            throw .malformed(
                field: "field key", offset: start, reason: "field number \(raw >> 3) is not allowed"
            )
        }
        return key
    }

    @inline(__always)
    package mutating func varint(_ field: StaticString) throws(DecodeError) -> UInt64 {
        if offset < end {
            let byte = body[offset]
            if byte < 0x80 {
                offset &+= 1
                return UInt64(byte)
            }
        }
        return try longVarint(field)
    }

    @inline(never)
    private mutating func longVarint(_ field: StaticString) throws(DecodeError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < end {
            let byte = body[offset]
            offset &+= 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift &+= 7
            if shift > 63 {
                throw .malformed(
                    field: "\(field)", offset: start, reason: "a varint has more than 10 bytes")
            }
        }
        throw .truncated(
            field: "\(field)", offset: start, needed: end &- start &+ 1, had: end &- start)
    }

    @inline(__always)
    package mutating func bool(_ field: StaticString) throws(DecodeError) -> Bool {
        try varint(field) != 0
    }

    /// `uint32`; like the official parsers it keeps the low 32 bits of a longer varint.
    @inline(__always)
    package mutating func uint32(_ field: StaticString) throws(DecodeError) -> UInt32 {
        UInt32(truncatingIfNeeded: try varint(field))
    }

    @inline(__always)
    package mutating func int64(_ field: StaticString) throws(DecodeError) -> Int64 {
        Int64(bitPattern: try varint(field))
    }

    @inline(__always)
    package mutating func int32(_ field: StaticString) throws(DecodeError) -> Int32 {
        Int32(truncatingIfNeeded: try varint(field))
    }

    /// `sint32`: zigzag.
    @inline(__always)
    package mutating func sint32(_ field: StaticString) throws(DecodeError) -> Int32 {
        let raw = UInt32(truncatingIfNeeded: try varint(field))
        return Int32(bitPattern: raw >> 1) ^ -Int32(bitPattern: raw & 1)
    }

    /// `sint64`: zigzag.
    @inline(__always)
    package mutating func sint64(_ field: StaticString) throws(DecodeError) -> Int64 {
        Varint.unzigzag(try varint(field))
    }

    @inline(__always)
    package mutating func fixed64(_ field: StaticString) throws(DecodeError) -> UInt64 {
        guard remaining >= 8 else {
            throw .truncated(field: "\(field)", offset: offset, needed: 8, had: remaining)
        }
        let value = body.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        offset &+= 8
        return UInt64(littleEndian: value)
    }

    @inline(__always)
    package mutating func fixed32(_ field: StaticString) throws(DecodeError) -> UInt32 {
        guard remaining >= 4 else {
            throw .truncated(field: "\(field)", offset: offset, needed: 4, had: remaining)
        }
        let value = body.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        offset &+= 4
        return UInt32(littleEndian: value)
    }

    @inline(__always)
    package mutating func double(_ field: StaticString) throws(DecodeError) -> Double {
        Double(bitPattern: try fixed64(field))
    }

    /// The content of a `string` or `bytes` field.
    @inline(__always)
    package mutating func bytes(
        _ field: StaticString
    ) throws(DecodeError) -> UnsafeRawBufferPointer {
        let start = try run(field)
        return UnsafeRawBufferPointer(rebasing: body[start..<offset])
    }

    /// A reader of an embedded message.
    @inline(__always)
    package mutating func message(_ field: StaticString) throws(DecodeError) -> ProtobufReader {
        let start = try run(field)
        return ProtobufReader(body, offset: start, end: offset)
    }

    /// Goes on at an offset of the body that lies before the end of the message and has been looked at
    /// already.
    @inline(__always)
    mutating func advance(to offset: Int) {
        self.offset = min(max(offset, self.offset), end)
    }

    /// Whether the next `count` bytes of the message are those that stand at an offset of the body.
    @inline(__always)
    func isNext(_ count: Int, at start: Int) -> Bool {
        guard count <= remaining, start <= body.count &- count, let base = body.baseAddress else {
            return false
        }
        let (next, other) = (base + offset, base + start)
        guard count >= 8 else {
            for index in 0..<count
            where next.load(fromByteOffset: index, as: UInt8.self)
                != other.load(fromByteOffset: index, as: UInt8.self)
            {
                return false
            }
            return true
        }
        // Word by word, the last word overlapping its predecessor.
        var index = 0
        while index &+ 8 < count {
            if next.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                != other.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            {
                return false
            }
            index &+= 8
        }
        return next.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            == other.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    }

    /// Bytes of the body by their offsets; none if they do not all lie before the end of the message.
    func withBytes(_ range: Range<Int>, _ read: (UnsafeRawBufferPointer) -> Void) {
        guard range.lowerBound >= 0, range.upperBound <= end else { return }
        read(UnsafeRawBufferPointer(rebasing: body[range]))
    }

    /// Moves behind a length-delimited field and returns where its content starts.
    @inline(__always)
    private mutating func run(_ field: StaticString) throws(DecodeError) -> Int {
        let length = try varint(field)
        guard length <= UInt64(bitPattern: Int64(remaining)) else {
            throw .truncated(
                field: "\(field)", offset: offset, needed: Int(clamping: length), had: remaining)
        }
        let start = offset
        offset &+= Int(truncatingIfNeeded: length)
        return start
    }

    /// Passes over the field whose key has just been read.
    package mutating func skip(_ key: UInt32) throws(DecodeError) {
        switch key & 7 {
        case 0: _ = try varint("unknown field")
        case 1: _ = try fixed64("unknown field")
        case 2: _ = try run("unknown field")
        case 5: _ = try fixed32("unknown field")
        default:
            throw .malformed(
                field: "field \(key >> 3)", offset: offset,
                reason: "wire type \(key & 7) is not allowed")
        }
    }
}

extension ProtobufReader {
    /// Appends one `repeated fixed64` occurrence, packed or not.
    package mutating func appendFixed64(
        _ key: UInt32, _ field: StaticString, to values: inout [UInt64]
    ) throws(DecodeError) {
        guard key & 7 == ProtobufKey.lengthDelimited else {
            values.append(try fixed64(field))
            return
        }
        var run = try message(field)
        values.reserveCapacity(values.count + run.remaining / 8)
        while run.remaining > 0 { values.append(try run.fixed64(field)) }
    }

    /// Appends one `repeated double` occurrence, packed or not.
    package mutating func appendDoubles(
        _ key: UInt32, _ field: StaticString, to values: inout [Double]
    ) throws(DecodeError) {
        guard key & 7 == ProtobufKey.lengthDelimited else {
            values.append(try double(field))
            return
        }
        var run = try message(field)
        values.reserveCapacity(values.count + run.remaining / 8)
        while run.remaining > 0 { values.append(try run.double(field)) }
    }

    /// Appends one occurrence of a repeated varint field, packed or not, as it is on the wire.
    package mutating func appendVarints(
        _ key: UInt32, _ field: StaticString, to values: inout [UInt64]
    ) throws(DecodeError) {
        guard key & 7 == ProtobufKey.lengthDelimited else {
            values.append(try varint(field))
            return
        }
        var run = try message(field)
        while run.remaining > 0 { values.append(try run.varint(field)) }
    }
}

/// Keys as they stand on the wire: field number and wire type in one number.
package enum ProtobufKey {
    package static let lengthDelimited: UInt32 = 2

    @inline(__always) package static func varint(_ field: UInt32) -> UInt32 { field << 3 }
    @inline(__always) package static func fixed64(_ field: UInt32) -> UInt32 { field << 3 | 1 }
    @inline(__always) package static func length(_ field: UInt32) -> UInt32 { field << 3 | 2 }
    @inline(__always) package static func fixed32(_ field: UInt32) -> UInt32 { field << 3 | 5 }
}
