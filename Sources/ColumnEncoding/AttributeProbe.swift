import Telemetry

/// Finds rows by one attribute without decoding the others: reads the strings, the shapes and the value
/// columns of one key, and asks about each distinct text once.
package enum AttributeProbe {
    /// The rows, ascending, of which an attribute under `key` has a value that `accepts` takes.
    ///
    /// - Parameter bytes: an encoded batch of spans or logs; of spans, span attributes are looked at.
    package static func rows(
        in bytes: UnsafeRawBufferPointer, key: String, accepts: (AttributeValue) -> Bool
    ) throws(ColumnDecodeError) -> [Int] {
        let container = try ColumnContainerReader(bytes)
        switch container.kind {
        case .spans:
            var decoder = BatchDecoder(container)
            try decoder.readStringSection(SpanBatchCodec.Column.coreStrings)
            try decoder.readStringSection(SpanBatchCodec.Column.attributeStrings)
            return try rows(decoder, SpanBatchCodec.Column.attributes, key, accepts)
        case .logs:
            var decoder = BatchDecoder(container)
            try LogBatchCodec.readStrings([.core, .attributes], &decoder)
            return try rows(decoder, LogBatchCodec.Column.attributes, key, accepts)
        default:
            throw .corrupt(
                column: "container", offset: 5, reason: "\(container.kind) have no attributes")
        }
    }

    private static func rows(
        _ decoder: BatchDecoder, _ ids: AttributeSets.ColumnIDs, _ key: String,
        _ accepts: (AttributeValue) -> Bool
    ) throws(ColumnDecodeError) -> [Int] {
        var sets = AttributeSetDecoder(decoder, ids, items: decoder.rows)
        switch try sets.readHeader() {
        case .none: return []
        case .shapes(let shapes): return try rows(decoder, ids, shapes, key, accepts)
        case .cells: return try rowsOfCells(decoder, ids, key, accepts)
        }
    }

    private static func rows(
        _ decoder: BatchDecoder, _ ids: AttributeSets.ColumnIDs,
        _ shapes: AttributeSetDecoder.Shapes, _ key: String, _ accepts: (AttributeValue) -> Bool
    ) throws(ColumnDecodeError) -> [Int] {
        let strings = decoder.table
        let wanted = shapes.pairKeys.indices.filter { pair in
            strings.withBytes(of: shapes.pairKeys[pair]) { $0.elementsEqual(key.utf8) }
        }
        if wanted.isEmpty { return [] }
        // Shapes as lists of the wanted columns they take a value from.
        var slotOfPair = [Int?](repeating: nil, count: shapes.pairKeys.count)
        for (slot, pair) in wanted.enumerated() { slotOfPair[pair] = slot }
        var slotsOfShape: [[Int]] = []
        var start = 0
        for end in shapes.ends {
            slotsOfShape.append(shapes.pairs[start..<end].compactMap { slotOfPair[Int($0)] })
            start = end
        }
        var counts = [Int](repeating: 0, count: wanted.count)
        for shape in shapes.ofItem {
            for slot in slotsOfShape[Int(shape)] { counts[slot] += 1 }
        }
        var accepted: [[Bool]] = []
        for (slot, pair) in wanted.enumerated() {
            accepted.append(
                try AttributeValues.test(
                    count: counts[slot], type: shapes.pairTypes[pair], id: ids.values(pair),
                    decoder, strings, accepts))
        }
        return walk(shapes.ofItem, slotsOfShape, accepted)
    }

    private static func walk(
        _ shapeOfItem: [UInt32], _ slotsOfShape: [[Int]], _ accepted: [[Bool]]
    ) -> [Int] {
        var rows: [Int] = []
        var cursors = [Int](repeating: 0, count: accepted.count)
        for (row, shape) in shapeOfItem.enumerated() {
            var isMatch = false
            for slot in slotsOfShape[Int(shape)] {
                isMatch = accepted[slot][cursors[slot]] || isMatch
                cursors[slot] &+= 1
            }
            if isMatch { rows.append(row) }
        }
        return rows
    }

    /// Items without shapes are decoded whole.
    private static func rowsOfCells(
        _ decoder: BatchDecoder, _ ids: AttributeSets.ColumnIDs, _ key: String,
        _ accepts: (AttributeValue) -> Bool
    ) throws(ColumnDecodeError) -> [Int] {
        let (attributes, ends) = try AttributeSetDecoder.decode(
            from: decoder, ids: ids, items: decoder.rows)
        let strings = decoder.table
        guard let keyID = strings.id(of: key) else { return [] }
        return ends.indices.filter { row in
            SpanBatch.run(ends, row).contains { cell in
                attributes.keys[cell] == keyID
                    && accepts(attributes.value(at: cell, strings: strings))
            }
        }
    }
}

extension AttributeValues {
    /// Whether `accepts` takes each value of a column; it is asked once for each distinct text.
    static func test(
        count: Int, type: AttributeType, id: UInt32, _ decoder: BatchDecoder,
        _ strings: StringTable, _ accepts: (AttributeValue) -> Bool
    ) throws(ColumnDecodeError) -> [Bool] {
        guard type.isInterned else {
            let payloads = try decoder.filled(count: count) { (out) throws(ColumnDecodeError) in
                try decode(out, type: type, id: id, from: decoder)
            }
            return payloads.map {
                accepts(AttributeColumns.value(type: type, payload: $0, strings: strings))
            }
        }
        let found = try decoder.ranked(id, count: count).map { dictionary, ranks in
            let accepted = dictionary.map {
                accepts(
                    AttributeColumns.value(type: type, payload: UInt64($0), strings: strings))
            }
            return ranks.map { accepted[Int($0)] }
        }
        // An absent column is one of empty strings.
        let zero = AttributeColumns.value(type: type, payload: 0, strings: strings)
        return found ?? [Bool](repeating: accepts(zero), count: count)
    }
}
