import Telemetry

/// Reads the columns of `JournalledSpans`, checking that whatever refers to something else finds it.
struct JournalledSpansDecoder {
    private struct Counts {
        var spans = 0
        var strings = 0
        var stringBytes = 0
        var resources = 0
        var scopes = 0
        var sharedCells = 0
        var cells = 0
        var events = 0
        var eventCells = 0
        var links = 0
        var linkCells = 0
    }

    private var reader: PlainColumnReader
    private var counts = Counts()
    private var first: Int64 = 0

    /// - Parameter bytes: a record from its counts on.
    init(_ bytes: UnsafeRawBufferPointer) {
        reader = PlainColumnReader(bytes, column: "journalled spans")
    }

    mutating func batch() throws(ColumnDecodeError) -> SpanBatch {
        try readCounts()
        first = Int64(bitPattern: try reader.word())
        var batch = SpanBatch()
        batch.strings = try strings()
        batch.shared = try shared()
        try readSpans(into: &batch)
        batch.attributes = try cells(counts.cells)
        try readEvents(into: &batch)
        try readLinks(into: &batch)
        guard reader.isAtEnd else { throw reader.corrupt("more than the columns") }
        return batch
    }

    private mutating func readCounts() throws(ColumnDecodeError) {
        counts.spans = try reader.count(atMost: ColumnLimits.rowsMax)
        counts.strings = try reader.count(atMost: ColumnLimits.cellsMax)
        counts.stringBytes = try reader.count(atMost: Int(UInt32.max))
        counts.resources = try reader.count(atMost: ColumnLimits.cellsMax)
        counts.scopes = try reader.count(atMost: ColumnLimits.cellsMax)
        counts.sharedCells = try reader.count(atMost: ColumnLimits.cellsMax)
        counts.cells = try reader.count(atMost: ColumnLimits.cellsMax)
        counts.events = try reader.count(atMost: ColumnLimits.cellsMax)
        counts.eventCells = try reader.count(atMost: ColumnLimits.cellsMax)
        counts.links = try reader.count(atMost: ColumnLimits.cellsMax)
        counts.linkCells = try reader.count(atMost: ColumnLimits.cellsMax)
    }

    private mutating func strings() throws(ColumnDecodeError) -> StringTable {
        let ends = try reader.ends(
            counts.strings, total: counts.stringBytes, "strings")
        guard ends.first == 0 else { throw reader.corrupt("the first string is not empty") }
        return StringTable(bytes: Array(try reader.bytes(counts.stringBytes)), ends: ends)
    }

    private mutating func ids(_ count: Int) throws(ColumnDecodeError) -> [StringID] {
        try reader.indices(count, below: counts.strings, "string")
    }

    // MARK: Cells

    private mutating func cells(_ count: Int) throws(ColumnDecodeError) -> AttributeColumns {
        var cells = AttributeColumns()
        cells.keys = try ids(count)
        cells.types.reserveCapacity(count)
        for raw in try reader.words(count, of: UInt8.self) {
            guard let type = AttributeType(rawValue: raw) else {
                throw reader.corrupt("type \(raw) of an attribute")
            }
            cells.types.append(type)
        }
        cells.payloads = try reader.words(count, of: UInt64.self)
        for cell in 0..<count where cells.types[cell].isInterned {
            guard cells.payloads[cell] < UInt64(counts.strings) else {
                throw reader.corrupt("string \(cells.payloads[cell]) of \(counts.strings)")
            }
        }
        return cells
    }

    // MARK: Resources and scopes

    private mutating func shared() throws(ColumnDecodeError) -> SharedColumns {
        var shared = SharedColumns()
        let ranges = try self.ranges(counts.resources)
        let dropped = try reader.words(counts.resources, of: UInt32.self)
        let urls = try ids(counts.resources)
        for index in 0..<counts.resources {
            shared.resources.append(
                ResourceEntry(
                    attributes: ranges[index], droppedAttributeCount: dropped[index],
                    schemaURL: urls[index]))
        }
        try readScopes(into: &shared)
        shared.attributes = try cells(counts.sharedCells)
        return shared
    }

    private mutating func readScopes(into shared: inout SharedColumns) throws(ColumnDecodeError) {
        let names = try ids(counts.scopes)
        let versions = try ids(counts.scopes)
        let ranges = try self.ranges(counts.scopes)
        let dropped = try reader.words(counts.scopes, of: UInt32.self)
        let urls = try ids(counts.scopes)
        for index in 0..<counts.scopes {
            shared.scopes.append(
                ScopeEntry(
                    name: names[index], version: versions[index], attributes: ranges[index],
                    droppedAttributeCount: dropped[index], schemaURL: urls[index]))
        }
    }

