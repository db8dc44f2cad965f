/// Carries interned strings from one table into another, each looked up at most once.
package struct StringMapping {
    private var ids: [StringID]
    /// No valid table has this many entries: ids are checked against `UInt32.max` on insert.
    private static let unmapped = StringID.max

    package init(source: StringTable) {
        ids = [StringID](repeating: StringMapping.unmapped, count: source.count)
        ids[0] = 0
    }

    /// The id in `destination` of what `id` means in `source`.
    @inline(__always)
    package mutating func map(
        _ id: StringID, from source: StringTable, to destination: inout StringTable
    ) -> StringID {
        let known = ids[Int(id)]
        if known != StringMapping.unmapped { return known }
        let mapped = source.withBytes(of: id) { destination.intern(bytes: $0) }
        ids[Int(id)] = mapped
        return mapped
    }

    /// Appends `cells` of `source` to `destination`, interned payloads carried over.
    package mutating func copy(
        _ cells: Range<Int>, of source: AttributeColumns, _ sourceStrings: StringTable,
        to destination: inout AttributeColumns, _ strings: inout StringTable
    ) {
        for cell in cells {
            let type = source.types[cell]
            let payload = source.payloads[cell]
            destination.append(
                key: map(source.keys[cell], from: sourceStrings, to: &strings), type: type,
                payload: type.isInterned
                    ? UInt64(
                        map(
                            StringID(truncatingIfNeeded: payload), from: sourceStrings, to: &strings
                        ))
                    : payload)
        }
    }
}

/// Copies resources and scopes into another batch's shared columns; equal ones become one.
package struct SharedMapping {
    private var resources: [UInt32?]
    private var scopes: [UInt32?]

    package init(source: SharedColumns) {
        resources = [UInt32?](repeating: nil, count: source.resources.count)
        scopes = [UInt32?](repeating: nil, count: source.scopes.count)
    }

    package mutating func resource(
        _ index: UInt32, of source: SharedColumns, _ sourceStrings: StringTable,
        mapping: inout StringMapping, to destination: inout SharedColumnsBuilder,
        _ strings: inout StringTable
    ) -> UInt32 {
        if let known = resources[Int(index)] { return known }
        let entry = source.resources[Int(index)]
        let start = destination.columns.attributes.count
        mapping.copy(
            entry.attributes, of: source.attributes, sourceStrings,
            to: &destination.columns.attributes, &strings)
        let mapped = destination.add(
            ResourceEntry(
                attributes: start..<destination.columns.attributes.count,
                droppedAttributeCount: entry.droppedAttributeCount,
                schemaURL: mapping.map(entry.schemaURL, from: sourceStrings, to: &strings)))
        resources[Int(index)] = mapped
        return mapped
    }

    package mutating func scope(
        _ index: UInt32, of source: SharedColumns, _ sourceStrings: StringTable,
        mapping: inout StringMapping, to destination: inout SharedColumnsBuilder,
        _ strings: inout StringTable
    ) -> UInt32 {
        if let known = scopes[Int(index)] { return known }
        let entry = source.scopes[Int(index)]
        let start = destination.columns.attributes.count
        mapping.copy(
            entry.attributes, of: source.attributes, sourceStrings,
            to: &destination.columns.attributes, &strings)
        let mapped = destination.add(
            ScopeEntry(
                name: mapping.map(entry.name, from: sourceStrings, to: &strings),
                version: mapping.map(entry.version, from: sourceStrings, to: &strings),
                attributes: start..<destination.columns.attributes.count,
                droppedAttributeCount: entry.droppedAttributeCount,
                schemaURL: mapping.map(entry.schemaURL, from: sourceStrings, to: &strings)))
        scopes[Int(index)] = mapped
        return mapped
    }
}

/// Shared columns under construction that find an equal resource or scope again.
package struct SharedColumnsBuilder {
    private struct Key: Hashable {
        var words: [UInt64]
    }

    package fileprivate(set) var columns = SharedColumns()
    private var resourceIndex: [Key: UInt32] = [:]
    private var scopeIndex: [Key: UInt32] = [:]

    package init() {}

    /// Takes an entry whose cells are the last ones of `columns.attributes`; takes the cells back if an
    /// equal entry exists.
    fileprivate mutating func add(_ entry: ResourceEntry) -> UInt32 {
        let key = key(of: entry.attributes, [entry.droppedAttributeCount, entry.schemaURL])
        if let known = resourceIndex[key] {
            columns.attributes.removeCells(from: entry.attributes.lowerBound)
            return known
        }
        columns.resources.append(entry)
        resourceIndex[key] = UInt32(columns.resources.count - 1)
        return UInt32(columns.resources.count - 1)
    }

    fileprivate mutating func add(_ entry: ScopeEntry) -> UInt32 {
        let key = key(
            of: entry.attributes,
            [entry.name, entry.version, entry.droppedAttributeCount, entry.schemaURL])
        if let known = scopeIndex[key] {
            columns.attributes.removeCells(from: entry.attributes.lowerBound)
            return known
        }
        columns.scopes.append(entry)
        scopeIndex[key] = UInt32(columns.scopes.count - 1)
        return UInt32(columns.scopes.count - 1)
    }

    private func key(of cells: Range<Int>, _ fields: [UInt32]) -> Key {
        var words = fields.map(UInt64.init)
        words.reserveCapacity(fields.count + cells.count * 2)
        for cell in cells {
            words.append(
                UInt64(columns.attributes.keys[cell]) << 8
                    | UInt64(columns.attributes.types[cell].rawValue))
            words.append(columns.attributes.payloads[cell])
        }
        return Key(words: words)
    }
}

extension AttributeColumns {
    fileprivate mutating func removeCells(from start: Int) {
        keys.removeSubrange(start...)
        types.removeSubrange(start...)
        payloads.removeSubrange(start...)
    }
}
