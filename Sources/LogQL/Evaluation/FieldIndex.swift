import Telemetry

/// Finds fields of a line by their names: few by looking at each, many by a table of hashes, so that a line
/// with a thousand fields does not take half a million comparisons.
struct FieldIndex {
    /// Looking at each is quicker up to here.
    private static let listedMax = 16
    /// Twice the fields that a line may have at most, and a power of two.
    private static let slotCount = 2_048

    /// Places of fields, from 1 on; 0 where there is none. Empty before it is first needed.
    private var slots: [UInt16] = []
    /// Fields that are in `slots`: the first ones.
    private var indexed = 0

    /// When fields have been taken away.
    mutating func forget() {
        guard indexed > 0 else { return }
        indexed = 0
        for slot in slots.indices { slots[slot] = 0 }
    }

    /// The place of the first field of that name.
    @inline(__always)
    mutating func place(
        of name: Range<Int>, in arena: [UInt8], _ fields: [LineLabels.Field]
    ) -> Int? {
        arena.withUnsafeBytes { bytes in
            place(of: UnsafeRawBufferPointer(rebasing: bytes[name]), in: bytes, fields)
        }
    }

    @inline(__always)
    mutating func place(
        of name: UnsafeRawBufferPointer, in arena: [UInt8], _ fields: [LineLabels.Field]
    ) -> Int? {
        arena.withUnsafeBytes { place(of: name, in: $0, fields) }
    }

    @inline(__always)
    private mutating func place(
        of name: UnsafeRawBufferPointer, in arena: UnsafeRawBufferPointer,
        _ fields: [LineLabels.Field]
    ) -> Int? {
        guard fields.count > Self.listedMax else {
            return fields.firstIndex { Self.isNamed($0, name, in: arena) }
        }
        return hashedPlace(of: name, in: arena, fields)
    }

    private mutating func hashedPlace(
        of name: UnsafeRawBufferPointer, in arena: UnsafeRawBufferPointer,
        _ fields: [LineLabels.Field]
    ) -> Int? {
        // A table that is full would be searched forever.
        guard fields.count < Self.slotCount else {
            return fields.firstIndex { Self.isNamed($0, name, in: arena) }
        }
        if slots.isEmpty { slots = [UInt16](repeating: 0, count: Self.slotCount) }
        while indexed < fields.count {
            let known = UnsafeRawBufferPointer(rebasing: arena[fields[indexed].name])
            indexed += 1
            let slot = self.slot(of: known, in: arena, fields)
            if slots[slot] == 0 { slots[slot] = UInt16(truncatingIfNeeded: indexed) }
        }
        let found = slots[slot(of: name, in: arena, fields)]
        return found == 0 ? nil : Int(found) - 1
    }

    /// Where a name is, or would be.
    private func slot(
        of name: UnsafeRawBufferPointer, in arena: UnsafeRawBufferPointer,
        _ fields: [LineLabels.Field]
    ) -> Int {
        // FNV-1a.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var slot = Int(truncatingIfNeeded: hash ^ (hash >> 32)) & (Self.slotCount - 1)
        while slots[slot] != 0, !Self.isNamed(fields[Int(slots[slot]) - 1], name, in: arena) {
            slot = (slot + 1) & (Self.slotCount - 1)
        }
        return slot
    }

    @inline(__always)
    private static func isNamed(
        _ field: LineLabels.Field, _ name: UnsafeRawBufferPointer, in arena: UnsafeRawBufferPointer
    ) -> Bool {
        LineLabels.equal(UnsafeRawBufferPointer(rebasing: arena[field.name]), name)
    }
}
