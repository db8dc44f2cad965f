import Telemetry

extension OTLPJSONSpanDecoder {
    /// Adds a span event.
    mutating func event(_ reader: inout JSONReader) throws(DecodeError) {
        var time: UInt64 = 0
        var name: StringID = 0
        var dropped: UInt32 = 0
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "timeUnixNano", "time_unix_nano": time = try reader.uint64("timeUnixNano")
            case "name": name = batch.strings.intern(try reader.string())
            case "attributes":
                try values.attributes(
                    &reader, into: &batch.events.attributes, strings: &batch.strings)
            case "droppedAttributesCount", "dropped_attributes_count":
                dropped = try reader.uint32("droppedAttributesCount")
            default: try reader.skipValue()
            }
        }
        batch.events.times.append(Timestamp(unixNanoseconds: time))
        batch.events.names.append(name)
        batch.events.droppedAttributeCounts.append(dropped)
        batch.events.attributeEnds.append(
            UInt32(truncatingIfNeeded: batch.events.attributes.count))
    }

    /// Adds a link. One whose ids are not hexadecimal of the right length points nowhere: it is left
    /// out and counted.
    mutating func link(_ reader: inout JSONReader) throws(DecodeError) {
        let attributeCount = batch.links.attributes.count
        var traceID: TraceID? = .invalid
        var spanID: SpanID? = .invalid
        var traceState: StringID = 0
        var flags: UInt32 = 0
        var dropped: UInt32 = 0
        try reader.beginObject()
        while let field = try reader.nextField() {
            switch field {
            case "traceId", "trace_id": traceID = OTLPJSONShared.traceID(try reader.string())
            case "spanId", "span_id": spanID = OTLPJSONShared.spanID(try reader.string())
            case "traceState", "trace_state":
                traceState = batch.strings.intern(try reader.string())
            case "attributes":
                try values.attributes(
                    &reader, into: &batch.links.attributes, strings: &batch.strings)
            case "droppedAttributesCount", "dropped_attributes_count":
                dropped = try reader.uint32("droppedAttributesCount")
            case "flags": flags = try reader.uint32("link flags")
            default: try reader.skipValue()
            }
        }
        guard let traceID, let spanID else {
            ignoredFields += 1
            return batch.links.attributes.truncate(to: attributeCount)
        }
        batch.links.traceIDs.append(traceID)
        batch.links.spanIDs.append(spanID)
        batch.links.traceStates.append(traceState)
        batch.links.flags.append(flags)
        batch.links.droppedAttributeCounts.append(dropped)
        batch.links.attributeEnds.append(
            UInt32(truncatingIfNeeded: batch.links.attributes.count))
    }
}
