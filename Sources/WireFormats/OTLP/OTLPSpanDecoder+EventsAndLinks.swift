import Telemetry

extension OTLPSpanDecoder {
    private enum EventField {
        static let time = ProtobufKey.fixed64(1)
        static let name = ProtobufKey.length(2)
        static let attributes = ProtobufKey.length(3)
        static let droppedAttributeCount = ProtobufKey.varint(4)
    }

    private enum LinkField {
        static let traceID = ProtobufKey.length(1)
        static let spanID = ProtobufKey.length(2)
        static let traceState = ProtobufKey.length(3)
        static let attributes = ProtobufKey.length(4)
        static let droppedAttributeCount = ProtobufKey.varint(5)
        static let flags = ProtobufKey.fixed32(6)
    }

    /// Adds a span event.
    mutating func event(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        var time: UInt64 = 0
        var name: StringID = 0
        var dropped: UInt32 = 0
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
                batch.events.times.append(Timestamp(unixNanoseconds: time))
                batch.events.names.append(name)
                batch.events.droppedAttributeCounts.append(dropped)
                batch.events.attributeEnds.append(
                    UInt32(truncatingIfNeeded: batch.events.attributes.count))
                return
            case EventField.time: time = try message.fixed64("event time")
            case EventField.name:
                name = batch.strings.intern(try message.bytes("event name"))
            case EventField.attributes:
                try values.keyValue(
                    try message.message("event attribute"), into: &batch.events.attributes,
                    strings: &batch.strings)
            case EventField.droppedAttributeCount:
                dropped = try message.uint32("dropped_attributes_count")
            default: try message.skip(key)
            }
        }
    }

    /// Adds a link. One with ids of a wrong length points nowhere: it is left out and counted.
    mutating func link(_ message: ProtobufReader) throws(DecodeError) {
        var message = message
        let attributeCount = batch.links.attributes.count
        var traceID: TraceID? = .invalid
        var spanID: SpanID? = .invalid
        var traceState: StringID = 0
        var flags: UInt32 = 0
        var dropped: UInt32 = 0
        while true {
            let key = try message.nextKey()
            switch key {
            case 0:
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
                return
            case LinkField.traceID:
                traceID = OTLPIdentifiers.optionalTraceID(try message.bytes("link trace_id"))
            case LinkField.spanID:
                spanID = OTLPIdentifiers.optionalSpanID(try message.bytes("link span_id"))
            case LinkField.traceState:
                traceState = batch.strings.intern(try message.bytes("link trace_state"))
            case LinkField.attributes:
                try values.keyValue(
                    try message.message("link attribute"), into: &batch.links.attributes,
                    strings: &batch.strings)
            case LinkField.droppedAttributeCount:
                dropped = try message.uint32("dropped_attributes_count")
            case LinkField.flags: flags = try message.fixed32("link flags")
            default: try message.skip(key)
            }
        }
    }
}

extension AttributeColumns {
    /// Drops all cells from `count` on.
    mutating func truncate(to count: Int) {
        keys.removeSubrange(count...)
        types.removeSubrange(count...)
        payloads.removeSubrange(count...)
    }
}

extension SpanEventColumns {
    /// Drops all events from `count` on.
    mutating func truncate(to count: Int) {
        times.removeSubrange(count...)
        names.removeSubrange(count...)
        attributeEnds.removeSubrange(count...)
        droppedAttributeCounts.removeSubrange(count...)
        attributes.truncate(to: Int(attributeEnds.last ?? 0))
    }
}

extension SpanLinkColumns {
    /// Drops all links from `count` on.
    mutating func truncate(to count: Int) {
        traceIDs.removeSubrange(count...)
        spanIDs.removeSubrange(count...)
        traceStates.removeSubrange(count...)
        flags.removeSubrange(count...)
        attributeEnds.removeSubrange(count...)
        droppedAttributeCounts.removeSubrange(count...)
        attributes.truncate(to: Int(attributeEnds.last ?? 0))
    }
}
