import Telemetry

/// Writes the attributes of many items; see `AttributeSets` for the format.
struct AttributeSetEncoder {
    private let attributes: AttributeColumns
    private let ids: AttributeSets.ColumnIDs

    // Distinct (key, type) pairs, numbered in order of appearance.
    private var pairKeys: [StringID] = []
    private var pairTypes: [UInt8] = []
    private var pairCounts: [UInt32] = []
    /// The pair of each cell.
    private var cellPairs: [UInt16] = []

    private var shapes = ShapeTable()
    private var itemShapes: [UInt32] = []

    private init(_ attributes: AttributeColumns, _ ids: AttributeSets.ColumnIDs) {
        self.attributes = attributes
        self.ids = ids
    }

    /// - Parameter ends: where the cells of each item end.
    static func encode(
        _ attributes: AttributeColumns, ends: UnsafeBufferPointer<UInt32>, stringCount: Int,
        ids: AttributeSets.ColumnIDs, into encoder: inout BatchEncoder
    ) {
        precondition(attributes.count <= ColumnLimits.cellsMax, "BUG: too many attributes")
        guard attributes.count > 0 else { return }
        var sets = AttributeSetEncoder(attributes, ids)
        if sets.findPairs(stringCount: stringCount), sets.findShapes(ends) {
            sets.writeShapes(into: &encoder)
        } else {
            sets.writeCells(ends, into: &encoder)
        }
    }

    /// Numbers the (key, type) pair of every cell; false if there are too many different ones.
    private mutating func findPairs(stringCount: Int) -> Bool {
        // Key numbers by string id, then pairs by key number and type; 0 is none.
        var keyNumbers = [UInt32](repeating: 0, count: stringCount)
        var pairNumbers: [UInt16] = []
        let count = attributes.count
        var isWithinBounds = true
        cellPairs = [UInt16](unsafeUninitializedCapacity: count) { out, initialized in
            for cell in 0..<count {
                let key = attributes.keys[cell]
                var number = Int(keyNumbers[Int(key)])
                if number == 0 {
                    pairNumbers.append(contentsOf: repeatElement(0, count: 8))
                    number = pairNumbers.count >> 3
                    keyNumbers[Int(key)] = UInt32(truncatingIfNeeded: number)
                }
                let type = attributes.types[cell].rawValue
                let slot = (number &- 1) &* 8 &+ Int(type)
                var pair = pairNumbers[slot]
                if pair == 0 {
                    guard pairKeys.count < ColumnLimits.attributeColumnsMax else {
                        isWithinBounds = false
                        break
                    }
                    pairKeys.append(key)
                    pairTypes.append(type)
                    pairCounts.append(0)
                    pair = UInt16(truncatingIfNeeded: pairKeys.count)
                    pairNumbers[slot] = pair
                }
                out[cell] = pair &- 1
                pairCounts[Int(pair &- 1)] &+= 1
            }
            initialized = isWithinBounds ? count : 0
        }
        return isWithinBounds
    }

    /// Numbers the shape of every item; false if items hardly share any.
    private mutating func findShapes(_ ends: UnsafeBufferPointer<UInt32>) -> Bool {
        let cellsMax = attributes.count / 2 + 256
        var isWorthwhile = true
        itemShapes = [UInt32](unsafeUninitializedCapacity: ends.count) { out, initialized in
            cellPairs.withUnsafeBufferPointer { cells in
                var start = 0
                for item in 0..<ends.count {
                    let end = Int(ends[item])
                    out[item] = shapes.number(
                        of: UnsafeBufferPointer(rebasing: cells[start..<end]))
                    start = end
                    if shapes.pairs.count > cellsMax {
                        isWorthwhile = false
                        return
                    }
                }
            }
            initialized = isWorthwhile ? ends.count : 0
        }
        return isWorthwhile
    }

