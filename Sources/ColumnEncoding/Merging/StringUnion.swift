import Telemetry

/// Carries strings of several tables into a new one in which equal strings are one: a table of new ids by
/// old id for each source, and one hash look-up for a string that a source uses first.
///
/// Works on memory of its own, kept from one batch to the next.
struct StringUnion: ~Copyable {
    /// No table has this many entries.
    private static let unmapped = StringID.max

    /// Open addressing at a load factor of at most 1/2: hash in the high half, id in the low one; zero
    /// is free (id 0, the empty string, is never looked up).
    private var slots: UnsafeMutableBufferPointer<UInt64>
    private var bytes: UnsafeMutableRawBufferPointer
    private var byteCount = 0
    private var ends: UnsafeMutableBufferPointer<UInt32>
    private var count = 1
    /// New ids of all sources, one source after the other.
    private var newIDs: UnsafeMutableBufferPointer<StringID>
    private let offsets: [Int]
    private let tables: [StringTable]

    init(_ tables: [StringTable]) {
        self.tables = tables
        var total = 0
        var offsets: [Int] = []
        for table in tables {
            offsets.append(total)
            total += table.count
        }
        self.offsets = offsets
        newIDs = .allocate(capacity: max(1, total))
        newIDs.initialize(repeating: Self.unmapped)
        slots = .allocate(capacity: 1 << 12)
        slots.initialize(repeating: 0)
        bytes = .allocate(byteCount: 1 << 16, alignment: 8)
        ends = .allocate(capacity: 1 << 11)
        ends.initialize(repeating: 0)
    }

    deinit {
        newIDs.deallocate()
        slots.deallocate()
        bytes.deallocate()
        ends.deallocate()
    }

    /// The table built so far; the next one starts empty.
    mutating func take() -> StringTable {
        let (bytes, ends, byteCount, count) = (self.bytes, self.ends, self.byteCount, self.count)
        let table = StringTable(
            bytes: [UInt8](UnsafeRawBufferPointer(rebasing: bytes[..<byteCount])),
            ends: [UInt32](UnsafeBufferPointer(rebasing: ends[..<count])))
        self.byteCount = 0
        self.count = 1
        slots.update(repeating: 0)
        newIDs.update(repeating: Self.unmapped)
        return table
    }

    /// The new ids of `ids`, which are strings of `source`.
    mutating func map(
        _ ids: UnsafePointer<StringID>, count: Int, of source: Int,
        into out: UnsafeMutablePointer<StringID>
    ) {
        guard let known = newIDs.baseAddress.map({ $0 + offsets[source] }) else { return }
        var pending = Pending()
        for index in 0..<count where known[Int(ids[index])] == Self.unmapped {
            pending.add(ids[index])
            if pending.isFull { insert(&pending, of: source, known) }
        }
        insert(&pending, of: source, known)
        for index in 0..<count { out[index] = known[Int(ids[index])] }
    }

    /// Replaces the payloads of cells of `source` that are string ids by new ids.
    mutating func map(
        _ payloads: UnsafeMutablePointer<UInt64>, types: UnsafePointer<AttributeType>, count: Int,
        of source: Int
    ) {
        guard let known = newIDs.baseAddress.map({ $0 + offsets[source] }) else { return }
        var pending = Pending()
        for index in 0..<count
        where types[index].isInterned
            && known[Int(truncatingIfNeeded: payloads[index])] == Self.unmapped
        {
            pending.add(StringID(truncatingIfNeeded: payloads[index]))
            if pending.isFull { insert(&pending, of: source, known) }
        }
        insert(&pending, of: source, known)
        for index in 0..<count where types[index].isInterned {
            payloads[index] = UInt64(known[Int(truncatingIfNeeded: payloads[index])])
        }
    }

    mutating func map(_ id: StringID, of source: Int) -> StringID {
        guard let known = newIDs.baseAddress.map({ $0 + offsets[source] }) else { return 0 }
        if known[Int(id)] == Self.unmapped {
            var pending = Pending()
            pending.add(id)
            insert(&pending, of: source, known)
        }
        return known[Int(id)]
    }

    /// Strings to be looked up together: the slots of all are loaded before the first is compared, so
    /// that the memory they wait for is fetched at the same time.
    private struct Pending {
        var ids = InlineArray<32, StringID>(repeating: 0)
        var hashes = InlineArray<32, UInt32>(repeating: 0)
        var count = 0

        @inline(__always)
        var isFull: Bool { count == 32 }

        @inline(__always)
        mutating func add(_ id: StringID) {
            ids[count] = id
            count &+= 1
        }
    }

