import Telemetry

/// The counterpart of `BatchEncoder`: reads columns by id, absent ones as zeros, and checks every string
/// id against the sections read so far.
struct BatchDecoder {
    let container: ColumnContainerReader
    private var builder = StringSectionDecoder()
    /// Strings that somebody else reads, if not the sections read here.
    private var foreignStringCount: Int?

    init(
        _ bytes: UnsafeRawBufferPointer, kind: ColumnContainer.Kind
    ) throws(ColumnDecodeError) {
        container = try ColumnContainerReader(bytes, expecting: kind)
    }

    init(_ container: ColumnContainerReader) { self.container = container }

    /// A decoder that checks string ids against `stringCount` and has no table.
    init(_ container: ColumnContainerReader, stringCount: Int) {
        self.container = container
        foreignStringCount = stringCount
    }

    var rows: Int { container.rows }
    var stringCount: Int { foreignStringCount ?? builder.count }

    mutating func readStringSection(_ id: StringSectionIDs) throws(ColumnDecodeError) {
        let packed = try rawBytes(id.packed, "packed strings \(id.packed)")
        var builder = StringSectionDecoder()
        swap(&builder, &self.builder)
        let found: Void? = try container.read(id.texts, "strings \(id.texts)") {
            (reader) throws(ColumnDecodeError) in try builder.append(from: &reader, packed: packed)
        }
        guard found != nil || packed.isEmpty else {
            throw .corrupt(
                column: "strings \(id.texts)", offset: 0, reason: "packed strings without texts")
        }
        self.builder = builder
    }

    /// Reads a section by forms.
    /// - Returns: false if there is none.
    mutating func readTypedStringSection(
        _ id: TypedSectionIDs, lists: [[UInt8]] = []
    ) throws(ColumnDecodeError) -> Bool {
        var section = TypedStringDecoder(container, lists: lists)
        guard try section.read(head: id.head, columns: id.columns) else { return false }
        try builder.append(section.bytes, ends: section.ends)
        return true
    }

    /// The strings of the sections read so far.
    var table: StringTable { builder.finish() }

    // MARK: Integers

    func words(
        _ id: UInt32, _ name: String, count: Int
    ) throws(ColumnDecodeError) -> [UInt32] {
        try container.read(id, name) { (reader) throws(ColumnDecodeError) -> [UInt32] in
            try IntegerCodec.decode(from: &reader, count: count)
        } ?? [UInt32](repeating: 0, count: count)
    }

    func bytes(_ id: UInt32, _ name: String, count: Int) throws(ColumnDecodeError) -> [UInt8] {
        try container.read(id, name) { (reader) throws(ColumnDecodeError) -> [UInt8] in
            try IntegerCodec.decode(from: &reader, count: count)
        } ?? [UInt8](repeating: 0, count: count)
    }

    func longs(_ id: UInt32, _ name: String, count: Int) throws(ColumnDecodeError) -> [Int64] {
        try container.read(id, name) { (reader) throws(ColumnDecodeError) -> [Int64] in
            try IntegerCodec.decode(from: &reader, count: count)
        } ?? [Int64](repeating: 0, count: count)
    }

    func unsignedLongs(
        _ id: UInt32, _ name: String, count: Int
    ) throws(ColumnDecodeError) -> [UInt64] {
        try container.read(id, name) { (reader) throws(ColumnDecodeError) -> [UInt64] in
            try IntegerCodec.decode(from: &reader, count: count)
        } ?? [UInt64](repeating: 0, count: count)
    }

    func spanIDs(_ id: UInt32, _ name: String, count: Int) throws(ColumnDecodeError) -> [SpanID] {
        try unsignedLongs(id, name, count: count).map { SpanID($0) }
    }

