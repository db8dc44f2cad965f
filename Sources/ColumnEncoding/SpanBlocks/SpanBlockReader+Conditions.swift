import Telemetry

/// Where attributes stand in a block.
package enum AttributePlace: Sendable, CaseIterable {
    case span, event, link, resource, scope
}

extension SpanBlockReader {
    /// For each row whether its resource's `service.name` is `service` ("": it has none); `nil` if no
    /// row's is.
    package func rows(ofService service: String) throws(ColumnDecodeError) -> [Bool]? {
        let shared = try shared()
        let key = Array(SemanticKey.serviceName.utf8)
        let test = AttributeValueTest.text(service)
        let flags = shared.resources.map { resource in
            let cell = resource.attributes.first {
                strings.equals(shared.attributes.keys[$0], key)
            }
            return cell.map { passes(test, shared.attributes, $0) } ?? service.isEmpty
        }
        return try spread(flags) { () throws(ColumnDecodeError) in try resourceIndices() }
    }

    /// For each row whether the span has this name; `nil` if none has.
    package func rows(ofName name: String) throws(ColumnDecodeError) -> [Bool]? {
        let names = try names()
        let wanted = Array(name.utf8)
        let code = names.dictionary.firstIndex { strings.equals($0, wanted) }
        guard let code = code.map({ UInt32(truncatingIfNeeded: $0) }) else { return nil }
        return names.codes.map { $0 == code }
    }

    /// For each row whether an attribute at `place` under `key` passes; `nil` if none does.
    package func rows(
        where place: AttributePlace, key: String, _ test: AttributeValueTest
    ) throws(ColumnDecodeError) -> [Bool]? {
        let key = Array(key.utf8)
        switch place {
        case .span:
            let set = try attributes(Column.attributes, items: rows)
            return try set.matches(key: key, test, strings)
        case .event:
            let ends = try eventEnds()
            return try spread(Column.eventAttributes, ends, key, test)
        case .link:
            let ends = try linkEnds()
            return try spread(Column.linkAttributes, ends, key, test)
        case .resource:
            let shared = try shared()
            let flags = shared.resources.map { anyCell($0.attributes, of: shared, key, test) }
            return try spread(flags) { () throws(ColumnDecodeError) in try resourceIndices() }
        case .scope:
            let shared = try shared()
            let flags = shared.scopes.map { anyCell($0.attributes, of: shared, key, test) }
            return try spread(flags) { () throws(ColumnDecodeError) in try scopeIndices() }
        }
    }

    private func passes(
        _ test: AttributeValueTest, _ attributes: AttributeColumns, _ cell: Int
    ) -> Bool {
        let (type, payload) = (attributes.types[cell], attributes.payloads[cell])
        guard type.isInterned else { return test.accepts(type, payload: payload) }
        return strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
            test.accepts(type, bytes: $0)
        }
    }

    private func anyCell(
        _ cells: Range<Int>, of shared: SharedColumns, _ key: [UInt8], _ test: AttributeValueTest
    ) -> Bool {
        cells.contains { cell in
            strings.equals(shared.attributes.keys[cell], key)
                && passes(test, shared.attributes, cell)
        }
    }

    /// From entries to the rows that refer to them.
    private func spread(
        _ flags: [Bool], _ indices: () throws(ColumnDecodeError) -> [UInt32]
    ) throws(ColumnDecodeError) -> [Bool]? {
        guard flags.contains(true) else { return nil }
        let indices = try indices()
        guard flags.contains(false) else { return [Bool](repeating: true, count: rows) }
        return indices.map { flags[Int($0)] }
    }

    /// From events or links to the rows that own them.
    private func spread(
        _ ids: AttributeSets.ColumnIDs, _ ends: [UInt32], _ key: [UInt8],
        _ test: AttributeValueTest
    ) throws(ColumnDecodeError) -> [Bool]? {
        let count = ends.last.map { Int($0) } ?? 0
        guard count > 0 else { return nil }
        let set = try attributes(ids, items: count)
        guard let flags = try set.matches(key: key, test, strings) else { return nil }
        var rows = [Bool](repeating: false, count: rows)
        for row in rows.indices { rows[row] = SpanBatch.run(ends, row).contains { flags[$0] } }
        return rows
    }
}