    /// Ranges of shared cells.
    private mutating func ranges(_ count: Int) throws(ColumnDecodeError) -> [Range<Int>] {
        let starts = try reader.words(count, of: UInt32.self)
        let ends = try reader.words(count, of: UInt32.self)
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(count)
        for index in 0..<count {
            guard starts[index] <= ends[index], Int(ends[index]) <= counts.sharedCells else {
                throw reader.corrupt(
                    "shared cells from \(starts[index]) to \(ends[index]) of \(counts.sharedCells)")
            }
            ranges.append(Int(starts[index])..<Int(ends[index]))
        }
        return ranges
    }

    // MARK: Spans

    private mutating func readSpans(into batch: inout SpanBatch) throws(ColumnDecodeError) {
        let count = counts.spans
        batch.traceIDs = try traceIDs(count)
        batch.spanIDs = try reader.words(count, of: UInt64.self).map { SpanID($0) }
        batch.parentIDs = try reader.words(count, of: UInt64.self).map { SpanID($0) }
        batch.starts = try times(count)
        batch.durations = try reader.words(count, of: Int64.self)
        batch.names = try ids(count)
        try readKinds(into: &batch)
        batch.statusMessages = try ids(count)
        batch.traceStates = try ids(count)
        batch.flags = try reader.words(count, of: UInt32.self)
        batch.resourceIndices = try reader.indices(count, below: counts.resources, "resource")
        batch.scopeIndices = try reader.indices(count, below: counts.scopes, "scope")
        batch.attributeEnds = try reader.ends(count, total: counts.cells, "attributes")
        batch.eventEnds = try reader.ends(count, total: counts.events, "events")
        batch.linkEnds = try reader.ends(count, total: counts.links, "links")
        batch.droppedAttributeCounts = try reader.words(count, of: UInt32.self)
        batch.droppedEventCounts = try reader.words(count, of: UInt32.self)
        batch.droppedLinkCounts = try reader.words(count, of: UInt32.self)
    }

    private mutating func readKinds(into batch: inout SpanBatch) throws(ColumnDecodeError) {
        batch.kinds.reserveCapacity(counts.spans)
        for raw in try reader.words(counts.spans, of: UInt8.self) {
            guard let kind = SpanKind(rawValue: raw) else { throw reader.corrupt("kind \(raw)") }
            batch.kinds.append(kind)
        }
        batch.statuses.reserveCapacity(counts.spans)
        for raw in try reader.words(counts.spans, of: UInt8.self) {
            guard let status = SpanStatus(rawValue: raw) else {
                throw reader.corrupt("status \(raw)")
            }
            batch.statuses.append(status)
        }
    }

    private mutating func traceIDs(_ count: Int) throws(ColumnDecodeError) -> [TraceID] {
        let words = try reader.words(count * 2, of: UInt64.self)
        return (0..<count).map { TraceID(high: words[2 * $0], low: words[2 * $0 + 1]) }
    }

    private mutating func times(_ count: Int) throws(ColumnDecodeError) -> [Timestamp] {
        let first = first
        return try reader.words(count, of: Int64.self).map {
            Timestamp(nanoseconds: first &+ $0)
        }
    }

    // MARK: Events and links

    private mutating func readEvents(into batch: inout SpanBatch) throws(ColumnDecodeError) {
        let count = counts.events
        batch.events.times = try times(count)
        batch.events.names = try ids(count)
        batch.events.attributeEnds = try reader.ends(
            count, total: counts.eventCells, "attributes of events")
        batch.events.droppedAttributeCounts = try reader.words(count, of: UInt32.self)
        batch.events.attributes = try cells(counts.eventCells)
    }

    private mutating func readLinks(into batch: inout SpanBatch) throws(ColumnDecodeError) {
        let count = counts.links
        batch.links.traceIDs = try traceIDs(count)
        batch.links.spanIDs = try reader.words(count, of: UInt64.self).map { SpanID($0) }
        batch.links.traceStates = try ids(count)
        batch.links.flags = try reader.words(count, of: UInt32.self)
        batch.links.attributeEnds = try reader.ends(
            count, total: counts.linkCells, "attributes of links")
        batch.links.droppedAttributeCounts = try reader.words(count, of: UInt32.self)
        batch.links.attributes = try cells(counts.linkCells)
    }
}
