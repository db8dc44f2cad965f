import Telemetry

/// Groups of span columns that a reader can ask for.
package struct SpanColumns: OptionSet, Sendable, Hashable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Trace, span and parent ids, starts, durations.
    package static let identity = SpanColumns(rawValue: 1)
    /// Names, kinds, statuses, status messages, resources and scopes.
    package static let core = SpanColumns(rawValue: 2)
    /// Span attributes.
    package static let attributes = SpanColumns(rawValue: 4)
    package static let events = SpanColumns(rawValue: 8)
    package static let links = SpanColumns(rawValue: 16)
    /// Trace states, flags, dropped counts.
    package static let rest = SpanColumns(rawValue: 32)
    /// Trace ids, starts and durations: a part of `identity`. Only `SpanBlockReader` reads it alone, and so
    /// it is with the parts of `core` that follow.
    package static let times = SpanColumns(rawValue: 64)
    package static let names = SpanColumns(rawValue: 128)
    package static let kinds = SpanColumns(rawValue: 256)
    package static let statuses = SpanColumns(rawValue: 512)
    package static let statusMessages = SpanColumns(rawValue: 1_024)
    package static let resources = SpanColumns(rawValue: 2_048)
    package static let scopes = SpanColumns(rawValue: 4_096)
    package static let all: SpanColumns = [.identity, .core, .attributes, .events, .links, .rest]
}

