import Telemetry

/// Which attributes and values the spans or log records of a block may have: "no" is certain, "maybe" is
/// wrong for one in 256.
///
/// ```
/// stored = version u8 │ open keys varint │ hash u64 of each, ascending │ fuse filter
/// ```
/// The fuse filter holds each key with the place it stands at, and each key with the text of each of
/// its values, except keys of very many values and those that have arrays, whose elements are looked for
/// too: those are *open*, and of them only the key is known.
package struct AttributeFilter: Sendable {
    private static let version: UInt8 = 2

    private let openKeys: [UInt64]
    private let filter: FuseFilter

    fileprivate init(openKeys: [UInt64], filter: FuseFilter) {
        self.openKeys = openKeys
        self.filter = filter
    }

    /// False only if no attribute at `place` has this key.
    package func mayHave(key: String, at place: AttributePlace) -> Bool {
        filter.contains(AttributeHash.place(AttributeHash.key(key), place))
    }

    /// False only if no attribute of this key, anywhere, has a value of this text.
    package func mayHave(key: String, text: String) -> Bool {
        let key = AttributeHash.key(key)
        return openKeys.contains(key) || filter.contains(AttributeHash.value(key, text))
    }

    package var byteCount: Int { filter.byteCount + 8 * openKeys.count }

    package func encode(into writer: inout ByteWriter) {
        writer.append(Self.version)
        writer.appendVarint(UInt64(openKeys.count))
        for key in openKeys { writer.append(key) }
        filter.encode(into: &writer)
    }

    /// - Returns: `nil` for a version that this code does not know.
    package init?(from reader: inout ByteReader) throws(ColumnDecodeError) {
        guard try reader.readByte() == Self.version else { return nil }
        let count = try reader.readCount(atMost: reader.remaining / 8)
        var keys: [UInt64] = []
        for _ in 0..<count { keys.append(try reader.readUInt64()) }
        openKeys = keys
        filter = try FuseFilter(from: &reader)
    }
}

/// Hashes that are on disk, so they never change.
private enum AttributeHash {
    static func key(_ key: String) -> UInt64 { hash(key) }

    static func place(_ key: UInt64, _ place: AttributePlace) -> UInt64 {
        let number: UInt64 =
            switch place {
            case .span: 1
            case .event: 2
            case .link: 3
            case .resource: 4
            case .scope: 5
            }
        return mix(key, number)
    }

    static func value(_ key: UInt64, _ text: String) -> UInt64 { mix(key, hash(text)) }

    @inline(__always)
    static func value(_ key: UInt64, bytes: UnsafeRawBufferPointer) -> UInt64 {
        mix(key, hash(bytes))
    }

    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 { ContentHash(bytes).low }

    private static func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    @inline(__always)
    private static func mix(_ key: UInt64, _ value: UInt64) -> UInt64 {
        let (high, low) = (key ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
            by: value ^ 0xD6E8_FEB8_6659_FD93)
        return high ^ low ^ value
    }
}

