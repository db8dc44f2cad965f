/// Numbers packed keys in order of appearance: linear probing at a load of at most 1/2.
package struct PackedKeyTable: Sendable {
    @usableFromInline package private(set) var keys: [UInt64] = []
    /// Number + 1; zero is free.
    @usableFromInline package private(set) var slots = [UInt32](repeating: 0, count: 256)

    package init() {}

    /// How many there are.
    package var count: Int { keys.count }

    /// The number of a key, and whether it was not there before.
    @inlinable package mutating func number(of key: UInt64) -> (number: Int, isNew: Bool) {
        let mask = slots.count &- 1
        var position = Self.hash(key) & mask
        while true {
            let slot = slots[position]
            if slot == 0 { return (insert(key, at: position), true) }
            if keys[Int(slot) &- 1] == key { return (Int(slot) &- 1, false) }
            position = (position &+ 1) & mask
        }
    }

    @usableFromInline
    package mutating func insert(_ key: UInt64, at position: Int) -> Int {
        keys.append(key)
        slots[position] = UInt32(keys.count)
        if keys.count * 2 > slots.count { grow() }
        return keys.count - 1
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for (index, key) in keys.enumerated() {
            var position = Self.hash(key) & (slots.count - 1)
            while slots[position] != 0 { position = (position + 1) & (slots.count - 1) }
            slots[position] = UInt32(index + 1)
        }
    }

    @inlinable package static func hash(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32)
    }
}
