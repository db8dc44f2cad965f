import Telemetry

/// Where attributes stand in a block.
package enum AttributePlace: Sendable, CaseIterable {
    case span, event, link, resource, scope
}

extension SpanBlockReader {
    /// The rows whose resource's `service.name` is `service` ("": it has none).
    /// - Parameter among: the rows to look at, ascending; `nil`: all. So it is with all conditions.
    package func rows(
        ofService service: String, among: [Int32]? = nil
    ) throws(ColumnDecodeError) -> [Int32] {
        let shared = try shared()
        let key = Array(SemanticKey.serviceName.utf8)
        let test = AttributeValueTest.text(service)
        let flags = shared.resources.map { resource in
            let cell = resource.attributes.first {
                strings.equals(shared.attributes.keys[$0], key)
            }
            return cell.map { passes(test, shared.attributes, $0) } ?? service.isEmpty
        }
        return try spread(flags, among) { () throws(ColumnDecodeError) in try resourceIndices() }
    }

    /// The rows whose span has this name.
    package func rows(
        ofName name: String, among: [Int32]? = nil
    ) throws(ColumnDecodeError) -> [Int32] {
        let names = try names()
        let wanted = Array(name.utf8)
        let code = names.dictionary.firstIndex { strings.equals($0, wanted) }
        guard let code = code.map({ UInt32(truncatingIfNeeded: $0) }) else { return [] }
        return RowSelection.filter(among, count: rows) { names.codes[$0] == code }
    }

    /// The rows of which an attribute at `place` under `key` passes.
    package func rows(
        where place: AttributePlace, key: String, _ test: AttributeValueTest,
        among: [Int32]? = nil
    ) throws(ColumnDecodeError) -> [Int32] {
        let key = Array(key.utf8)
        switch place {
        case .span:
            let set = try attributes(Column.attributes, items: rows)
            return try set.items(where: key, test, among: among, strings)
        case .event:
            return try spread(Column.eventAttributes, try eventEnds(), key, test, among)
        case .link:
            return try spread(Column.linkAttributes, try linkEnds(), key, test, among)
        case .resource:
            let shared = try shared()
            let flags = shared.resources.map { anyCell($0.attributes, of: shared, key, test) }
            return try spread(flags, among) {
                () throws(ColumnDecodeError) in try resourceIndices()
            }
        case .scope:
            let shared = try shared()
            let flags = shared.scopes.map { anyCell($0.attributes, of: shared, key, test) }
            return try spread(flags, among) { () throws(ColumnDecodeError) in try scopeIndices() }
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

    /// From resources or scopes to the rows that refer to them.
    private func spread(
        _ flags: [Bool], _ among: [Int32]?, _ indices: () throws(ColumnDecodeError) -> [UInt32]
    ) throws(ColumnDecodeError) -> [Int32] {
        guard flags.contains(true) else { return [] }
        let indices = try indices()
        return RowSelection.filter(among, count: rows) { flags[Int(indices[$0])] }
    }

    /// From events or links to the rows that own them.
    private func spread(
        _ ids: AttributeSets.ColumnIDs, _ ends: [UInt32], _ key: [UInt8],
        _ test: AttributeValueTest, _ among: [Int32]?
    ) throws(ColumnDecodeError) -> [Int32] {
        let count = ends.last.map { Int($0) } ?? 0
        guard count > 0 else { return [] }
        let set = try attributes(ids, items: count)
        let found = try set.items(where: key, test, among: nil, strings)
        var next = 0
        return RowSelection.filter(among, count: rows) { row in
            let run = SpanBatch.run(ends, row)
            while next < found.count, Int(found[next]) < run.lowerBound { next += 1 }
            return next < found.count && Int(found[next]) < run.upperBound
        }
    }

    /// The names of the attributes at some places, each once a place.
    package func attributeKeys(_ places: [AttributePlace]) throws(ColumnDecodeError) -> [String] {
        var keys = Set<StringID>()
        for place in places {
            switch place {
            case .span: keys.formUnion(try attributes(Column.attributes, items: rows).keys)
            case .event: try insertKeys(Column.eventAttributes, try eventEnds(), into: &keys)
            case .link: try insertKeys(Column.linkAttributes, try linkEnds(), into: &keys)
            case .resource:
                let shared = try shared()
                for resource in shared.resources {
                    keys.formUnion(shared.attributes.keys[resource.attributes])
                }
            case .scope:
                let shared = try shared()
                for scope in shared.scopes {
                    keys.formUnion(shared.attributes.keys[scope.attributes])
                }
            }
        }
        return keys.map { id in
            strings.withBytes(of: id) { String(decoding: $0, as: UTF8.self) }
        }
    }

    private func insertKeys(
        _ ids: AttributeSets.ColumnIDs, _ ends: [UInt32], into keys: inout Set<StringID>
    ) throws(ColumnDecodeError) {
        let count = ends.last.map { Int($0) } ?? 0
        if count > 0 { keys.formUnion(try attributes(ids, items: count).keys) }
    }
}
