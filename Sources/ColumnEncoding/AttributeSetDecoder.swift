import Telemetry

/// Reads the attributes of many items; see `AttributeSets` for the format.
struct AttributeSetDecoder {
    let decoder: BatchDecoder
    let ids: AttributeSets.ColumnIDs
    let items: Int

    private var attributes = AttributeColumns()
    private var ends: [UInt32] = []

    init(_ decoder: BatchDecoder, _ ids: AttributeSets.ColumnIDs, items: Int) {
        self.decoder = decoder
        self.ids = ids
        self.items = items
    }

    /// Attributes of `items` items and where the cells of each end.
    static func decode(
        from decoder: BatchDecoder, ids: AttributeSets.ColumnIDs, items: Int
    ) throws(ColumnDecodeError) -> (attributes: AttributeColumns, ends: [UInt32]) {
        var sets = AttributeSetDecoder(decoder, ids, items: items)
        switch try sets.readHeader() {
        case .none: sets.ends = [UInt32](repeating: 0, count: items)
        case .shapes(let shapes): try sets.assemble(shapes)
        case .cells(let types): try sets.assemble(types)
        }
        return (sets.attributes, sets.ends)
    }

    struct Shapes {
        var pairKeys: [StringID]
        var pairTypes: [AttributeType]
        /// Where the pairs of shape `s` end in `pairs`.
        var ends: [Int]
        var pairs: [UInt32]
        var ofItem: [UInt32]
    }

    enum Header {
        case shapes(Shapes)
        /// Keys and counts are in place; the types of the cells.
        case cells([AttributeType])
    }

    /// `nil` if no item has attributes.
    mutating func readHeader() throws(ColumnDecodeError) -> Header? {
        var sets = self
        let header = try decoder.container.read(ids.shapes, "attribute shapes \(ids.group)") {
            (reader) throws(ColumnDecodeError) in try sets.readHeader(&reader)
        }
        self = sets
        return header
    }

    private mutating func readHeader(
        _ reader: inout ByteReader
    ) throws(ColumnDecodeError) -> Header {
        switch AttributeSets.Mode(rawValue: try reader.readByte()) {
        case .shapes: return .shapes(try readShapes(&reader))
        case .cells: return .cells(try readCells(&reader))
        default: throw reader.corrupt("unknown mode of attributes")
        }
    }

    private func types(
        _ raw: [UInt8], _ reader: ByteReader
    ) throws(ColumnDecodeError) -> [AttributeType] {
        var types: [AttributeType] = []
        types.reserveCapacity(raw.count)
        for value in raw {
            guard let type = AttributeType(rawValue: value) else {
                throw reader.corrupt("attribute type \(value)")
            }
            types.append(type)
        }
        return types
    }

    private func checkKeys(
        _ keys: [StringID], _ reader: ByteReader
    ) throws(ColumnDecodeError) {
        let limit = decoder.stringCount
        guard keys.allSatisfy({ Int($0) < limit }) else {
            throw reader.corrupt("key beyond \(limit) strings")
        }
    }

    // MARK: Shapes

    private func readShapes(_ reader: inout ByteReader) throws(ColumnDecodeError) -> Shapes {
        let pairCount = try reader.readCount(atMost: ColumnLimits.attributeColumnsMax)
        let keys: [StringID] = try IntegerCodec.decode(from: &reader, count: pairCount)
        try checkKeys(keys, reader)
        let rawTypes: [UInt8] = try IntegerCodec.decode(from: &reader, count: pairCount)
        let types = try types(rawTypes, reader)
        let shapeCount = try reader.readCount(atMost: items)
        let cellCount = try reader.readCount(atMost: ColumnLimits.cellsMax)
        let lengths: [UInt32] = try IntegerCodec.decode(from: &reader, count: shapeCount)
        var ends: [Int] = []
        ends.reserveCapacity(shapeCount)
        var end = 0
        for length in lengths {
            end += Int(length)
            ends.append(end)
        }
        guard end == cellCount else { throw reader.corrupt("shapes of \(end) pairs") }
        let pairs: [UInt32] = try IntegerCodec.decode(from: &reader, count: cellCount)
        guard pairs.allSatisfy({ Int($0) < pairCount }) else {
            throw reader.corrupt("pair beyond \(pairCount)")
        }
        let ofItem: [UInt32] = try IntegerCodec.decode(from: &reader, count: items)
        guard ofItem.allSatisfy({ Int($0) < shapeCount }) else {
            throw reader.corrupt("shape beyond \(shapeCount)")
        }
        return Shapes(
            pairKeys: keys, pairTypes: types, ends: ends, pairs: pairs, ofItem: ofItem)
    }