    @inline(never)
    private mutating func insert(
        _ pending: inout Pending, of source: Int, _ known: UnsafeMutablePointer<StringID>
    ) {
        if pending.count == 0 { return }
        let table = tables[source]
        table.bytes.withUnsafeBytes { texts in
            table.ends.withUnsafeBufferPointer { ends in
                let mask = slots.count &- 1
                var loaded: UInt64 = 0
                for index in 0..<pending.count {
                    let hash = Self.hash(Self.text(pending.ids[index], texts, ends))
                    pending.hashes[index] = hash
                    loaded |= slots[Int(truncatingIfNeeded: hash) & mask]
                }
                // Never so: keeps the loads.
                if loaded == .max, count == 0 { return }
                for index in 0..<pending.count {
                    let id = Int(pending.ids[index])
                    if known[id] != Self.unmapped { continue }
                    let text = Self.text(pending.ids[index], texts, ends)
                    known[id] = insert(text, pending.hashes[index])
                }
            }
        }
        pending.count = 0
    }

    @inline(__always)
    private static func text(
        _ id: StringID, _ texts: UnsafeRawBufferPointer, _ ends: UnsafeBufferPointer<UInt32>
    ) -> UnsafeRawBufferPointer {
        let start = id == 0 ? 0 : Int(ends[Int(id) &- 1])
        return UnsafeRawBufferPointer(rebasing: texts[start..<Int(ends[Int(id)])])
    }

    @inline(__always)
    private mutating func insert(_ text: UnsafeRawBufferPointer, _ hash: UInt32) -> StringID {
        guard let start = text.baseAddress, text.count > 0 else { return 0 }
        let mask = slots.count &- 1
        var position = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = slots[position]
            if slot == 0 { break }
            if slot >> 32 == UInt64(hash) {
                let id = Int(UInt32(truncatingIfNeeded: slot))
                let from = Int(ends[id &- 1])
                if Int(ends[id]) &- from == text.count,
                    Self.isEqual(bytes.baseAddress, from, start, text.count)
                {
                    return StringID(truncatingIfNeeded: id)
                }
            }
            position = (position &+ 1) & mask
        }
        return append(text, hash, at: position)
    }

    @inline(__always)
    private mutating func append(
        _ text: UnsafeRawBufferPointer, _ hash: UInt32, at position: Int
    ) -> StringID {
        if byteCount &+ text.count > bytes.count { growBytes(by: text.count) }
        UnsafeMutableRawBufferPointer(rebasing: bytes[byteCount...]).copyMemory(from: text)
        byteCount &+= text.count
        precondition(byteCount <= Int(UInt32.max), "BUG: strings of more than 4 GiB")
        let id = count
        ends[id] = UInt32(truncatingIfNeeded: byteCount)
        count &+= 1
        slots[position] = UInt64(hash) << 32 | UInt64(id)
        if count == ends.count { grow() }
        return StringID(truncatingIfNeeded: id)
    }

    @inline(__always)
    private static func isEqual(
        _ bytes: UnsafeMutableRawPointer?, _ offset: Int, _ text: UnsafeRawPointer, _ count: Int
    ) -> Bool {
        guard let known = bytes.map({ UnsafeRawPointer($0) + offset }) else { return false }
        guard count >= 8 else {
            for index in 0..<count
            where known.load(fromByteOffset: index, as: UInt8.self)
                != text.load(fromByteOffset: index, as: UInt8.self)
            {
                return false
            }
            return true
        }
        // Word by word, the last word overlapping its predecessor.
        var index = 0
        while index &+ 8 < count {
            if known.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                != text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            {
                return false
            }
            index &+= 8
        }
        return known.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            == text.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    }

    private mutating func growBytes(by more: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(bytes.count * 2, byteCount + more), alignment: 8)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<byteCount]))
        bytes.deallocate()
        bytes = larger
    }

    /// Doubles the ends and the slots, whose number is twice that of the ends.
    private mutating func grow() {
        let larger = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: ends.count * 2)
        _ = larger.initialize(from: ends)
        (larger.baseAddress.map { $0 + ends.count })?.initialize(repeating: 0, count: ends.count)
        ends.deallocate()
        ends = larger
        let old = slots
        slots = .allocate(capacity: old.count * 2)
        slots.initialize(repeating: 0)
        let mask = slots.count &- 1
        for slot in old where slot != 0 {
            var position = Int(truncatingIfNeeded: slot >> 32) & mask
            while slots[position] != 0 { position = (position &+ 1) & mask }
            slots[position] = slot
        }
        old.deallocate()
    }

    /// Words are read unaligned, the last one overlapping its predecessor. Only lives in memory.
    @inline(__always)
    private static func hash(_ text: UnsafeRawBufferPointer) -> UInt32 {
        let count = text.count
        var state = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: count)
        if count >= 8 {
            var offset = 0
            while offset &+ 8 < count {
                state = mix(state ^ text.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                offset &+= 8
            }
            state = mix(state ^ text.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        } else {
            var word: UInt64 = 0
            for index in 0..<count { word = word << 8 | UInt64(text[index]) }
            state = mix(state ^ word)
        }
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return high ^ low
    }
}