    private func writeShapes(into encoder: inout BatchEncoder) {
        var keys: [StringID] = []
        keys.reserveCapacity(pairKeys.count)
        for key in pairKeys { keys.append(encoder.strings.newID(key)) }
        encoder.container.add(ids.shapes) { writer, layout in
            writer.append(AttributeSets.Mode.shapes.rawValue)
            writer.appendVarint(keys.count)
            IntegerCodec.encode(keys, into: &writer, layout: layout)
            IntegerCodec.encode(pairTypes, into: &writer, layout: layout)
            writer.appendVarint(shapes.lengths.count)
            writer.appendVarint(shapes.pairs.count)
            IntegerCodec.encode(shapes.lengths, into: &writer, layout: layout)
            IntegerCodec.encode(shapes.pairs.map { UInt32($0) }, into: &writer, layout: layout)
            IntegerCodec.encode(itemShapes, into: &writer, layout: layout)
        }
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: attributes.count) { sorted in
            let starts = scatter(cellPairs, counts: pairCounts, into: sorted)
            for pair in pairKeys.indices {
                let range = starts[pair]..<(starts[pair] + Int(pairCounts[pair]))
                guard let type = AttributeType(rawValue: pairTypes[pair]) else { continue }
                AttributeValues.encode(
                    UnsafeBufferPointer(rebasing: sorted[range]), type: type,
                    id: ids.values(pair), into: &encoder)
            }
        }
    }

    /// Sorts payloads by class, stably; returns where each class starts.
    private func scatter<Class: FixedWidthInteger & UnsignedInteger>(
        _ classes: [Class], counts: [UInt32], into sorted: UnsafeMutableBufferPointer<UInt64>
    ) -> [Int] {
        var starts: [Int] = []
        starts.reserveCapacity(counts.count)
        var start = 0
        for count in counts {
            starts.append(start)
            start += Int(count)
        }
        var cursors = starts
        cursors.withUnsafeMutableBufferPointer { cursors in
            attributes.payloads.withUnsafeBufferPointer { payloads in
                for cell in 0..<payloads.count {
                    let group = Int(truncatingIfNeeded: classes[cell])
                    sorted[cursors[group]] = payloads[cell]
                    cursors[group] &+= 1
                }
            }
        }
        return starts
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
        var typeCounts = [UInt32](repeating: 0, count: AttributeType.allCases.count)
        for type in types { typeCounts[Int(type)] += 1 }
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: attributes.count) { sorted in
            let starts = scatter(types, counts: typeCounts, into: sorted)
            for type in AttributeType.allCases {
                let index = Int(type.rawValue)
                let range = starts[index]..<(starts[index] + Int(typeCounts[index]))
                AttributeValues.encode(
                    UnsafeBufferPointer(rebasing: sorted[range]), type: type,
                    id: ids.values(index), into: &encoder)
            }
        }
    }
}

/// Numbers distinct sequences of pairs. Open addressing at a load factor of at most 1/2.
struct ShapeTable {
    /// The pairs of all shapes, one after the other.
    private(set) var pairs: [UInt16] = []
    private(set) var lengths: [UInt32] = []
    private var starts: [Int] = []
    private var hashes: [UInt64] = []
    /// Shape number + 1; zero is free.
    private var slots = [UInt32](repeating: 0, count: 128)

    @inline(__always)
    mutating func number(of shape: UnsafeBufferPointer<UInt16>) -> UInt32 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: shape.count)
        for pair in shape {
            hash = (hash ^ UInt64(pair)) &* 0xD6E8_FEB8_6659_FD93
            hash ^= hash >> 32
        }
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let known = Int(slots[slot] &- 1)
            if hashes[known] == hash, isEqual(known, shape) {
                return UInt32(truncatingIfNeeded: known)
            }
            slot = (slot &+ 1) & mask
        }
        return insert(shape, hash, slot)
    }

    @inline(__always)
    private func isEqual(_ known: Int, _ shape: UnsafeBufferPointer<UInt16>) -> Bool {
        guard Int(lengths[known]) == shape.count else { return false }
        let start = starts[known]
        for index in 0..<shape.count where pairs[start &+ index] != shape[index] { return false }
        return true
    }

    private mutating func insert(
        _ shape: UnsafeBufferPointer<UInt16>, _ hash: UInt64, _ slot: Int
    ) -> UInt32 {
        let number = UInt32(truncatingIfNeeded: lengths.count)
        starts.append(pairs.count)
        pairs.append(contentsOf: shape)
        lengths.append(UInt32(truncatingIfNeeded: shape.count))
        hashes.append(hash)
        slots[slot] = number + 1
        if lengths.count * 2 > slots.count { grow() }
        return number
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        let mask = slots.count - 1
        for (number, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(truncatingIfNeeded: number) + 1
        }
    }
}
