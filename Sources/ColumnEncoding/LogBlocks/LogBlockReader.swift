import Telemetry

/// One encoded batch of log records, read column by column: what a query does not ask for stays encoded.
///
/// It borrows the bytes: nobody may keep it beyond them.
package final class LogBlockReader {
    typealias Column = LogBatchCodec.Column

    /// The groups of strings, each needing those before it.
    enum StringLevel: Int, Comparable {
        case none, core, attributes, bodies

        static func < (a: StringLevel, b: StringLevel) -> Bool { a.rawValue < b.rawValue }
    }

    let container: ColumnContainerReader
    private(set) var strings = LazyStrings()
    private var level = StringLevel.none
    private var timesRead: [Int64]?
    private var sharedRead: SharedColumns?
    private var resourceIndicesRead: [UInt32]?
    private let ids: BlockIDs
    private var bodyTypesRead: [AttributeType]?
    private var hasBodiesRead: Bool?
    private var attributesRead: AttributeSetReader?

    /// - Parameter isVerified: whether the checksum of these bytes has been found right before.
    package init(
        borrowing bytes: UnsafeRawBufferPointer, isVerified: Bool = false
    ) throws(ColumnDecodeError) {
        container = try ColumnContainerReader(bytes, expecting: .logs, isVerified: isVerified)
        ids = BlockIDs(container)
    }

    /// All rows.
    package func wholeBatch() throws(ColumnDecodeError) -> LogBatch {
        try LogBatchCodec.decode(BatchDecoder(container))
    }

    package var rows: Int { container.rows }

    /// A decoder that knows the strings read so far.
    var decoder: BatchDecoder { BatchDecoder(container, stringCount: strings.count) }

    /// Reads the strings of `level` and those before.
    func readStrings(_ wanted: StringLevel) throws(ColumnDecodeError) {
        while level < wanted {
            switch level {
            case .none: try append(Column.typedCore, Column.coreStrings)
            case .core: try append(Column.typedAttributes, Column.attributeStrings)
            case .attributes: try append(Column.typedBodies, Column.bodyStrings)
            case .bodies: return
            }
            level = StringLevel(rawValue: level.rawValue + 1) ?? .bodies
        }
    }

    private func append(
        _ typed: TypedSectionIDs, _ plain: StringSectionIDs
    ) throws(ColumnDecodeError) {
        guard container.has(typed.head) else { return try strings.append(plain, from: container) }
        let isOfAttributes = typed.head == Column.typedAttributes.head
        strings.append(
            try LazyTypedStrings(container, typed, listCount: isOfAttributes ? 2 : 0) {
                [ids] (list) throws(ColumnDecodeError) in
                list == 0
                    ? LogBatchCodec.bytes(of: try ids.traces().distinct)
                    : LogBatchCodec.bytes(of: try ids.spans())
            })
    }

    /// Strings that could not be made were empty for whoever asked.
    func checkStrings() throws(ColumnDecodeError) {
        if let failure = strings.failure { throw failure }
    }

    // MARK: Columns

    /// Nanoseconds.
    package func times() throws(ColumnDecodeError) -> [Int64] {
        if let timesRead { return timesRead }
        let times = try decoder.longs(Column.times, "times", count: rows)
        timesRead = times
        return times
    }

    func traces() throws(ColumnDecodeError) -> (distinct: [TraceID], ofRow: [UInt32]) {
        try ids.traces()
    }

    /// The ids of some rows, ascending.
    func ids(
        of rows: [Int]
    ) throws(ColumnDecodeError) -> (traces: [TraceID], spans: [SpanID]) {
        (try ids.traces(of: rows), try ids.spans(of: rows))
    }

    /// The rows of a trace, ascending.
    package func rows(of trace: TraceID) throws(ColumnDecodeError) -> [Int32] {
        let (distinct, ofRow) = try traces()
        guard let number = distinct.firstIndex(of: trace) else { return [] }
        return RowSelection.filter(nil, count: ofRow.count) { ofRow[$0] == number }
    }

    /// Resources and scopes; their string ids are those of `strings`.
    func shared() throws(ColumnDecodeError) -> SharedColumns {
        if let sharedRead { return sharedRead }
        try readStrings(.core)
        var shared = try SharedCodec.decode(id: Column.shared, from: decoder)
        shared.fillIfEmpty(rows: rows)
        sharedRead = shared
        return shared
    }

    package func resourceIndices() throws(ColumnDecodeError) -> [UInt32] {
        if let resourceIndicesRead { return resourceIndicesRead }
        let indices = try decoder.indices(
            Column.resources, "resources", count: rows, below: try shared().resources.count)
        resourceIndicesRead = indices
        return indices
    }

    package func severityNumbers() throws(ColumnDecodeError) -> [UInt8] {
        try decoder.bytes(Column.severityNumbers, "severity numbers", count: rows)
    }

    package func resources() throws(ColumnDecodeError) -> [Resource] {
        let shared = try shared()
        var mapping = LazyStringMapping(count: strings.count)
        var batch = LogBatch()
        for entry in shared.resources {
            batch.shared.resources.append(
                mapping.copy(entry, of: shared, strings, to: &batch.shared))
        }
        batch.strings = mapping.table
        try checkStrings()
        return batch.shared.resources.indices.map {
            batch.resource(at: UInt32(truncatingIfNeeded: $0))
        }
    }

    func bodyTypes() throws(ColumnDecodeError) -> [AttributeType] {
        if let bodyTypesRead { return bodyTypesRead }
        if hasBodiesRead == false { return [AttributeType](repeating: .empty, count: rows) }
        var types: [AttributeType] = []
        types.reserveCapacity(rows)
        for raw in try decoder.bytes(Column.bodyTypes, "body types", count: rows) {
            guard let type = AttributeType(rawValue: raw) else {
                throw .corrupt(column: "body types", offset: 0, reason: "unknown type \(raw)")
            }
            types.append(type)
        }
        bodyTypesRead = types
        return types
    }

    package func hasBodies() throws(ColumnDecodeError) -> Bool {
        if let hasBodiesRead { return hasBodiesRead }
        let raw = try decoder.bytes(Column.bodyTypes, "body types", count: rows)
        let hasBodies = raw.contains { $0 != AttributeType.empty.rawValue }
        hasBodiesRead = hasBodies
        return hasBodies
    }

    func attributes() throws(ColumnDecodeError) -> AttributeSetReader {
        if let attributesRead { return attributesRead }
        try readStrings(.attributes)
        let set = try AttributeSetReader(decoder, Column.attributes, items: rows)
        attributesRead = set
        return set
    }
}