/// Batches of spans as bytes and back. The order of rows is kept; strings are renumbered.
///
/// Smallest when the rows of a trace stand together in order of start time.
package enum SpanBatchCodec {
    /// Column ids, on disk. Value columns of attributes start at 64.
    enum Column {
        static let traces = TraceColumnIDs(count: 1, high: 2, low: 3, ofRow: 4)
        static let spanIDs: UInt32 = 5
        static let parents: UInt32 = 6
        static let externalParents: UInt32 = 7
        static let traceStarts: UInt32 = 8
        static let startSteps: UInt32 = 9
        static let durations: UInt32 = 10

        static let names: UInt32 = 11
        static let kinds: UInt32 = 12
        static let statuses: UInt32 = 13
        static let statusMessages: UInt32 = 14
        static let resources: UInt32 = 15
        static let scopes: UInt32 = 16
        static let shared: UInt32 = 17
        static let coreStrings = StringSectionIDs(texts: 18, packed: 40)

        static let attributes = AttributeSets.ColumnIDs(shapes: 19, group: 0)
        static let attributeStrings = StringSectionIDs(texts: 20, packed: 41)

        static let eventCounts: UInt32 = 21
        static let eventTimes: UInt32 = 22
        static let eventNames: UInt32 = 23
        static let eventDropped: UInt32 = 24
        static let eventAttributes = AttributeSets.ColumnIDs(shapes: 25, group: 1)

        static let linkCounts: UInt32 = 26
        static let linkTraceHighs: UInt32 = 27
        static let linkTraceLows: UInt32 = 28
        static let linkSpanIDs: UInt32 = 29
        static let linkTraceStates: UInt32 = 30
        static let linkFlags: UInt32 = 31
        static let linkDropped: UInt32 = 32
        static let linkAttributes = AttributeSets.ColumnIDs(shapes: 33, group: 2)

        static let traceStates: UInt32 = 34
        static let flags: UInt32 = 35
        static let droppedAttributes: UInt32 = 36
        static let droppedEvents: UInt32 = 37
        static let droppedLinks: UInt32 = 38
        /// Strings of events, links and the rest.
        static let restStrings = StringSectionIDs(texts: 39, packed: 42)
    }

    /// - Precondition: at most `ColumnLimits.rowsMax` spans, and runs that end within their columns.
    package static func encode(_ batch: SpanBatch, effort: EncodingEffort) -> [UInt8] {
        var encoder = BatchEncoder(
            kind: .spans, effort: effort, rows: batch.count, table: batch.strings,
            bytesExpected: batch.count * 64 + batch.strings.byteCount + 1_024)
        encodeIdentity(batch, into: &encoder)
        encodeCore(batch, into: &encoder)
        encoder.addStringSection(Column.coreStrings)
        encode(
            batch.attributes, batch.attributeEnds, batch, Column.attributes, into: &encoder)
        encoder.addStringSection(Column.attributeStrings)
        encodeEvents(batch, into: &encoder)
        encodeLinks(batch, into: &encoder)
        encodeRest(batch, into: &encoder)
        encoder.addStringSection(Column.restStrings)
        return encoder.container.finish()
    }

    private static func encodeIdentity(_ batch: SpanBatch, into encoder: inout BatchEncoder) {
        if batch.isEmpty { return }
        let traces = TraceIndex(batch.traceIDs)
        encoder.add(traces, ids: Column.traces)
        encoder.addRandom(Column.spanIDs, batch.spanIDs)
        let (codes, externals) = ParentLinks.encode(
            parents: batch.parentIDs, spans: batch.spanIDs, traceOfRow: traces.ofRow)
        encoder.add(Column.parents, codes)
        encoder.addRandom(Column.externalParents, externals)
        let (firsts, steps) = TraceTimes.encode(
            batch.starts, traceOfRow: traces.ofRow, traceCount: traces.distinct.count)
        encoder.add(Column.traceStarts, firsts)
        encoder.add(Column.startSteps, steps)
        encoder.add(Column.durations, batch.durations)
    }

    private static func encodeCore(_ batch: SpanBatch, into encoder: inout BatchEncoder) {
        encoder.add(Column.names, strings: batch.names)
        encoder.add(Column.kinds, batch.kinds.map(\.rawValue))
        encoder.add(Column.statuses, batch.statuses.map(\.rawValue))
        encoder.add(Column.statusMessages, strings: batch.statusMessages)
        encoder.add(Column.resources, batch.resourceIndices)
        encoder.add(Column.scopes, batch.scopeIndices)
        SharedCodec.encode(batch.shared, id: Column.shared, into: &encoder)
    }

    private static func encode(
        _ attributes: AttributeColumns, _ ends: [UInt32], _ batch: SpanBatch,
        _ ids: AttributeSets.ColumnIDs, into encoder: inout BatchEncoder
    ) {
        ends.withUnsafeBufferPointer { ends in
            AttributeSetEncoder.encode(
                attributes, ends: ends, stringCount: batch.strings.count, ids: ids, into: &encoder)
        }
    }

    private static func encodeEvents(_ batch: SpanBatch, into encoder: inout BatchEncoder) {
        let events = batch.events
        precondition(events.count <= ColumnLimits.cellsMax, "BUG: too many events")
        if events.count == 0 { return }
        encoder.add(Column.eventCounts, countsOf: batch.eventEnds)
        var offsets: [Int64] = []
        offsets.reserveCapacity(events.count)
        for row in 0..<batch.count {
            let start = batch.starts[row].nanoseconds
            for event in batch.eventRange(row) {
                offsets.append(events.times[event].nanoseconds &- start)
            }
        }
        encoder.add(Column.eventTimes, offsets)
        encoder.add(Column.eventNames, strings: events.names)
        encoder.add(Column.eventDropped, events.droppedAttributeCounts)
        encode(
            events.attributes, events.attributeEnds, batch, Column.eventAttributes, into: &encoder)
    }

    private static func encodeLinks(_ batch: SpanBatch, into encoder: inout BatchEncoder) {
        let links = batch.links
        precondition(links.count <= ColumnLimits.cellsMax, "BUG: too many links")
        if links.count == 0 { return }
        encoder.add(Column.linkCounts, countsOf: batch.linkEnds)
        encoder.addRandom(Column.linkTraceHighs, links.traceIDs.map(\.high))
        encoder.addRandom(Column.linkTraceLows, links.traceIDs.map(\.low))
        encoder.addRandom(Column.linkSpanIDs, links.spanIDs)
        encoder.add(Column.linkTraceStates, strings: links.traceStates)
        encoder.add(Column.linkFlags, links.flags)
        encoder.add(Column.linkDropped, links.droppedAttributeCounts)
        encode(links.attributes, links.attributeEnds, batch, Column.linkAttributes, into: &encoder)
    }

    private static func encodeRest(_ batch: SpanBatch, into encoder: inout BatchEncoder) {
        encoder.add(Column.traceStates, strings: batch.traceStates)
        encoder.add(Column.flags, batch.flags)
        encoder.add(Column.droppedAttributes, batch.droppedAttributeCounts)
        encoder.add(Column.droppedEvents, batch.droppedEventCounts)
        encoder.add(Column.droppedLinks, batch.droppedLinkCounts)
    }
}
