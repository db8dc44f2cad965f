import Telemetry

/// Turns `opentelemetry/proto/trace/v1/trace.proto` messages into rows of a `SpanBatch`.
struct OTLPSpanDecoder {
    private enum SpanField {
        static let traceID = ProtobufKey.length(1)
        static let spanID = ProtobufKey.length(2)
        static let traceState = ProtobufKey.length(3)
        static let parentSpanID = ProtobufKey.length(4)
        static let name = ProtobufKey.length(5)
        static let kind = ProtobufKey.varint(6)
        static let start = ProtobufKey.fixed64(7)
        static let end = ProtobufKey.fixed64(8)
        static let attributes = ProtobufKey.length(9)
        static let droppedAttributeCount = ProtobufKey.varint(10)
        static let events = ProtobufKey.length(11)
        static let droppedEventCount = ProtobufKey.varint(12)
        static let links = ProtobufKey.length(13)
        static let droppedLinkCount = ProtobufKey.varint(14)
        static let status = ProtobufKey.length(15)
        static let flags = ProtobufKey.fixed32(16)
    }

    private enum StatusField {
        static let message = ProtobufKey.length(2)
        static let code = ProtobufKey.varint(3)
    }

    /// The members of one span that occur once; a repeated one overwrites.
    private struct SpanFields {
        var traceID = UnsafeRawBufferPointer(start: nil, count: 0)
        var spanID = UnsafeRawBufferPointer(start: nil, count: 0)
        var parentID = UnsafeRawBufferPointer(start: nil, count: 0)
        var start: UInt64 = 0
        var end: UInt64 = 0
        var traceState: StringID = 0
        var name: StringID = 0
        var kind = SpanKind.unspecified
        var status = SpanStatus.unset
        var statusMessage: StringID = 0
        var flags: UInt32 = 0
        var droppedAttributeCount: UInt32 = 0
        var droppedEventCount: UInt32 = 0
        var droppedLinkCount: UInt32 = 0
    }

    var batch = SpanBatch()
    var tally = RejectionTally()
    var values = OTLPAttributeDecoder()
    var ignoredFields = 0

    init(bodyBytes: Int) {
        // A span with ten attributes takes 300 to 600 bytes. The batch stays in memory for a while: what
        // is too much here is paid for there, what is too little only grows.
        let spans = min(bodyBytes / 400, 65_536)
        batch.strings = StringTable(capacity: spans)
        batch.reserveCapacity(spans)
        batch.attributes.reserveCapacity(spans * 9)
    }

