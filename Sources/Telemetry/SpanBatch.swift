/// OTLP `Span.SpanKind`; raw values are OTLP's.
package enum SpanKind: UInt8, Sendable, CaseIterable {
    case unspecified = 0
    case `internal` = 1
    case server = 2
    case client = 3
    case producer = 4
    case consumer = 5
}

/// OTLP `Status.StatusCode`; raw values are OTLP's.
package enum SpanStatus: UInt8, Sendable, CaseIterable {
    case unset = 0
    case ok = 1
    case error = 2
}

/// Spans in columns: row `i` of every per-span column is span `i`. Strings are interned in `strings`;
/// resources and scopes are shared by index; events, links and attributes of span `i` are the runs that
/// end at `…Ends[i]` and start where the predecessor's end (0 for the first).
///
/// This is the form in which spans travel from a receiver to disk and back to a query. Rows keep
/// arrival order until a block is sealed.
package struct SpanBatch: ItemBatch, Sendable {
    package var strings = StringTable()
    package var shared = SharedColumns()

    // One entry a span.
    package var traceIDs: [TraceID] = []
    package var spanIDs: [SpanID] = []
    package var parentIDs: [SpanID] = []
    package var starts: [Timestamp] = []
    /// End minus start in nanoseconds; never negative (an end before its start is stored as 0).
    package var durations: [Int64] = []
    package var names: [StringID] = []
    package var kinds: [SpanKind] = []
    package var statuses: [SpanStatus] = []
    package var statusMessages: [StringID] = []
    package var traceStates: [StringID] = []
    /// OTLP `flags`: the W3C trace flags in the low byte, bits 8 and 9 "has remote parent".
    package var flags: [UInt32] = []
    package var resourceIndices: [UInt32] = []
    package var scopeIndices: [UInt32] = []
    package var attributeEnds: [UInt32] = []
    package var eventEnds: [UInt32] = []
    package var linkEnds: [UInt32] = []
    package var droppedAttributeCounts: [UInt32] = []
    package var droppedEventCounts: [UInt32] = []
    package var droppedLinkCounts: [UInt32] = []

    /// Span attributes only, in span order.
    package var attributes = AttributeColumns()
    package var events = SpanEventColumns()
    package var links = SpanLinkColumns()

    package init() {}

    @inlinable package var count: Int { traceIDs.count }
    package var isEmpty: Bool { traceIDs.isEmpty }

    package func attributeRange(_ row: Int) -> Range<Int> { Self.run(attributeEnds, row) }
    package func eventRange(_ row: Int) -> Range<Int> { Self.run(eventEnds, row) }
    package func linkRange(_ row: Int) -> Range<Int> { Self.run(linkEnds, row) }
    package func end(_ row: Int) -> Timestamp {
        starts[row].advanced(byNanoseconds: durations[row])
    }

    @inlinable package static func run(_ ends: [UInt32], _ row: Int) -> Range<Int> {
        (row == 0 ? 0 : Int(ends[row - 1]))..<Int(ends[row])
    }

    package mutating func reserveCapacity(_ spans: Int) {
        traceIDs.reserveCapacity(spans)
        spanIDs.reserveCapacity(spans)
        parentIDs.reserveCapacity(spans)
        starts.reserveCapacity(spans)
        durations.reserveCapacity(spans)
        names.reserveCapacity(spans)
        kinds.reserveCapacity(spans)
        statuses.reserveCapacity(spans)
        statusMessages.reserveCapacity(spans)
        traceStates.reserveCapacity(spans)
        flags.reserveCapacity(spans)
        resourceIndices.reserveCapacity(spans)
        scopeIndices.reserveCapacity(spans)
        attributeEnds.reserveCapacity(spans)
        eventEnds.reserveCapacity(spans)
        linkEnds.reserveCapacity(spans)
        droppedAttributeCounts.reserveCapacity(spans)
        droppedEventCounts.reserveCapacity(spans)
        droppedLinkCounts.reserveCapacity(spans)
    }
}

/// Events of many spans; attributes of event `i` end at `attributeEnds[i]`.
package struct SpanEventColumns: Sendable {
    package var times: [Timestamp] = []
    package var names: [StringID] = []
    package var attributeEnds: [UInt32] = []
    package var droppedAttributeCounts: [UInt32] = []
    package var attributes = AttributeColumns()

    package init() {}
    package var count: Int { times.count }
    package func attributeRange(_ event: Int) -> Range<Int> { SpanBatch.run(attributeEnds, event) }
}

/// Links of many spans; attributes of link `i` end at `attributeEnds[i]`.
package struct SpanLinkColumns: Sendable {
    package var traceIDs: [TraceID] = []
    package var spanIDs: [SpanID] = []
    package var traceStates: [StringID] = []
    package var flags: [UInt32] = []
    package var attributeEnds: [UInt32] = []
    package var droppedAttributeCounts: [UInt32] = []
    package var attributes = AttributeColumns()

    package init() {}
    package var count: Int { traceIDs.count }
    package func attributeRange(_ link: Int) -> Range<Int> { SpanBatch.run(attributeEnds, link) }
}