/// The trace and span ids of the records of a block, which some of its strings are made from.
private final class BlockIDs {
    private let container: ColumnContainerReader
    private var tracesRead: (distinct: [TraceID], ofRow: [UInt32])?
    private var spansRead: [SpanID]?

    init(_ container: ColumnContainerReader) { self.container = container }

    func traces() throws(ColumnDecodeError) -> (distinct: [TraceID], ofRow: [UInt32]) {
        if let tracesRead { return tracesRead }
        let traces = try BatchDecoder(container).traceIDs(LogBatchCodec.Column.traces)
        tracesRead = traces
        return traces
    }

    func spans() throws(ColumnDecodeError) -> [SpanID] {
        if let spansRead { return spansRead }
        let spans = try BatchDecoder(container).spanIDs(
            LogBatchCodec.Column.spanIDs, "span ids", count: container.rows)
        spansRead = spans
        return spans
    }

    func traces(of rows: [Int]) throws(ColumnDecodeError) -> [TraceID] {
        if let tracesRead { return rows.map { tracesRead.distinct[Int(tracesRead.ofRow[$0])] } }
        return try BatchDecoder(container).traceIDs(LogBatchCodec.Column.traces, at: rows)
    }

    func spans(of rows: [Int]) throws(ColumnDecodeError) -> [SpanID] {
        if let spansRead { return rows.map { spansRead[$0] } }
        return try BatchDecoder(container).picked(
            LogBatchCodec.Column.spanIDs, "span ids", count: container.rows, at: rows
        ).map { SpanID($0) }
    }
}

extension LazyStringMapping {
    /// A resource of other columns, with its attributes appended to `target`.
    mutating func copy(
        _ entry: ResourceEntry, of shared: SharedColumns, _ strings: LazyStrings,
        to target: inout SharedColumns
    ) -> ResourceEntry {
        ResourceEntry(
            attributes: copy(entry.attributes, of: shared, strings, to: &target),
            droppedAttributeCount: entry.droppedAttributeCount,
            schemaURL: map(entry.schemaURL, of: strings))
    }

    mutating func copy(
        _ entry: ScopeEntry, of shared: SharedColumns, _ strings: LazyStrings,
        to target: inout SharedColumns
    ) -> ScopeEntry {
        ScopeEntry(
            name: map(entry.name, of: strings), version: map(entry.version, of: strings),
            attributes: copy(entry.attributes, of: shared, strings, to: &target),
            droppedAttributeCount: entry.droppedAttributeCount,
            schemaURL: map(entry.schemaURL, of: strings))
    }

    private mutating func copy(
        _ cells: Range<Int>, of shared: SharedColumns, _ strings: LazyStrings,
        to target: inout SharedColumns
    ) -> Range<Int> {
        let start = target.attributes.count
        for cell in cells {
            let (type, payload) = (shared.attributes.types[cell], shared.attributes.payloads[cell])
            target.attributes.append(
                key: map(shared.attributes.keys[cell], of: strings), type: type,
                payload: type.isInterned
                    ? UInt64(map(StringID(truncatingIfNeeded: payload), of: strings)) : payload)
        }
        return start..<target.attributes.count
    }
}