    mutating func request(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return fillRareColumns()
            case OTLPSharedDecoder.resourceEnvelopes:
                try resourceSpans(try message.message("resource_spans"))
            default: try message.skip(key)
            }
        }
    }

    private mutating func resourceSpans(_ envelope: ProtobufReader) throws(DecodeError) {
        let resource = try OTLPSharedDecoder.resource(
            of: envelope, into: &batch.shared, strings: &batch.strings, decoder: &values)
        var envelope = envelope
        while true {
            let key = try envelope.nextKey()
            switch key {
            case 0: return
            case OTLPSharedDecoder.Envelope.items:
                try scopeSpans(try envelope.message("scope_spans"), resource: resource)
            default: try envelope.skip(key)
            }
        }
    }

    private mutating func scopeSpans(
        _ envelope: ProtobufReader, resource: UInt32
    ) throws(DecodeError) {
        let scope = OTLPSharedDecoder.openScope(in: &batch.shared)
        var envelope = envelope
        while true {
            let key = try envelope.nextKey()
            switch key {
            case 0: return
            case OTLPSharedDecoder.Envelope.items:
                try span(try envelope.message("span"), resource: resource, scope: scope)
            default:
                try OTLPSharedDecoder.scopeField(
                    key, of: &envelope, into: &batch.shared, strings: &batch.strings,
                    decoder: &values)
            }
        }
    }

    private mutating func span(
        _ message: ProtobufReader, resource: UInt32, scope: UInt32
    ) throws(DecodeError) {
        let attributeCount = batch.attributes.count
        let eventCount = batch.events.count
        let linkCount = batch.links.count
        var fields = SpanFields()
        try read(message, into: &fields)
        guard let traceID = OTLPIdentifiers.traceID(fields.traceID), traceID.isValid else {
            return reject(.invalidTraceID, fields, attributeCount, eventCount, linkCount)
        }
        guard let spanID = OTLPIdentifiers.spanID(fields.spanID), spanID.isValid else {
            return reject(.invalidSpanID, fields, attributeCount, eventCount, linkCount)
        }
        var parentID = SpanID.invalid
        if !fields.parentID.isEmpty {
            guard let parent = OTLPIdentifiers.spanID(fields.parentID) else {
                return reject(.invalidParentID, fields, attributeCount, eventCount, linkCount)
            }
            parentID = parent
        }
        try WireLimits.checkItems(batch.count)
        batch.traceIDs.append(traceID)
        batch.spanIDs.append(spanID)
        batch.parentIDs.append(parentID)
        batch.resourceIndices.append(resource)
        batch.scopeIndices.append(scope)
        append(fields)
    }

    @inline(__always)
    private mutating func append(_ fields: SpanFields) {
        let start = Timestamp(unixNanoseconds: fields.start)
        let end = Timestamp(unixNanoseconds: fields.end)
        batch.starts.append(start)
        batch.durations.append(max(0, end.nanoseconds &- start.nanoseconds))
        // No end at all is a span that has not ended, and no contradiction.
        if fields.end < fields.start, fields.end != 0 {
            RawEnd.keep(fields.end, in: &batch)
            ignoredFields += 1
        }
        batch.names.append(fields.name)
        batch.kinds.append(fields.kind)
        batch.statuses.append(fields.status)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.eventEnds.append(UInt32(truncatingIfNeeded: batch.events.count))
        let row = batch.starts.count &- 1
        Self.set(fields.statusMessage, in: &batch.statusMessages, at: row)
        Self.set(fields.traceState, in: &batch.traceStates, at: row)
        Self.set(fields.flags, in: &batch.flags, at: row)
        // Zero for all rows before the first link.
        Self.set(
            UInt32(truncatingIfNeeded: batch.links.count), in: &batch.linkEnds, at: row)
        Self.set(fields.droppedAttributeCount, in: &batch.droppedAttributeCounts, at: row)
        Self.set(fields.droppedEventCount, in: &batch.droppedEventCounts, at: row)
        Self.set(fields.droppedLinkCount, in: &batch.droppedLinkCounts, at: row)
    }

    /// Sets a row of a column that is mostly zero. Its zeros are filled in before the next other value, or
    /// at the end.
    @inline(__always)
    private static func set(_ value: UInt32, in column: inout [UInt32], at row: Int) {
        if value == 0 { return }
        fill(&column, to: row)
        column.append(value)
    }

    @inline(never)
    private static func fill(_ column: inout [UInt32], to count: Int) {
        if column.count < count {
            column.append(contentsOf: repeatElement(0, count: count - column.count))
        }
    }

    private mutating func fillRareColumns() {
        let count = batch.count
        Self.fill(&batch.statusMessages, to: count)
        Self.fill(&batch.traceStates, to: count)
        Self.fill(&batch.flags, to: count)
        Self.fill(&batch.linkEnds, to: count)
        Self.fill(&batch.droppedAttributeCounts, to: count)
        Self.fill(&batch.droppedEventCounts, to: count)
        Self.fill(&batch.droppedLinkCounts, to: count)
    }

    @inline(__always)
    private mutating func read(
        _ message: ProtobufReader, into fields: inout SpanFields
    ) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case SpanField.traceID: fields.traceID = try message.bytes("trace_id")
            case SpanField.spanID: fields.spanID = try message.bytes("span_id")
            case SpanField.parentSpanID: fields.parentID = try message.bytes("parent_span_id")
            case SpanField.traceState:
                fields.traceState = batch.strings.intern(try message.bytes("trace_state"))
            case SpanField.name:
                fields.name = batch.strings.intern(try message.bytes("span name"))
            case SpanField.kind:
                let raw = UInt8(exactly: try message.varint("kind")) ?? 0
                fields.kind = SpanKind(rawValue: raw) ?? .unspecified
            case SpanField.start: fields.start = try message.fixed64("start_time_unix_nano")
            case SpanField.end: fields.end = try message.fixed64("end_time_unix_nano")
            case SpanField.attributes:
                try values.keyValue(
                    try message.message("span attribute"), into: &batch.attributes,
                    strings: &batch.strings)
            case SpanField.events: try event(try message.message("span event"))
            case SpanField.links: try link(try message.message("span link"))
            case SpanField.status: try status(try message.message("status"), &fields)
            case SpanField.flags: fields.flags = try message.fixed32("flags")
            case SpanField.droppedAttributeCount:
                fields.droppedAttributeCount = try message.uint32("dropped_attributes_count")
            case SpanField.droppedEventCount:
                fields.droppedEventCount = try message.uint32("dropped_events_count")
            case SpanField.droppedLinkCount:
                fields.droppedLinkCount = try message.uint32("dropped_links_count")
            default: try message.skip(key)
            }
        }
    }

    private mutating func status(
        _ message: ProtobufReader, _ fields: inout SpanFields
    ) throws(DecodeError) {
        var message = message
        while true {
            let key = try message.nextKey()
            switch key {
            case 0: return
            case StatusField.message:
                fields.statusMessage = batch.strings.intern(try message.bytes("status message"))
            case StatusField.code:
                let raw = UInt8(exactly: try message.varint("status code")) ?? 0
                fields.status = SpanStatus(rawValue: raw) ?? .unset
            default: try message.skip(key)
            }
        }
    }

    /// Takes back what a refused span has already put into the shared columns.
    private mutating func reject(
        _ reason: RejectionReason, _ fields: SpanFields, _ attributeCount: Int,
        _ eventCount: Int, _ linkCount: Int
    ) {
        batch.attributes.truncate(to: attributeCount)
        batch.events.truncate(to: eventCount)
        batch.links.truncate(to: linkCount)
        let name = batch.strings[fields.name]
        tally.add(
            reason,
            example:
                "span \"\(name)\": trace id of \(fields.traceID.count) bytes, span id of \(fields.spanID.count) bytes, parent id of \(fields.parentID.count) bytes"
        )
    }
}
