import Telemetry

extension SpanBlockReader {
    /// The rows of the given traces, ascending.
    package func rows(
        where isWanted: (TraceID) -> Bool
    ) throws(ColumnDecodeError) -> [Int] {
        let (distinct, ofRow) = try traces()
        let wanted = distinct.map(isWanted)
        guard wanted.contains(true) else { return [] }
        var rows: [Int] = []
        for row in 0..<ofRow.count where wanted[Int(ofRow[row])] { rows.append(row) }
        return rows
    }

    /// The rows of each of the given traces, ascending; no entry for one that is not there.
    package func rows(of traces: Set<TraceID>) throws(ColumnDecodeError) -> [TraceID: [Int]] {
        let (distinct, ofRow) = try self.traces()
        var found: [TraceID: [Int]] = [:]
        var isWanted = [Bool](repeating: false, count: distinct.count)
        for (number, trace) in distinct.enumerated() where traces.contains(trace) {
            isWanted[number] = true
            found[trace] = []
        }
        guard !found.isEmpty else { return found }
        for row in 0..<ofRow.count where isWanted[Int(ofRow[row])] {
            found[distinct[Int(ofRow[row])], default: []].append(row)
        }
        return found
    }

    /// The given rows, ascending, as a batch of their own. Columns not asked for hold zeros and empty
    /// runs.
    ///
    /// - Complexity: whole columns are expanded, but cells, strings and resources of other rows are
    ///   neither built nor copied.
    package func batch(
        rows wanted: [Int], columns: SpanColumns = .all
    ) throws(ColumnDecodeError) -> SpanBatch {
        var extraction = SpanExtraction(self, wanted)
        try extraction.readTimes(!columns.isDisjoint(with: [.identity, .times]))
        try extraction.readIdentity(columns.contains(.identity))
        try extraction.readCore(columns.contains(.core))
        try extraction.readAttributes(columns.contains(.attributes))
        try extraction.readEvents(columns.contains(.events))
        try extraction.readLinks(columns.contains(.links))
        try extraction.readRest(columns.contains(.rest))
        return extraction.finish()
    }
}

/// Copies some rows out of a block.
private struct SpanExtraction {
    private typealias Column = SpanBatchCodec.Column

    private let reader: SpanBlockReader
    private let rows: [Int]
    private var batch = SpanBatch()
    private var mapping: LazyStringMapping

    init(_ reader: SpanBlockReader, _ rows: [Int]) {
        self.reader = reader
        self.rows = rows
        mapping = LazyStringMapping(count: reader.strings.count)
    }

    consuming func finish() -> SpanBatch {
        batch.strings = mapping.table
        return batch
    }

    private var decoder: BatchDecoder { reader.decoder }
    private var zeros: [UInt32] { [UInt32](repeating: 0, count: rows.count) }

    private func pick<T>(_ column: [T]) -> [T] { rows.map { column[$0] } }

    private mutating func readStrings(
        _ level: SpanBlockReader.StringLevel
    ) throws(ColumnDecodeError) {
        try reader.readStrings(level)
        mapping.extend(to: reader.strings.count)
    }

    private mutating func pick(
        _ id: UInt32, _ name: String
    ) throws(ColumnDecodeError) -> [StringID] {
        pick(try reader.coded(id, name, count: reader.rows))
    }

    private mutating func pick(_ column: SpanBlockReader.Coded) -> [StringID] {
        let strings = reader.strings
        return rows.map { mapping.map(column.dictionary[Int(column.codes[$0])], of: strings) }
    }

    private mutating func map(_ id: StringID) -> StringID { mapping.map(id, of: reader.strings) }

