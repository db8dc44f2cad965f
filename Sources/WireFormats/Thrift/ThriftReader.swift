/// A pull reader of Thrift structs in the binary or the compact protocol (apache/thrift,
/// doc/specs/thrift-binary-protocol.md and thrift-compact-protocol.md). Every read is bounds-checked;
/// nothing is allocated or copied.
///
/// A decoder loops over `nextField`, switches over number and kind, and skips what it does not know.
///
/// The pointer must outlive the reader: readers live only inside a decoder's `withUnsafeBytes`.
struct ThriftReader {
    /// The types of values; raw values are those of the binary protocol.
    enum Kind: UInt8 {
        case bool = 2
        case byte = 3
        case double = 4
        case int16 = 6
        case int32 = 8
        case int64 = 10
        case string = 11
        case structure = 12
        case map = 13
        case set = 14
        case list = 15

        /// As the compact protocol numbers them.
        init?(compact number: UInt8) {
            switch number {
            case 1, 2: self = .bool
            case 3: self = .byte
            case 4: self = .int16
            case 5: self = .int32
            case 6: self = .int64
            case 7: self = .double
            case 8: self = .string
            case 9: self = .list
            case 10: self = .set
            case 11: self = .map
            case 12: self = .structure
            default: return nil
            }
        }
    }

    struct Field {
        var id: Int16
        var kind: Kind
    }

    /// Deeper values are refused: skipping recurses once a level.
    static let nestingDepthMax = 64

    private let body: UnsafeRawBufferPointer
    private let isCompact: Bool
    private(set) var offset = 0
    /// A compact field of type bool has its value in its header.
    private var boolOfField: Bool?

    init(_ body: UnsafeRawBufferPointer, _ encoding: ThriftEncoding) {
        self.body = body
        isCompact = encoding == .compact
    }

    var remaining: Int { body.count &- offset }

    // MARK: Structure

    /// The next field of a struct; `nil` when the struct ends.
    /// - Parameter last: 0 before the first field of each struct, then kept by the caller.
    mutating func nextField(_ last: inout Int16) throws(DecodeError) -> Field? {
        let start = offset
        let header = try rawByte("field header")
        guard header != 0 else { return nil }
        guard isCompact else {
            guard let kind = Kind(rawValue: header) else { throw unknown(header, at: start) }
            return Field(id: try int16("field id"), kind: kind)
        }
        guard let kind = Kind(compact: header & 0x0F) else {
            throw unknown(header & 0x0F, at: start)
        }
        let step = header >> 4
        last = step == 0 ? try int16("field id") : last &+ Int16(step)
        boolOfField = kind == .bool ? header & 0x0F == 1 : nil
        return Field(id: last, kind: kind)
    }

    /// Begins a list or set whose elements the caller reads one by one.
    mutating func beginList(
        _ field: StaticString
    ) throws(DecodeError) -> (kind: Kind, count: Int) {
        let start = offset
        let header = try rawByte(field)
        let kind: Kind?
        let count: Int
        if isCompact {
            kind = Kind(compact: header & 0x0F)
            count = header >> 4 == 15 ? try length(field) : Int(header >> 4)
        } else {
            kind = Kind(rawValue: header)
            count = try length(field)
        }
        guard let kind else { throw unknown(header, at: start) }
        // Every element takes a byte at least.
        guard count <= remaining else {
            throw .truncated(field: "\(field)", offset: offset, needed: count, had: remaining)
        }
        return (kind, count)
    }

    /// Passes over a value.
    mutating func skip(_ kind: Kind, depth: Int = 0) throws(DecodeError) {
        guard depth < Self.nestingDepthMax else {
            throw .malformed(
                field: "unknown field", offset: offset,
                reason: "nests deeper than \(Self.nestingDepthMax) levels")
        }
        switch kind {
        case .bool: _ = try bool("unknown field")
        case .byte: _ = try rawByte("unknown field")
        case .double: _ = try double("unknown field")
        case .int16: _ = try int16("unknown field")
        case .int32: _ = try int32("unknown field")
        case .int64: _ = try int64("unknown field")
        case .string: _ = try bytes("unknown field")
        case .structure:
            var last: Int16 = 0
            while let field = try nextField(&last) { try skip(field.kind, depth: depth + 1) }
        case .list, .set:
            let (kind, count) = try beginList("unknown list")
            for _ in 0..<count { try skip(kind, depth: depth + 1) }
        case .map: try skipMap(depth: depth)
        }
    }

