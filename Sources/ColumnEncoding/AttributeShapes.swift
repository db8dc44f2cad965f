import Telemetry

/// Numbers the shapes of items: the distinct lists of (key, type) pairs of their attributes, in order of
/// first appearance, and so the distinct pairs.
///
/// An item of the same shape as its predecessor, the usual case, is told by comparing their cells; others
/// by a hash of their cells. Only a shape's first item is looked at cell by cell.
struct AttributeShapes {
    private(set) var pairKeys: [StringID] = []
    private(set) var pairTypes: [UInt8] = []
    /// The pairs of all shapes, one shape after the other.
    private(set) var pairs: [UInt16] = []
    private(set) var lengths: [UInt32] = []
    /// Where each shape starts in `pairs`.
    private(set) var starts: [Int] = []
    /// Whether a shape has a pair more than once.
    private(set) var repeats: [Bool] = []
    /// The shape of each item.
    private(set) var ofItem: [UInt32] = []

    /// Key numbers by string id, then pairs by key number and type; 0 is none.
    private var keyNumbers: [UInt32]
    private var pairNumbers: [UInt16] = []

    /// Where the cells of each shape's first item start.
    private var firstCells: [Int] = []
    private var hashes: [UInt64] = []
    /// Shape number + 1 by hash; zero is free. Open addressing at a load factor of at most 1/2.
    private var slots = [UInt32](repeating: 0, count: 128)

    init(stringCount: Int) {
        keyNumbers = [UInt32](repeating: 0, count: stringCount)
    }

    /// How many cells each pair has.
    var pairCounts: [Int] {
        var uses = [Int](repeating: 0, count: lengths.count)
        for shape in ofItem { uses[Int(shape)] &+= 1 }
        var counts = [Int](repeating: 0, count: pairKeys.count)
        for shape in lengths.indices {
            for index in starts[shape]..<(starts[shape] + Int(lengths[shape])) {
                counts[Int(pairs[index])] += uses[shape]
            }
        }
        return counts
    }

    /// For each pair a number that is equal for pairs that the same items have, each once in an item.
    var itemsOfPairs: [UInt64] {
        var items = [UInt64](repeating: 0, count: pairKeys.count)
        for shape in lengths.indices {
            let mark = (UInt64(shape) &+ 1) &* 0x9E37_79B9_7F4A_7C15
            for index in starts[shape]..<(starts[shape] + Int(lengths[shape])) {
                let pair = Int(pairs[index])
                items[pair] = (items[pair] ^ mark) &* 0xD6E8_FEB8_6659_FD93
                items[pair] ^= items[pair] >> 29
            }
        }
        return items
    }

    /// Finds the shape of every item.
    /// - Returns: false if items hardly share any, or have too many different pairs.
    mutating func find(
        in attributes: AttributeColumns, ends: UnsafeBufferPointer<UInt32>
    ) -> Bool {
        let cellsMax = attributes.count / 2 + 256
        ofItem = [UInt32](repeating: 0, count: ends.count)
        return attributes.keys.withUnsafeBufferPointer { keys in
            attributes.types.withUnsafeBytes { types in
                var previous = 0..<0
                var shape: UInt32 = 0
                var start = 0
                for item in 0..<ends.count {
                    let cells = start..<Int(ends[item])
                    if item == 0 || !Self.isEqual(previous, cells, keys, types) {
                        guard let found = number(of: cells, keys, types),
                            pairs.count <= cellsMax
                        else { return false }
                        shape = found
                    }
                    ofItem[item] = shape
                    previous = cells
                    start = cells.upperBound
                }
                return true
            }
        }
    }

    @inline(__always)
    private static func isEqual(
        _ a: Range<Int>, _ b: Range<Int>, _ keys: UnsafeBufferPointer<StringID>,
        _ types: UnsafeRawBufferPointer
    ) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count
        where keys[a.lowerBound &+ index] != keys[b.lowerBound &+ index]
            || types[a.lowerBound &+ index] != types[b.lowerBound &+ index]
        {
            return false
        }
        return true
    }

    /// The number of the shape that `cells` have; `nil` if there are too many different pairs.
    private mutating func number(
        of cells: Range<Int>, _ keys: UnsafeBufferPointer<StringID>,
        _ types: UnsafeRawBufferPointer
    ) -> UInt32? {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: cells.count)
        for cell in cells {
            hash =
                (hash ^ (UInt64(keys[cell]) << 8 | UInt64(types[cell])))
                &* 0xD6E8_FEB8_6659_FD93
            hash ^= hash >> 32
        }
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let known = Int(slots[slot] &- 1)
            let first = firstCells[known]
            if hashes[known] == hash,
                Self.isEqual(first..<(first + Int(lengths[known])), cells, keys, types)
            {
                return UInt32(truncatingIfNeeded: known)
            }
            slot = (slot &+ 1) & mask
        }
        return add(cells, keys, types, hash, slot)
    }

    private mutating func add(
        _ cells: Range<Int>, _ keys: UnsafeBufferPointer<StringID>,
        _ types: UnsafeRawBufferPointer, _ hash: UInt64, _ slot: Int
    ) -> UInt32? {
        let start = pairs.count
        for cell in cells {
            guard let pair = pair(keys[cell], types[cell]) else { return nil }
            pairs.append(pair)
        }
        let number = UInt32(truncatingIfNeeded: lengths.count)
        starts.append(start)
        lengths.append(UInt32(truncatingIfNeeded: cells.count))
        firstCells.append(cells.lowerBound)
        repeats.append(Set(pairs[start...]).count < cells.count)
        hashes.append(hash)
        slots[slot] = number + 1
        if lengths.count * 2 > slots.count { grow() }
        return number
    }

    private mutating func pair(_ key: StringID, _ type: UInt8) -> UInt16? {
        if keyNumbers[Int(key)] == 0 {
            pairNumbers.append(contentsOf: repeatElement(0, count: 8))
            keyNumbers[Int(key)] = UInt32(truncatingIfNeeded: pairNumbers.count >> 3)
        }
        let slot = (Int(keyNumbers[Int(key)]) - 1) * 8 + Int(type)
        if pairNumbers[slot] == 0 {
            guard pairKeys.count < ColumnLimits.attributeColumnsMax else { return nil }
            pairKeys.append(key)
            pairTypes.append(type)
            pairNumbers[slot] = UInt16(truncatingIfNeeded: pairKeys.count)
        }
        return pairNumbers[slot] - 1
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
