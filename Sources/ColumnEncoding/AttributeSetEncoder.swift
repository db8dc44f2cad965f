import Telemetry

/// Writes the attributes of many items; see `AttributeSets` for the format.
struct AttributeSetEncoder {
    private let attributes: AttributeColumns
    private let ids: AttributeSets.ColumnIDs
    private let derives: Bool
    private var shapes: AttributeShapes

    private init(
        _ attributes: AttributeColumns, _ ids: AttributeSets.ColumnIDs, derives: Bool,
        stringCount: Int
    ) {
        self.attributes = attributes
        self.ids = ids
        self.derives = derives
        shapes = AttributeShapes(stringCount: stringCount)
    }

    /// - Parameters:
    ///   - ends: where the cells of each item end.
    ///   - derives: whether columns may be written as following from others.
    static func encode(
        _ attributes: AttributeColumns, ends: UnsafeBufferPointer<UInt32>, stringCount: Int,
        ids: AttributeSets.ColumnIDs, derives: Bool = false, into encoder: inout BatchEncoder
    ) {
        precondition(attributes.count <= ColumnLimits.cellsMax, "BUG: too many attributes")
        guard attributes.count > 0 else { return }
        var sets = AttributeSetEncoder(
            attributes, ids, derives: derives, stringCount: stringCount)
        if sets.shapes.find(in: attributes, ends: ends) {
            sets.writeShapes(into: &encoder)
        } else {
            sets.writeCells(ends, into: &encoder)
        }
    }

    private func writeShapes(into encoder: inout BatchEncoder) {
        var keys: [StringID] = []
        keys.reserveCapacity(shapes.pairKeys.count)
        for key in shapes.pairKeys { keys.append(encoder.strings.newID(key)) }
        encoder.container.add(ids.shapes) { writer, layout in
            writer.append(AttributeSets.Mode.shapes.rawValue)
            writer.appendVarint(keys.count)
            IntegerCodec.encode(keys, into: &writer, layout: layout)
            IntegerCodec.encode(shapes.pairTypes, into: &writer, layout: layout)
            writer.appendVarint(shapes.lengths.count)
            writer.appendVarint(shapes.pairs.count)
            IntegerCodec.encode(shapes.lengths, into: &writer, layout: layout)
            IntegerCodec.encode(shapes.pairs.map { UInt32($0) }, into: &writer, layout: layout)
            IntegerCodec.encode(shapes.ofItem, into: &writer, layout: layout)
        }
        let counts = shapes.pairCounts
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: attributes.count) { sorted in
            let starts = Self.starts(counts)
            scatter(starts, into: sorted)
            var strings: [DerivedColumns.Ranked] = []
            let items = derives ? shapes.itemsOfPairs : []
            for pair in shapes.pairKeys.indices {
                let range = starts[pair]..<(starts[pair] + counts[pair])
                let values = UnsafeBufferPointer(rebasing: sorted[range])
                guard let type = AttributeType(rawValue: shapes.pairTypes[pair]) else { continue }
                if derives, type.isInterned {
                    strings.append(encoder.ranked(values, pair: pair, items: items[pair]))
                } else {
                    AttributeValues.encode(
                        values, type: type, id: ids.values(pair), into: &encoder)
                }
            }
            write(strings, into: &encoder)
        }
    }

    private func write(_ columns: [DerivedColumns.Ranked], into encoder: inout BatchEncoder) {
        let derived = DerivedColumns(columns)
        for (index, column) in columns.enumerated() {
            if let source = derived.sources[index] {
                encoder.add(
                    ids.values(column.pair), column, from: ids.values(source.pair),
                    ranks: source.ranks)
            } else {
                encoder.add(ids.values(column.pair), column)
            }
        }
    }

    private static func starts(_ counts: [Int]) -> [Int] {
        var start = 0
        return counts.map { count in
            defer { start += count }
            return start
        }
    }

    /// Items of one shape that are moved together: few enough for their cells to stay in the nearest
    /// cache.
    private static let runMax = 32

    /// Brings the payloads of each pair together, in the order of items.
    private func scatter(_ starts: [Int], into sorted: UnsafeMutableBufferPointer<UInt64>) {
        var cursors = starts
        cursors.withUnsafeMutableBufferPointer { cursors in
            attributes.payloads.withUnsafeBufferPointer { payloads in
                var cell = 0
                var item = 0
                while item < shapes.ofItem.count {
                    let shape = Int(shapes.ofItem[item])
                    let runEnd = min(item &+ Self.runMax, shapes.ofItem.count)
                    var end = item &+ 1
                    while end < runEnd, Int(shapes.ofItem[end]) == shape, !shapes.repeats[shape] {
                        end &+= 1
                    }
                    move(
                        end &- item, of: shape, from: payloads, at: cell, &cursors, into: sorted)
                    cell &+= (end &- item) &* Int(shapes.lengths[shape])
                    item = end
                }
            }
        }
    }

    /// Moves the payloads of neighbouring items of a shape; if it repeats a pair, of one item.
    @inline(__always)
    private func move(
        _ items: Int, of shape: Int, from payloads: UnsafeBufferPointer<UInt64>, at cell: Int,
        _ cursors: inout UnsafeMutableBufferPointer<Int>,
        into sorted: UnsafeMutableBufferPointer<UInt64>
    ) {
        let length = Int(shapes.lengths[shape])
        let start = shapes.starts[shape]
        for index in 0..<length {
            let pair = Int(shapes.pairs[start &+ index])
            let target = cursors[pair]
            var from = cell &+ index
            for offset in 0..<items {
                sorted[target &+ offset] = payloads[from]
                from &+= length
            }
            cursors[pair] = target &+ items
        }
    }

    /// Mode 2: no shapes.
    private func writeCells(
        _ ends: UnsafeBufferPointer<UInt32>, into encoder: inout BatchEncoder
    ) {
        let keys = attributes.keys.map { encoder.strings.newID($0) }
        let types = attributes.types.map(\.rawValue)
        var counts: [UInt32] = []
        counts.reserveCapacity(ends.count)
        var previous: UInt32 = 0
        for end in ends {
            counts.append(end - previous)
            previous = end
        }
        encoder.container.add(ids.shapes) { writer, layout in
            writer.append(AttributeSets.Mode.cells.rawValue)
            writer.appendVarint(keys.count)
            IntegerCodec.encode(counts, into: &writer, layout: layout)
            IntegerCodec.encode(keys, into: &writer, layout: layout)
            IntegerCodec.encode(types, into: &writer, layout: layout)
        }
        var typeCounts = [Int](repeating: 0, count: AttributeType.allCases.count)
        for type in types { typeCounts[Int(type)] += 1 }
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: attributes.count) { sorted in
            let starts = Self.starts(typeCounts)
            var cursors = starts
            for (cell, type) in types.enumerated() {
                sorted[cursors[Int(type)]] = attributes.payloads[cell]
                cursors[Int(type)] += 1
            }
            for type in AttributeType.allCases {
                let index = Int(type.rawValue)
                let range = starts[index]..<(starts[index] + typeCounts[index])
                AttributeValues.encode(
                    UnsafeBufferPointer(rebasing: sorted[range]), type: type,
                    id: ids.values(index), into: &encoder)
            }
        }
    }
}
