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

    /// The traces of the block, each once.
    package func traceIDs() throws(ColumnDecodeError) -> [TraceID] { try traces().distinct }

    /// The traces that some rows belong to: their places in `traceIDs`, and how many rows of the block
    /// each has.
    package func rowsByTrace(
        _ rows: [Int]
    ) throws(ColumnDecodeError) -> (
        traces: [(number: Int, id: TraceID, rows: Int)], traceOfRow: [UInt32]
    ) {
        let (distinct, ofRow) = try traces()
        var isWanted = [Bool](repeating: false, count: distinct.count)
        for row in rows { isWanted[Int(ofRow[row])] = true }
        var counts = [Int](repeating: 0, count: distinct.count)
        for number in ofRow { counts[Int(number)] &+= 1 }
        let traces = distinct.indices.filter { isWanted[$0] }.map {
            (number: $0, id: distinct[$0], rows: counts[$0])
        }
        return (traces, ofRow)
    }

    /// The given rows, ascending, as a batch of their own. Columns not asked for hold zeros and empty
    /// runs.
    ///
    /// - Parameter attributeKeys: the attributes of spans, events and links that are read; `nil`: all.
    /// - Complexity: whole columns are expanded, but cells, strings and resources of other rows are
    ///   neither built nor copied.
    package func batch(
        rows wanted: [Int], columns: SpanColumns = .all, attributeKeys: Set<String>? = nil
    ) throws(ColumnDecodeError) -> SpanBatch {
        var extraction = SpanExtraction(self, wanted, attributeKeys)
        try extraction.readTimes(!columns.isDisjoint(with: [.identity, .times]))
        try extraction.readIdentity(columns.contains(.identity))
        try extraction.readCore(columns)
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
    /// Whether these are all rows of the block: columns are taken over as they are.
    private let isWhole: Bool
    private let attributeKeys: [[UInt8]]?
    private var batch = SpanBatch()
    private var mapping: LazyStringMapping

    init(_ reader: SpanBlockReader, _ rows: [Int], _ attributeKeys: Set<String>?) {
        self.reader = reader
        self.rows = rows
        isWhole = rows.count == reader.rows
        self.attributeKeys = attributeKeys.map { $0.map { Array($0.utf8) } }
        mapping = LazyStringMapping(count: reader.strings.count)
    }

    consuming func finish() -> SpanBatch {
        batch.strings = mapping.table
        return batch
    }

    private var decoder: BatchDecoder { reader.decoder }
    private var zeros: [UInt32] { [UInt32](repeating: 0, count: rows.count) }

    private func pick<T>(_ column: [T]) -> [T] {
        isWhole ? column : rows.map { column[$0] }
    }

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
        guard rows.count > 2 * column.dictionary.count else {
            return rows.map { mapping.map(column.dictionary[Int(column.codes[$0])], of: strings) }
        }
        let ids = column.dictionary.map { mapping.map($0, of: strings) }
        if isWhole { return column.codes.map { ids[Int($0)] } }
        return rows.map { ids[Int(column.codes[$0])] }
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
        batch.traceIDs =
            isWhole
            ? ofRow.map { distinct[Int($0)] } : rows.map { distinct[Int(ofRow[$0])] }
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

    mutating func readCore(_ columns: SpanColumns) throws(ColumnDecodeError) {
        func isWanted(_ part: SpanColumns) -> Bool {
            columns.contains(.core) || columns.contains(part)
        }
        let parts: [SpanColumns] = [
            .names, .kinds, .statuses, .statusMessages, .resources, .scopes,
        ]
        if parts.contains(where: isWanted) { try readStrings(.core) }
        batch.names = isWanted(.names) ? pick(try reader.names()) : zeros
        try readKinds(isWanted(.kinds))
        try readStatuses(isWanted(.statuses))
        batch.statusMessages =
            isWanted(.statusMessages) ? try pick(Column.statusMessages, "status messages") : zeros
        try readResources(isWanted(.resources))
        try readScopes(isWanted(.scopes))
        batch.shared.fillIfEmpty(rows: rows.count)
    }

    private mutating func readKinds(_ isWanted: Bool) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.kinds = [SpanKind](repeating: .unspecified, count: rows.count)
            return
        }
        batch.kinds.reserveCapacity(rows.count)
        for raw in pick(try reader.kinds()) {
            guard let kind = SpanKind(rawValue: raw) else { throw unknown("kinds", raw) }
            batch.kinds.append(kind)
        }
    }

    private mutating func readStatuses(_ isWanted: Bool) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.statuses = [SpanStatus](repeating: .unset, count: rows.count)
            return
        }
        batch.statuses.reserveCapacity(rows.count)
        for raw in pick(try reader.statuses()) {
            guard let status = SpanStatus(rawValue: raw) else { throw unknown("statuses", raw) }
            batch.statuses.append(status)
        }
    }

    private func unknown(_ column: String, _ raw: UInt8) -> ColumnDecodeError {
        .corrupt(column: column, offset: 0, reason: "unknown value \(raw)")
    }

    /// Resources that the rows refer to, numbered anew.
    private mutating func readResources(_ isWanted: Bool) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.resourceIndices = zeros
            return
        }
        let shared = try reader.shared()
        let resources = try reader.resourceIndices()
        var numbers = [UInt32?](repeating: nil, count: shared.resources.count)
        batch.resourceIndices.reserveCapacity(rows.count)
        for row in rows {
            let resource = Int(resources[row])
            let number = numbers[resource] ?? add(shared.resources[resource], shared)
            numbers[resource] = number
            batch.resourceIndices.append(number)
        }
    }

    private mutating func readScopes(_ isWanted: Bool) throws(ColumnDecodeError) {
        guard isWanted else {
            batch.scopeIndices = zeros
            return
        }
        let shared = try reader.shared()
        let scopes = try reader.scopeIndices()
        var numbers = [UInt32?](repeating: nil, count: shared.scopes.count)
        batch.scopeIndices.reserveCapacity(rows.count)
        for row in rows {
            let scope = Int(scopes[row])
            let number = numbers[scope] ?? add(shared.scopes[scope], shared)
            numbers[scope] = number
            batch.scopeIndices.append(number)
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
            items: rows, only: attributeKeys, reader.strings, &mapping, to: &batch.attributes,
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
            items: items, only: attributeKeys, reader.strings, &mapping,
            to: &batch.events.attributes,
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
            items: items, only: attributeKeys, reader.strings, &mapping,
            to: &batch.links.attributes,
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