    private mutating func assemble(_ shapes: Shapes) throws(ColumnDecodeError) {
        var uses = [Int](repeating: 0, count: shapes.ends.count)
        for shape in shapes.ofItem { uses[Int(shape)] += 1 }
        var pairCounts = [Int](repeating: 0, count: shapes.pairKeys.count)
        var total = 0
        var start = 0
        for (shape, end) in shapes.ends.enumerated() {
            total += uses[shape] * (end - start)
            guard total <= ColumnLimits.cellsMax else { throw tooMany }
            for pair in shapes.pairs[start..<end] { pairCounts[Int(pair)] += uses[shape] }
            start = end
        }
        let (sorted, starts) = try readValues(counts: pairCounts, types: shapes.pairTypes, total)
        place(shapes, sorted, starts, total)
    }

    private var tooMany: ColumnDecodeError {
        .corrupt(
            column: "attribute shapes \(ids.group)", offset: 0,
            reason: "more than \(ColumnLimits.cellsMax) attributes")
    }

    /// The payloads of all classes, one after the other, and where each class starts.
    private func readValues(
        counts: [Int], types: [AttributeType], _ total: Int
    ) throws(ColumnDecodeError) -> (payloads: [UInt64], starts: [Int]) {
        var starts: [Int] = []
        var failure: ColumnDecodeError?
        let payloads = [UInt64](unsafeUninitializedCapacity: total) { out, initialized in
            var start = 0
            do throws(ColumnDecodeError) {
                for (index, count) in counts.enumerated() {
                    starts.append(start)
                    try AttributeValues.decode(
                        UnsafeMutableBufferPointer(rebasing: out[start..<(start + count)]),
                        type: types[index], id: ids.values(index), from: decoder)
                    start += count
                }
                initialized = total
            } catch {
                failure = error
                initialized = 0
            }
        }
        if let failure { throw failure }
        return (payloads, starts)
    }

    private mutating func place(
        _ shapes: Shapes, _ sorted: [UInt64], _ starts: [Int], _ total: Int
    ) {
        var cursors = starts
        var shapeStarts = [0]
        shapeStarts.append(contentsOf: shapes.ends)
        ends = [UInt32](unsafeUninitializedCapacity: items) { out, count in
            var end: UInt32 = 0
            for item in 0..<items {
                let shape = Int(shapes.ofItem[item])
                end &+= UInt32(truncatingIfNeeded: shapeStarts[shape &+ 1] &- shapeStarts[shape])
                out[item] = end
            }
            count = items
        }
        attributes.payloads = [UInt64](unsafeUninitializedCapacity: total) { payloads, count in
            attributes.keys = [StringID](unsafeUninitializedCapacity: total) { keys, keyCount in
                attributes.types = [AttributeType](unsafeUninitializedCapacity: total) {
                    types, typeCount in
                    var cell = 0
                    cursors.withUnsafeMutableBufferPointer { cursors in
                        for shape in shapes.ofItem {
                            let range = shapeStarts[Int(shape)]..<shapeStarts[Int(shape) &+ 1]
                            for index in range {
                                let pair = Int(shapes.pairs[index])
                                keys[cell] = shapes.pairKeys[pair]
                                types[cell] = shapes.pairTypes[pair]
                                payloads[cell] = sorted[cursors[pair]]
                                cursors[pair] &+= 1
                                cell &+= 1
                            }
                        }
                    }
                    typeCount = total
                }
                keyCount = total
            }
            count = total
        }
    }

    // MARK: Cells

    private mutating func readCells(
        _ reader: inout ByteReader
    ) throws(ColumnDecodeError) -> [AttributeType] {
        let total = try reader.readCount(atMost: ColumnLimits.cellsMax)
        ends = try IntegerCodec.decode(from: &reader, count: items)
        var end = 0
        for index in ends.indices {
            end += Int(ends[index])
            guard end <= total else { throw reader.corrupt("items have more than \(total) cells") }
            ends[index] = UInt32(truncatingIfNeeded: end)
        }
        guard end == total else { throw reader.corrupt("items have \(end) of \(total) cells") }
        attributes.keys = try IntegerCodec.decode(from: &reader, count: total)
        try checkKeys(attributes.keys, reader)
        let raw: [UInt8] = try IntegerCodec.decode(from: &reader, count: total)
        return try types(raw, reader)
    }

    private mutating func assemble(_ types: [AttributeType]) throws(ColumnDecodeError) {
        var counts = [Int](repeating: 0, count: AttributeType.allCases.count)
        for type in types { counts[Int(type.rawValue)] += 1 }
        var (sorted, cursors) = try readValues(
            counts: counts, types: AttributeType.allCases, types.count)
        attributes.payloads = types.map { type in
            let index = Int(type.rawValue)
            defer { cursors[index] += 1 }
            return sorted[cursors[index]]
        }
        attributes.types = types
        sorted = []
    }
}
