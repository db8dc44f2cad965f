import Telemetry

/// Columns of fields.
extension SpanTable {
    /// The values of `field` for the spans at `rows`, in that order.
    func column(_ field: Field, _ rows: [Int]) -> Column {
        if field.isOfParent { return parentColumn(field, rows) }
        switch field.kind {
        case .intrinsic(let intrinsic): return column(intrinsic, rows)
        case .attribute(let scope, let name):
            guard let key = key(name) else { return .constant(.null) }
            switch scope {
            case .span: return .single(spanCells(key, rows))
            case .resource: return resourceColumn(key, rows)
            case .instrumentation: return scopeColumn(key, rows)
            case .event: return eventColumn(key, rows)
            case .link: return linkColumn(key, rows)
            case .any: return anyColumn(key, rows)
            }
        }
    }

    private func parentColumn(_ field: Field, _ rows: [Int]) -> Column {
        guard let trace else { return .constant(.null) }
        var own = field
        own.isOfParent = false
        let withParent = rows.indices.filter { trace.parents[rows[$0]] >= 0 }
        let parents = withParent.map { Int(trace.parents[rows[$0]]) }
        let found = column(own, parents)
        var cells = [Cell](repeating: .null, count: rows.count)
        for (position, index) in withParent.enumerated() { cells[index] = found[position] }
        return .single(cells)
    }

    // MARK: Attributes

    @inline(__always)
    private static func first(
        _ key: StringID, _ columns: AttributeColumns, _ cells: Range<Int>
    ) -> Cell {
        for cell in cells where columns.keys[cell] == key {
            return Cell(columns.types[cell], columns.payloads[cell])
        }
        return .null
    }

    private func spanCells(_ key: StringID, _ rows: [Int]) -> [Cell] {
        let (ends, columns) = (batch.attributeEnds, batch.attributes)
        return rows.map { Self.first(key, columns, SpanBatch.run(ends, $0)) }
    }

    private func resourceColumn(_ key: StringID, _ rows: [Int]) -> Column {
        let cells = batch.shared.resources.map {
            Self.first(key, batch.shared.attributes, $0.attributes)
        }
        let indices = batch.resourceIndices
        return .coded(cells, rows.map { indices[$0] })
    }

    private func scopeColumn(_ key: StringID, _ rows: [Int]) -> Column {
        let cells = batch.shared.scopes.map {
            Self.first(key, batch.shared.attributes, $0.attributes)
        }
        let indices = batch.scopeIndices
        return .coded(cells, rows.map { indices[$0] })
    }

    private func eventColumn(_ key: StringID, _ rows: [Int]) -> Column {
        let (ends, events) = (batch.eventEnds, batch.events)
        return Self.repeated(rows) { row, cells in
            for event in SpanBatch.run(ends, row) {
                let cell = Self.first(key, events.attributes, events.attributeRange(event))
                if cell.kind != .null { cells.append(cell) }
            }
        }
    }

    private func linkColumn(_ key: StringID, _ rows: [Int]) -> Column {
        let (ends, links) = (batch.linkEnds, batch.links)
        return Self.repeated(rows) { row, cells in
            for link in SpanBatch.run(ends, row) {
                let cell = Self.first(key, links.attributes, links.attributeRange(link))
                if cell.kind != .null { cells.append(cell) }
            }
        }
    }

    private static func repeated(
        _ rows: [Int], _ append: (_ row: Int, _ cells: inout [Cell]) -> Void
    ) -> Column {
        var cells: [Cell] = []
        var ends: [Int] = []
        ends.reserveCapacity(rows.count)
        for row in rows {
            append(row, &cells)
            ends.append(cells.count)
        }
        return .repeated(cells, ends: ends)
    }

    /// The span's own attribute, else its resource's, events', links' or instrumentation scope's.
    private func anyColumn(_ key: StringID, _ rows: [Int]) -> Column {
        var cells = spanCells(key, rows)
        let resources = resourceColumn(key, rows)
        for index in cells.indices where cells[index].kind == .null {
            cells[index] = resources[index]
        }
        let isRepeated =
            batch.events.attributes.keys.contains(key) || batch.links.attributes.keys.contains(key)
        let scopes = scopeColumn(key, rows)
        guard isRepeated else {
            for index in cells.indices where cells[index].kind == .null {
                cells[index] = scopes[index]
            }
            return .single(cells)
        }
        let further = [eventColumn(key, rows), linkColumn(key, rows), scopes]
        var all: [Cell] = []
        var ends: [Int] = []
        for index in cells.indices {
            if cells[index].kind != .null {
                all.append(cells[index])
            } else if let source = further.first(where: { $0[index].kind != .null }) {
                all.append(contentsOf: source.values(at: index))
            }
            ends.append(all.count)
        }
        return .repeated(all, ends: ends)
    }
}

extension Column {
    /// All values of the span at `index` of the list.
    func values(at index: Int) -> ArraySlice<Cell> {
        switch self {
        case .constant(let cell): [cell]
        case .single(let cells): cells[index...index]
        case .coded(let values, let codes): values[Int(codes[index])...Int(codes[index])]
        case .repeated(let cells, let ends): cells[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
        }
    }
}