    /// Ends of runs from their counts, at most `total` in all.
    func ends(
        _ id: UInt32, _ name: String, count: Int, totalMax: Int
    ) throws(ColumnDecodeError) -> [UInt32] {
        var ends = try words(id, name, count: count)
        var total = 0
        for index in ends.indices {
            total += Int(ends[index])
            guard total <= totalMax else {
                throw .corrupt(column: name, offset: 0, reason: "more than \(totalMax) items")
            }
            ends[index] = UInt32(truncatingIfNeeded: total)
        }
        return ends
    }

    /// Indices that must be below `limit`.
    func indices(
        _ id: UInt32, _ name: String, count: Int, below limit: Int
    ) throws(ColumnDecodeError) -> [UInt32] {
        let indices = try words(id, name, count: count)
        guard indices.allSatisfy({ Int($0) < limit }) else {
            throw .corrupt(column: name, offset: 0, reason: "index beyond \(limit) entries")
        }
        return indices
    }

    /// A column of plain bytes, whatever its length.
    func rawBytes(_ id: UInt32, _ name: String) throws(ColumnDecodeError) -> [UInt8] {
        try container.read(id, name) { (reader) throws(ColumnDecodeError) -> [UInt8] in
            let count = reader.remaining
            return Array(try reader.read(count))
        } ?? []
    }

    /// An array of `count` words that `fill` writes.
    func filled(
        count: Int,
        _ fill: (UnsafeMutableBufferPointer<UInt64>) throws(ColumnDecodeError) -> Void
    ) throws(ColumnDecodeError) -> [UInt64] {
        var failure: ColumnDecodeError?
        let values = [UInt64](unsafeUninitializedCapacity: count) { out, initialized in
            do throws(ColumnDecodeError) {
                try fill(UnsafeMutableBufferPointer(rebasing: out[..<count]))
                initialized = count
            } catch {
                failure = error
                initialized = 0
            }
        }
        if let failure { throw failure }
        return values
    }

    // MARK: Strings

    func strings(
        _ id: UInt32, _ name: String, count: Int
    ) throws(ColumnDecodeError) -> [StringID] {
        let limit = stringCount
        return try container.read(id, name) { (reader) throws(ColumnDecodeError) -> [StringID] in
            let dictionary = try BatchDecoder.dictionary(&reader, count: count, limit: limit)
            var codes: [UInt32] = try IntegerCodec.decode(from: &reader, count: count)
            guard
                codes.withUnsafeMutableBufferPointer({ BatchDecoder.translate($0, dictionary) })
            else { throw reader.corrupt("rank beyond the dictionary") }
            return codes
        } ?? [StringID](repeating: 0, count: count)
    }

    @inline(__always)
    static func dictionary(
        _ reader: inout ByteReader, count: Int, limit: Int
    ) throws(ColumnDecodeError) -> [StringID] {
        try dictionary(&reader, size: try reader.readCount(atMost: count), limit: limit)
    }

    @inline(__always)
    static func dictionary(
        _ reader: inout ByteReader, size: Int, limit: Int
    ) throws(ColumnDecodeError) -> [StringID] {
        let dictionary: [StringID] = try IntegerCodec.decode(from: &reader, count: size)
        guard dictionary.allSatisfy({ Int($0) < limit }) else {
            throw reader.corrupt("string id beyond \(limit) strings")
        }
        return dictionary
    }

    /// Replaces ranks by string ids; false if one is beyond the dictionary.
    @inline(__always)
    static func translate<Word: FixedWidthInteger & UnsignedInteger>(
        _ codes: UnsafeMutableBufferPointer<Word>, _ dictionary: [StringID]
    ) -> Bool {
        dictionary.withUnsafeBufferPointer { dictionary in
            let size = Word(truncatingIfNeeded: dictionary.count)
            for index in 0..<codes.count {
                let code = codes[index]
                guard code < size else { return false }
                codes[index] = Word(truncatingIfNeeded: dictionary[Int(truncatingIfNeeded: code)])
            }
            return true
        }
    }
}
