/// Index of a byte sequence in a `StringTable`. Zero is always the empty string.
package typealias StringID = UInt32

/// An append-only dictionary of byte sequences: equal content gets the same id, ids count up from 0
/// (the empty string) in order of first appearance.
///
/// Content interned as text is valid UTF-8: it is checked once, when first seen, and repaired with
/// U+FFFD (and counted) if a sender broke it. Arrays, maps and raw bytes are interned unchecked.
/// - Complexity: `intern` is O(length) amortised; linear probing at a load factor of at most 1/2.
package struct StringTable: Sendable {
    @usableFromInline package private(set) var bytes: [UInt8] = []
    /// `ends[id]` is where entry `id` ends in `bytes`; it starts where its predecessor ends.
    @usableFromInline package private(set) var ends: [UInt32] = [0]
    /// Text that was not UTF-8 and has been repaired.
    package private(set) var repairedCount = 0
    /// Entries that are not UTF-8, so that text never becomes one of them. Usually none.
    private var rawIDs: Set<StringID> = []
    /// Open-addressed slots, hash in the high half and id + 1 in the low half; zero is free. With the
    /// hash in the slot a probe touches one cache line before it compares content.
    private var slots: [UInt64]
    private var mask: Int

    package init(capacity: Int = 256) {
        var size = 64
        while size < capacity * 2 { size *= 2 }
        slots = [UInt64](repeating: 0, count: size)
        mask = size - 1
    }

    /// Takes over entries read back from disk, which must be distinct. No hashing happens before the
    /// first `intern`; until then `id(of:)` compares one by one.
    /// - Parameter ends: ascending, at most `bytes.count`, the first one 0 (the empty string).
    package init(bytes: [UInt8], ends: [UInt32]) {
        precondition(ends.first == 0 && Int(ends[ends.count - 1]) <= bytes.count)
        self.bytes = bytes
        self.ends = ends
        slots = []
        mask = -1
    }

    package var count: Int { ends.count }
    package var byteCount: Int { bytes.count }

    package subscript(id: StringID) -> String {
        withBytes(of: id) { String(decoding: $0, as: UTF8.self) }
    }

    @inlinable package func range(of id: StringID) -> Range<Int> {
        let index = Int(id)
        return (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    @inlinable package func withBytes<R>(
        of id: StringID, _ body: (UnsafeRawBufferPointer) throws -> R
    ) rethrows -> R {
        let range = range(of: id)
        return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Interns text. Invalid UTF-8 is repaired, so that every string read back is text.
    package mutating func intern(_ text: UnsafeRawBufferPointer) -> StringID {
        if slots.isEmpty { index() }
        let hash = StringTable.hash(text)
        if let id = find(text, hash), !isRaw(id) { return id }
        if StringTable.isUTF8(text) { return insert(text, hash) }
        repairedCount += 1
        return intern(String(decoding: text, as: UTF8.self))
    }

    package mutating func intern(_ text: String) -> StringID {
        if text.isEmpty { return 0 }
        if slots.isEmpty { index() }
        var text = text
        return text.withUTF8 { utf8 in
            let raw = UnsafeRawBufferPointer(utf8)
            let hash = StringTable.hash(raw)
            return find(raw, hash) ?? insert(raw, hash)
        }
    }

    /// Interns bytes that need not be text.
    package mutating func intern(bytes content: UnsafeRawBufferPointer) -> StringID {
        if slots.isEmpty { index() }
        let hash = StringTable.hash(content)
        if let id = find(content, hash) { return id }
        let id = insert(content, hash)
        if !StringTable.isUTF8(content) { rawIDs.insert(id) }
        return id
    }

    package mutating func intern(bytes content: [UInt8]) -> StringID {
        content.withUnsafeBytes { intern(bytes: $0) }
    }

    /// The id of `text` if it is in the table.
    package func id(of text: String) -> StringID? {
        var text = text
        return text.withUTF8 { utf8 in
            let raw = UnsafeRawBufferPointer(utf8)
            return slots.isEmpty ? scan(for: raw) : find(raw, StringTable.hash(raw))
        }
    }

    private func scan(for content: UnsafeRawBufferPointer) -> StringID? {
        if content.isEmpty { return 0 }
        return (1..<max(1, ends.count)).first { equals($0, content) }.map { StringID($0) }
    }

    @inline(__always)
    private func isRaw(_ id: StringID) -> Bool { !rawIDs.isEmpty && rawIDs.contains(id) }

    private mutating func index() {
        var size = 64
        while size < ends.count * 4 { size *= 2 }
        slots = [UInt64](repeating: 0, count: size)
        mask = size - 1
        for id in 1..<max(1, ends.count) {
            let (hash, isText) = withBytes(of: StringID(id)) {
                (StringTable.hash($0), StringTable.isUTF8($0))
            }
            place(StringTable.slot(id, hash))
            if !isText { rawIDs.insert(StringID(id)) }
        }
    }

    @inline(__always)
    private func find(_ content: UnsafeRawBufferPointer, _ hash: UInt32) -> StringID? {
        if content.isEmpty { return 0 }
        return slots.withUnsafeBufferPointer { slots in
            var position = Int(hash) & mask
            while true {
                let slot = slots[position]
                if slot == 0 { return nil }
                if UInt32(truncatingIfNeeded: slot >> 32) == hash {
                    let id = Int(UInt32(truncatingIfNeeded: slot)) - 1
                    if equals(id, content) { return StringID(truncatingIfNeeded: id) }
                }
                position = (position &+ 1) & mask
            }
        }
    }

    @inline(__always)
    private func equals(_ id: Int, _ content: UnsafeRawBufferPointer) -> Bool {
        let start = Int(ends[id - 1])
        guard Int(ends[id]) - start == content.count, let other = content.baseAddress else {
            return false
        }
        return bytes.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return false }
            return memoryEqual(base + start, other, content.count)
        }
    }

    @inline(never)
    private mutating func insert(_ content: UnsafeRawBufferPointer, _ hash: UInt32) -> StringID {
        if (ends.count + 1) * 2 > slots.count { grow() }
        let id = ends.count
        bytes.append(contentsOf: content)
        ends.append(UInt32(bytes.count))
        place(StringTable.slot(id, hash))
        return StringID(id)
    }

    @inline(__always)
    private static func slot(_ id: Int, _ hash: UInt32) -> UInt64 {
        UInt64(hash) << 32 | UInt64(id + 1)
    }

    private mutating func place(_ slot: UInt64) {
        var position = Int(slot >> 32) & mask
        while slots[position] != 0 { position = (position + 1) & mask }
        slots[position] = slot
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: old.count * 2)
        mask = slots.count - 1
        for slot in old where slot != 0 { place(slot) }
    }

    /// Only lives in memory, so it may change; `ContentHash` is the one on disk. Words are read
    /// unaligned, the last one overlapping its predecessor.
    @inline(__always)
    private static func hash(_ content: UnsafeRawBufferPointer) -> UInt32 {
        let count = content.count
        var state = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: count)
        if count >= 8 {
            var offset = 0
            while offset &+ 8 < count {
                let word = content.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                state = mix(state ^ word)
                offset &+= 8
            }
            let last = content.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            state = mix(state ^ last)
        } else if count >= 4 {
            let first = content.loadUnaligned(as: UInt32.self)
            let last = content.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            state = mix(state ^ (UInt64(first) << 32 | UInt64(last)))
        } else if count > 0 {
            let word =
                UInt64(content[0]) << 16 | UInt64(content[count >> 1]) << 8
                | UInt64(content[count &- 1])
            state = mix(state ^ word)
        }
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return high ^ low
    }

    private static func isUTF8(_ content: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset + 8 <= content.count {
            let word = content.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if word & 0x8080_8080_8080_8080 != 0 { break }
            offset += 8
        }
        while offset < content.count, content[offset] < 0x80 { offset += 1 }
        if offset == content.count { return true }
        return String(validating: content, as: UTF8.self) != nil
    }
}

/// Compares word by word, the last word overlapping its predecessor.
@inline(__always)
private func memoryEqual(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
    if count >= 8 {
        var offset = 0
        while offset &+ 8 < count {
            if word(a, offset) != word(b, offset) { return false }
            offset &+= 8
        }
        return word(a, count &- 8) == word(b, count &- 8)
    }
    var offset = 0
    while offset < count {
        if a.load(fromByteOffset: offset, as: UInt8.self)
            != b.load(fromByteOffset: offset, as: UInt8.self)
        {
            return false
        }
        offset &+= 1
    }
    return true
}

@inline(__always)
private func word(_ pointer: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    pointer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
}
