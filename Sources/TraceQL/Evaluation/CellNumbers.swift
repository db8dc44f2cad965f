/// Numbers for pairs of a prefix and a cell, counting up from 0 in order of first appearance: an
/// open-addressed table, for a look-up a span.
struct CellNumbers {
    private struct Entry {
        var prefix: UInt32
        var cell: Cell
    }

    private var entries: [Entry] = []
    /// Number + 1; 0 is free.
    private var slots = [UInt32](repeating: 0, count: 64)

    var count: Int { entries.count }

    /// The pairs, by number.
    var pairs: [(prefix: UInt32, cell: Cell)] { entries.map { ($0.prefix, $0.cell) } }

    @inline(__always)
    mutating func number(_ prefix: UInt32, _ cell: Cell) -> UInt32 {
        let mask = slots.count &- 1
        var slot = Self.hash(prefix, cell) & mask
        while slots[slot] != 0 {
            let known = entries[Int(slots[slot] &- 1)]
            if known.cell == cell, known.prefix == prefix { return slots[slot] &- 1 }
            slot = (slot &+ 1) & mask
        }
        entries.append(Entry(prefix: prefix, cell: cell))
        slots[slot] = UInt32(truncatingIfNeeded: entries.count)
        if entries.count * 2 > slots.count { grow() }
        return UInt32(truncatingIfNeeded: entries.count &- 1)
    }

    @inline(__always)
    private static func hash(_ prefix: UInt32, _ cell: Cell) -> Int {
        let seed = UInt64(prefix) << 8 | UInt64(cell.kind.rawValue)
        let (high, low) = (cell.payload ^ 0xD6E8_FEB8_6659_FD93).multipliedFullWidth(
            by: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
        let mixed = (high ^ low) &* 0xA076_1D64_78BD_642F
        return Int(truncatingIfNeeded: mixed >> 32)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        let mask = slots.count - 1
        for (number, entry) in entries.enumerated() {
            var slot = Self.hash(entry.prefix, entry.cell) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(truncatingIfNeeded: number) + 1
        }
    }
}
