import Telemetry

/// Turns OTLP/JSON spans into rows of a `SpanBatch`.
struct OTLPJSONSpanDecoder {
    /// The members of one span that occur once; a repeated one overwrites.
    private struct SpanFields {
        var traceID: TraceID? = .invalid
        var spanID: SpanID? = .invalid
        var parentID: SpanID? = .invalid
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
    var values = OTLPJSONValues()
    var ignoredFields = 0

    init(bodyBytes: Int) {
        // A span with ten attributes takes 1 to 2 kB.
        let spans = min(bodyBytes / 1_024, 65_536)
        batch.strings = StringTable(capacity: spans * 2)
        batch.reserveCapacity(spans)
        batch.attributes.reserveCapacity(spans * 8)
    }

    mutating func request(_ reader: inout JSONReader) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "resourceSpans", "resource_spans":
                try reader.beginArray()
                while try reader.nextItem() { try resourceSpans(&reader) }
            default: try reader.skipValue()
            }
        }
    }

    private mutating func resourceSpans(_ reader: inout JSONReader) throws(DecodeError) {
        let resource = OTLPJSONShared.openResource(in: &batch.shared)
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "resource":
                try OTLPJSONShared.resource(
                    resource, &reader, into: &batch.shared, strings: &batch.strings,
                    values: &values)
            case "scopeSpans", "scope_spans":
                try reader.beginArray()
                while try reader.nextItem() { try scopeSpans(&reader, resource: resource) }
            case "schemaUrl", "schema_url":
                let id = batch.strings.intern(try reader.string())
                batch.shared.resources[resource].schemaURL = id
            default: try reader.skipValue()
            }
        }
    }

    private mutating func scopeSpans(
        _ reader: inout JSONReader, resource: Int
    ) throws(DecodeError) {
        let scope = OTLPJSONShared.openScope(in: &batch.shared)
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "scope":
                try OTLPJSONShared.scope(
                    scope, &reader, into: &batch.shared, strings: &batch.strings,
                    values: &values)
            case "spans":
                try reader.beginArray()
                while try reader.nextItem() {
                    try span(&reader, resource: resource, scope: scope)
                }
            case "schemaUrl", "schema_url":
                let id = batch.strings.intern(try reader.string())
                batch.shared.scopes[scope].schemaURL = id
            default: try reader.skipValue()
            }
        }
    }

    private mutating func span(
        _ reader: inout JSONReader, resource: Int, scope: Int
    ) throws(DecodeError) {
        try WireLimits.checkItems(batch.count)
        let attributeCount = batch.attributes.count
        let eventCount = batch.events.count
        let linkCount = batch.links.count
        var fields = SpanFields()
        try read(&reader, into: &fields)
        guard let traceID = fields.traceID, traceID.isValid else {
            return reject(.invalidTraceID, fields, attributeCount, eventCount, linkCount)
        }
        guard let spanID = fields.spanID, spanID.isValid else {
            return reject(.invalidSpanID, fields, attributeCount, eventCount, linkCount)
        }
        guard let parentID = fields.parentID else {
            return reject(.invalidParentID, fields, attributeCount, eventCount, linkCount)
        }
        batch.traceIDs.append(traceID)
        batch.spanIDs.append(spanID)
        batch.parentIDs.append(parentID)
        batch.resourceIndices.append(UInt32(truncatingIfNeeded: resource))
        batch.scopeIndices.append(UInt32(truncatingIfNeeded: scope))
        append(fields)
    }

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
        batch.statusMessages.append(fields.statusMessage)
        batch.traceStates.append(fields.traceState)
        batch.flags.append(fields.flags)
        batch.attributeEnds.append(UInt32(truncatingIfNeeded: batch.attributes.count))
        batch.eventEnds.append(UInt32(truncatingIfNeeded: batch.events.count))
        batch.linkEnds.append(UInt32(truncatingIfNeeded: batch.links.count))
        batch.droppedAttributeCounts.append(fields.droppedAttributeCount)
        batch.droppedEventCounts.append(fields.droppedEventCount)
        batch.droppedLinkCounts.append(fields.droppedLinkCount)
    }

    private mutating func read(
        _ reader: inout JSONReader, into fields: inout SpanFields
    ) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "traceId", "trace_id":
                fields.traceID = OTLPJSONShared.traceID(try reader.string())
            case "spanId", "span_id":
                fields.spanID = OTLPJSONShared.spanID(try reader.string())
            case "parentSpanId", "parent_span_id":
                fields.parentID = OTLPJSONShared.spanID(try reader.string())
            case "name": fields.name = batch.strings.intern(try reader.string())
            case "kind": fields.kind = try OTLPJSONEnums.spanKind(&reader)
            case "startTimeUnixNano", "start_time_unix_nano":
                fields.start = try reader.uint64("startTimeUnixNano")
            case "endTimeUnixNano", "end_time_unix_nano":
                fields.end = try reader.uint64("endTimeUnixNano")
            case "attributes":
                try values.attributes(
                    &reader, into: &batch.attributes, strings: &batch.strings)
            case "status": try status(&reader, &fields)
            case "events":
                try reader.beginArray()
                while try reader.nextItem() { try event(&reader) }
            case "links":
                try reader.beginArray()
                while try reader.nextItem() { try link(&reader) }
            case "flags": fields.flags = try reader.uint32("flags")
            case "traceState", "trace_state":
                fields.traceState = batch.strings.intern(try reader.string())
            case "droppedAttributesCount", "dropped_attributes_count":
                fields.droppedAttributeCount = try reader.uint32("droppedAttributesCount")
            case "droppedEventsCount", "dropped_events_count":
                fields.droppedEventCount = try reader.uint32("droppedEventsCount")
            case "droppedLinksCount", "dropped_links_count":
                fields.droppedLinkCount = try reader.uint32("droppedLinksCount")
            default: try reader.skipValue()
            }
        }
    }

    private mutating func status(
        _ reader: inout JSONReader, _ fields: inout SpanFields
    ) throws(DecodeError) {
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "message": fields.statusMessage = batch.strings.intern(try reader.string())
            case "code": fields.status = try OTLPJSONEnums.spanStatus(&reader)
            default: try reader.skipValue()
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
        tally.add(reason, example: "span \"\(name)\"")
    }
}