    private mutating func skipMap(depth: Int) throws(DecodeError) {
        let start = offset
        let keys: Kind?
        let values: Kind?
        let count: Int
        if isCompact {
            count = try length("unknown map")
            guard count > 0 else { return }
            let kinds = try rawByte("unknown map")
            (keys, values) = (Kind(compact: kinds >> 4), Kind(compact: kinds & 0x0F))
        } else {
            (keys, values) = (
                Kind(rawValue: try rawByte("unknown map")),
                Kind(rawValue: try rawByte("unknown map"))
            )
            count = try length("unknown map")
            guard count > 0 else { return }
        }
        guard let keys, let values else { throw unknown(body[start], at: start) }
        guard count <= remaining else {
            throw .truncated(field: "unknown map", offset: offset, needed: count, had: remaining)
        }
        for _ in 0..<count {
            try skip(keys, depth: depth + 1)
            try skip(values, depth: depth + 1)
        }
    }

    // MARK: Values

    mutating func bool(_ field: StaticString) throws(DecodeError) -> Bool {
        if let value = boolOfField {
            boolOfField = nil
            return value
        }
        let byte = try rawByte(field)
        return isCompact ? byte == 1 : byte != 0
    }

    mutating func int16(_ field: StaticString) throws(DecodeError) -> Int16 {
        if isCompact { return Int16(truncatingIfNeeded: try zigzag(field)) }
        return Int16(truncatingIfNeeded: try word(2, field))
    }

    mutating func int32(_ field: StaticString) throws(DecodeError) -> Int32 {
        if isCompact { return Int32(truncatingIfNeeded: try zigzag(field)) }
        return Int32(truncatingIfNeeded: try word(4, field))
    }

    mutating func int64(_ field: StaticString) throws(DecodeError) -> Int64 {
        if isCompact { return try zigzag(field) }
        return Int64(bitPattern: try word(8, field))
    }

    mutating func double(_ field: StaticString) throws(DecodeError) -> Double {
        let bits = try word(8, field)
        // The compact protocol writes the low byte first.
        return Double(bitPattern: isCompact ? bits.byteSwapped : bits)
    }

    /// The content of a string or of binary.
    mutating func bytes(_ field: StaticString) throws(DecodeError) -> UnsafeRawBufferPointer {
        let count = try length(field)
        guard count <= remaining else {
            throw .truncated(field: "\(field)", offset: offset, needed: count, had: remaining)
        }
        let start = offset
        offset &+= count
        return UnsafeRawBufferPointer(rebasing: body[start..<offset])
    }

    // MARK: Bytes

    private mutating func rawByte(_ field: StaticString) throws(DecodeError) -> UInt8 {
        guard offset < body.count else {
            throw .truncated(field: "\(field)", offset: offset, needed: 1, had: 0)
        }
        defer { offset &+= 1 }
        return body[offset]
    }

    /// Big-endian, as the binary protocol has it.
    private mutating func word(_ count: Int, _ field: StaticString) throws(DecodeError) -> UInt64 {
        guard remaining >= count else {
            throw .truncated(field: "\(field)", offset: offset, needed: count, had: remaining)
        }
        var value: UInt64 = 0
        for index in 0..<count { value = value << 8 | UInt64(body[offset &+ index]) }
        offset &+= count
        return value
    }

    private mutating func length(_ field: StaticString) throws(DecodeError) -> Int {
        let start = offset
        if isCompact { return Int(clamping: try varint(field)) }
        let count = Int32(truncatingIfNeeded: try word(4, field))
        guard count >= 0 else {
            throw .malformed(field: "\(field)", offset: start, reason: "a negative length")
        }
        return Int(count)
    }

    private mutating func varint(_ field: StaticString) throws(DecodeError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64 {
            let byte = try rawByte(field)
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
        throw .malformed(
            field: "\(field)", offset: start, reason: "a varint has more than 10 bytes")
    }

    private mutating func zigzag(_ field: StaticString) throws(DecodeError) -> Int64 {
        let raw = try varint(field)
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    private func unknown(_ number: UInt8, at offset: Int) -> DecodeError {
        .malformed(
            field: "Thrift type", offset: offset, reason: "type \(number) is not known")
    }
}

/// The two protocols in which Thrift structs travel.
package enum ThriftEncoding: Sendable {
    case binary, compact
}