/// Collects the attributes of one batch.
package struct AttributeFilterBuilder {
    /// A key of more values than this in one block is open: ids of requests and users take their bits a
    /// row otherwise, and such a column is quick to look through.
    private static let valuesPerKeyMax = 1_024
    /// Beyond, a block has no filter: it is one of thousands of keys.
    private static let entriesMax = 32_768

    private struct Key {
        var hash: UInt64
        var values: [UInt64] = []
        var isOpen = false
        /// Bits by place.
        var places: UInt8 = 0
        /// The value that the last cell had, in a form that no string has.
        var latest: (type: AttributeType, payload: UInt64) = (.string, 0)
    }

    private let strings: StringTable
    /// Key numbers by string id, 0 for none.
    private var keyNumbers: [UInt32]
    /// By string id: 1 + the number of the key that it was a text of last. A text is mostly that of one
    /// key, and so known without a look at `seen`.
    private var keyOfText: [UInt32]
    private var keys: [Key] = []
    private var entries = 0
    /// Distinct cells, and their numbers + 1 by hash; 0 is free.
    private var seen: [(key: UInt32, type: AttributeType, payload: UInt64)] = []
    private var slots = [UInt32](repeating: 0, count: 1 << 14)

    package init(_ strings: StringTable) {
        self.strings = strings
        keyNumbers = [UInt32](repeating: 0, count: strings.count)
        keyOfText = keyNumbers
    }

    /// Takes cells that stand at `place`.
    package mutating func add(
        _ attributes: AttributeColumns, cells: Range<Int>, at place: AttributePlace
    ) {
        let bit = UInt8(1) << UInt8(AttributePlace.allCases.firstIndex(of: place) ?? 0)
        for cell in cells {
            guard entries <= Self.entriesMax else { return }
            let number = number(of: attributes.keys[cell])
            keys[number].places |= bit
            guard !keys[number].isOpen else { continue }
            let (type, payload) = (attributes.types[cell], attributes.payloads[cell])
            guard !isLatest(number, type, payload), isNew(number, type, payload) else { continue }
            append(type, payload, to: number)
        }
    }

    @inline(__always)
    private mutating func number(of key: StringID) -> Int {
        let known = keyNumbers[Int(key)]
        if known != 0 { return Int(known) &- 1 }
        keys.append(Key(hash: strings.withBytes(of: key) { AttributeHash.hash($0) }))
        keyNumbers[Int(key)] = UInt32(truncatingIfNeeded: keys.count)
        entries += 1
        return keys.count - 1
    }

    /// Whether a cell is like the last one of its key, or a text that this key had last: then it is not new.
    @inline(__always)
    private mutating func isLatest(
        _ key: Int, _ type: AttributeType, _ payload: UInt64
    ) -> Bool {
        if case .string = type {
            let text = Int(truncatingIfNeeded: payload)
            let mark = UInt32(truncatingIfNeeded: key) &+ 1
            if keyOfText[text] == mark { return true }
            keyOfText[text] = mark
            return false
        }
        let latest = keys[key].latest
        if latest.payload == payload, latest.type.rawValue == type.rawValue { return true }
        keys[key].latest = (type, payload)
        return false
    }

    /// Whether a cell like this was not there before.
    @inline(__always)
    private mutating func isNew(_ key: Int, _ type: AttributeType, _ payload: UInt64) -> Bool {
        let key = UInt32(truncatingIfNeeded: key)
        let mask = slots.count &- 1
        var slot = Self.slot(key, type, payload) & mask
        while slots[slot] != 0 {
            let other = seen[Int(slots[slot] &- 1)]
            if other.payload == payload, other.key == key, other.type == type { return false }
            slot = (slot &+ 1) & mask
        }
        seen.append((key, type, payload))
        slots[slot] = UInt32(truncatingIfNeeded: seen.count)
        if seen.count * 2 > slots.count { grow() }
        return true
    }

    @inline(__always)
    private static func slot(_ key: UInt32, _ type: AttributeType, _ payload: UInt64) -> Int {
        let (high, low) = (payload ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
            by: (UInt64(key) << 3 | UInt64(type.rawValue)) &* 0xD6E8_FEB8_6659_FD93
                ^ 0xA076_1D64_78BD_642F)
        return Int(truncatingIfNeeded: (high ^ low) >> 16)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        let mask = slots.count - 1
        for (number, cell) in seen.enumerated() {
            var slot = Self.slot(cell.key, cell.type, cell.payload) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(truncatingIfNeeded: number) + 1
        }
    }

    private mutating func append(_ type: AttributeType, _ payload: UInt64, to number: Int) {
        guard type != .array, keys[number].values.count < Self.valuesPerKeyMax else {
            entries -= keys[number].values.count
            keys[number].values = []
            keys[number].isOpen = true
            return
        }
        let key = keys[number].hash
        let hash: UInt64 =
            switch type {
            case .string:
                strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                    AttributeHash.value(key, bytes: $0)
                }
            default:
                AttributeHash.value(
                    key, AttributeColumns.value(type: type, payload: payload, strings: strings).text
                )
            }
        keys[number].values.append(hash)
        entries += 1
    }

    /// - Returns: `nil` if there is too much to be of use.
    package func build() -> AttributeFilter? {
        guard entries <= Self.entriesMax else { return nil }
        var hashes: [UInt64] = []
        hashes.reserveCapacity(entries + keys.count)
        for key in keys {
            hashes += key.values
            for (index, place) in AttributePlace.allCases.enumerated()
            where key.places & (1 << UInt8(index)) != 0 {
                hashes.append(AttributeHash.place(key.hash, place))
            }
        }
        return AttributeFilter(
            openKeys: keys.filter(\.isOpen).map(\.hash).sorted(), filter: FuseFilter(hashes))
    }
}
