/// Attributes of many items, one cell an attribute, in three columns. Items own consecutive cells.
///
/// A cell's payload depends on its type: the id of an interned string (string, bytes, array, map), 0 or
/// 1 (bool), the two's complement (int), the IEEE 754 bit pattern (double), 0 (empty).
package struct AttributeColumns: Sendable {
    package var keys: [StringID] = []
    package var types: [AttributeType] = []
    package var payloads: [UInt64] = []

    package init() {}

    @inlinable package var count: Int { keys.count }

    package mutating func reserveCapacity(_ count: Int) {
        keys.reserveCapacity(count)
        types.reserveCapacity(count)
        payloads.reserveCapacity(count)
    }

    @inlinable package mutating func append(
        key: StringID, type: AttributeType, payload: UInt64
    ) {
        keys.append(key)
        types.append(type)
        payloads.append(payload)
    }

    package mutating func append(
        key: String, value: AttributeValue, strings: inout StringTable
    ) {
        let keyID = strings.intern(key)
        append(key: keyID, type: value.type, payload: Self.payload(of: value, strings: &strings))
    }

    /// Appends the cells of other columns of the same batch.
    package mutating func append(contentsOf other: AttributeColumns) {
        keys.append(contentsOf: other.keys)
        types.append(contentsOf: other.types)
        payloads.append(contentsOf: other.payloads)
    }

    /// Forgets all cells and keeps their memory.
    package mutating func removeAll() {
        keys.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
        payloads.removeAll(keepingCapacity: true)
    }

    package mutating func append(contentsOf attributes: [Attribute], strings: inout StringTable) {
        for attribute in attributes {
            append(key: attribute.key, value: attribute.value, strings: &strings)
        }
    }

    package static func payload(of value: AttributeValue, strings: inout StringTable) -> UInt64 {
        switch value {
        case .empty: 0
        case .string(let string): UInt64(strings.intern(string))
        case .bool(let flag): flag ? 1 : 0
        case .int(let number): UInt64(bitPattern: number)
        case .double(let number): number.bitPattern
        case .bytes(let bytes): UInt64(strings.intern(bytes: bytes))
        case .array, .map: UInt64(strings.intern(bytes: value.encoded))
        }
    }

    package func value(at cell: Int, strings: StringTable) -> AttributeValue {
        Self.value(type: types[cell], payload: payloads[cell], strings: strings)
    }

    package static func value(
        type: AttributeType, payload: UInt64, strings: StringTable
    ) -> AttributeValue {
        switch type {
        case .empty: .empty
        case .string: .string(strings[StringID(truncatingIfNeeded: payload)])
        case .bool: .bool(payload != 0)
        case .int: .int(Int64(bitPattern: payload))
        case .double: .double(Double(bitPattern: payload))
        case .bytes:
            strings.withBytes(of: StringID(truncatingIfNeeded: payload)) { .bytes(Array($0)) }
        case .array, .map:
            strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                AttributeValue(encoded: $0) ?? .empty
            }
        }
    }

    package func attributes(in cells: Range<Int>, strings: StringTable) -> [Attribute] {
        cells.map { Attribute(strings[keys[$0]], value(at: $0, strings: strings)) }
    }

    /// The first value under `key` in `cells`.
    package func first(
        _ key: StringID, in cells: Range<Int>, strings: StringTable
    ) -> AttributeValue? {
        for cell in cells where keys[cell] == key { return value(at: cell, strings: strings) }
        return nil
    }
}