    mutating func readTimes(_ isWanted: Bool) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.traceIDs = [TraceID](repeating: .invalid, count: rows.count)
            batch.starts = [Timestamp](repeating: .zero, count: rows.count)
            batch.durations = [Int64](repeating: 0, count: rows.count)
            return
        }
        let (distinct, ofRow) = try reader.traces()
        batch.traceIDs = rows.map { distinct[Int(ofRow[$0])] }
        batch.starts = pick(try reader.starts())
        batch.durations = pick(try reader.durations())
    }

    mutating func readIdentity(_ isWanted: Bool) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.spanIDs = [SpanID](repeating: .invalid, count: rows.count)
            batch.parentIDs = batch.spanIDs
            return
        }
        let count = reader.rows
        let spanIDs = try decoder.spanIDs(Column.spanIDs, "span ids", count: count)
        batch.spanIDs = pick(spanIDs)
        let codes = try decoder.longs(Column.parents, "parents", count: count)
        let externals = try decoder.unsignedLongs(
            Column.externalParents, "external parents",
            count: codes.count { $0 == ParentLinks.external })
        batch.parentIDs = try ParentLinks.decode(
            rows: rows, codes: codes, externals: externals, spans: spanIDs)
    }

    mutating func readCore(_ isWanted: Bool) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.shared.fillIfEmpty(rows: rows.count)
            batch.names = zeros
            batch.kinds = [SpanKind](repeating: .unspecified, count: rows.count)
            batch.statuses = [SpanStatus](repeating: .unset, count: rows.count)
            batch.statusMessages = zeros
            batch.resourceIndices = zeros
            batch.scopeIndices = zeros
            return
        }
        try readStrings(.core)
        batch.names = pick(try reader.names())
        for raw in pick(try reader.kinds()) {
            guard let kind = SpanKind(rawValue: raw) else { throw unknown("kinds", raw) }
            batch.kinds.append(kind)
        }
        for raw in pick(try reader.statuses()) {
            guard let status = SpanStatus(rawValue: raw) else { throw unknown("statuses", raw) }
            batch.statuses.append(status)
        }
        batch.statusMessages = try pick(Column.statusMessages, "status messages")
        try readShared()
    }

    private func unknown(_ column: String, _ raw: UInt8) -> ColumnDecodeError {
        .corrupt(column: column, offset: 0, reason: "unknown value \(raw)")
    }

    /// Resources and scopes that the rows refer to, numbered anew.
    private mutating func readShared() throws(ColumnDecodeError) {
        let shared = try reader.shared()
        let resources = try reader.resourceIndices()
        let scopes = try reader.scopeIndices()
        var newResource = [UInt32?](repeating: nil, count: shared.resources.count)
        var newScope = [UInt32?](repeating: nil, count: shared.scopes.count)
        for row in rows {
            let (resource, scope) = (Int(resources[row]), Int(scopes[row]))
            let resourceIndex = newResource[resource] ?? add(shared.resources[resource], shared)
            newResource[resource] = resourceIndex
            batch.resourceIndices.append(resourceIndex)
            let scopeIndex = newScope[scope] ?? add(shared.scopes[scope], shared)
            newScope[scope] = scopeIndex
            batch.scopeIndices.append(scopeIndex)
        }
    }

    private mutating func add(_ entry: ResourceEntry, _ shared: SharedColumns) -> UInt32 {
        batch.shared.resources.append(
            ResourceEntry(
                attributes: copy(entry.attributes, shared),
                droppedAttributeCount: entry.droppedAttributeCount,
                schemaURL: map(entry.schemaURL)))
        return UInt32(batch.shared.resources.count - 1)
    }

    private mutating func add(_ entry: ScopeEntry, _ shared: SharedColumns) -> UInt32 {
        batch.shared.scopes.append(
            ScopeEntry(
                name: map(entry.name), version: map(entry.version),
                attributes: copy(entry.attributes, shared),
                droppedAttributeCount: entry.droppedAttributeCount,
                schemaURL: map(entry.schemaURL)))
        return UInt32(batch.shared.scopes.count - 1)
    }

    private mutating func copy(_ cells: Range<Int>, _ shared: SharedColumns) -> Range<Int> {
        let start = batch.shared.attributes.count
        for cell in cells {
            let (type, payload) = (shared.attributes.types[cell], shared.attributes.payloads[cell])
            batch.shared.attributes.append(
                key: map(shared.attributes.keys[cell]), type: type,
                payload: type.isInterned
                    ? UInt64(map(StringID(truncatingIfNeeded: payload))) : payload)
        }
        return start..<batch.shared.attributes.count
    }

    mutating func readAttributes(_ isWanted: Bool) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.attributeEnds = zeros
            return
        }
        let set = try reader.attributes(Column.attributes, items: reader.rows)
        mapping.extend(to: reader.strings.count)
        batch.attributeEnds.reserveCapacity(rows.count)
        try set.append(
            items: rows, reader.strings, &mapping, to: &batch.attributes,
            ends: &batch.attributeEnds)
    }

    mutating func readEvents(_ isWanted: Bool) throws(ColumnDecodeError) {
        batch.eventEnds = zeros
        guard isWanted else { return }
        let ends = try reader.eventEnds()
        let items = Self.items(of: rows, ends, newEnds: &batch.eventEnds)
        guard !items.isEmpty else { return }
        let count = ends.last.map { Int($0) } ?? 0
        let offsets = try decoder.longs(Column.eventTimes, "event times", count: count)
        let starts = try reader.starts()
        for row in rows {
            for event in SpanBatch.run(ends, row) {
                batch.events.times.append(
                    Timestamp(nanoseconds: starts[row].nanoseconds &+ offsets[event]))
            }
        }
        try readStrings(.rest)
        let names = try reader.coded(Column.eventNames, "event names", count: count)
        batch.events.names = items.map { map(names.dictionary[Int(names.codes[$0])]) }
        let dropped = try decoder.words(
            Column.eventDropped, "event dropped counts", count: count)
        batch.events.droppedAttributeCounts = items.map { dropped[$0] }
        let set = try reader.attributes(Column.eventAttributes, items: count)
        try set.append(
            items: items, reader.strings, &mapping, to: &batch.events.attributes,
            ends: &batch.events.attributeEnds)
    }

    mutating func readLinks(_ isWanted: Bool) throws(ColumnDecodeError) {
        batch.linkEnds = zeros
        guard isWanted else { return }
        let ends = try reader.linkEnds()
        let items = Self.items(of: rows, ends, newEnds: &batch.linkEnds)
        guard !items.isEmpty else { return }
        let count = ends.last.map { Int($0) } ?? 0
        let highs = try decoder.unsignedLongs(
            Column.linkTraceHighs, "link trace ids, high", count: count)
        let lows = try decoder.unsignedLongs(
            Column.linkTraceLows, "link trace ids, low", count: count)
        batch.links.traceIDs = items.map { TraceID(high: highs[$0], low: lows[$0]) }
        let spans = try decoder.spanIDs(Column.linkSpanIDs, "link span ids", count: count)
        batch.links.spanIDs = items.map { spans[$0] }
        try readStrings(.rest)
        let states = try reader.coded(
            Column.linkTraceStates, "link trace states", count: count)
        batch.links.traceStates = items.map { map(states.dictionary[Int(states.codes[$0])]) }
        let flags = try decoder.words(Column.linkFlags, "link flags", count: count)
        batch.links.flags = items.map { flags[$0] }
        let dropped = try decoder.words(
            Column.linkDropped, "link dropped counts", count: count)
        batch.links.droppedAttributeCounts = items.map { dropped[$0] }
        let set = try reader.attributes(Column.linkAttributes, items: count)
        try set.append(
            items: items, reader.strings, &mapping, to: &batch.links.attributes,
            ends: &batch.links.attributeEnds)
    }

    /// The events or links of the wanted rows.
    private static func items(
        of rows: [Int], _ ends: [UInt32], newEnds: inout [UInt32]
    ) -> [Int] {
        var items: [Int] = []
        for (index, row) in rows.enumerated() {
            items.append(contentsOf: SpanBatch.run(ends, row))
            newEnds[index] = UInt32(truncatingIfNeeded: items.count)
        }
        return items
    }

    mutating func readRest(_ isWanted: Bool) throws(ColumnDecodeError) {
        batch.traceStates = zeros
        batch.flags = zeros
        batch.droppedAttributeCounts = zeros
        batch.droppedEventCounts = zeros
        batch.droppedLinkCounts = zeros
        guard isWanted else { return }
        let count = reader.rows
        if reader.container.has(Column.traceStates) {
            try readStrings(.rest)
            batch.traceStates = try pick(Column.traceStates, "trace states")
        }
        batch.flags = pick(try decoder.words(Column.flags, "flags", count: count))
        batch.droppedAttributeCounts = pick(
            try decoder.words(Column.droppedAttributes, "dropped attributes", count: count))
        batch.droppedEventCounts = pick(
            try decoder.words(Column.droppedEvents, "dropped events", count: count))
        batch.droppedLinkCounts = pick(
            try decoder.words(Column.droppedLinks, "dropped links", count: count))
    }
}
