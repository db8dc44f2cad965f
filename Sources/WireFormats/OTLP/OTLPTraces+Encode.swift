import Telemetry

extension OTLPTraces {
    /// An `ExportTraceServiceRequest` of all spans in `batch`, grouped by resource and scope.
    package static func encode(_ batch: SpanBatch) -> [UInt8] {
        var writer = ProtobufWriter(capacity: 256 + batch.count * 256)
        writer.envelopes(
            batch, resources: batch.resourceIndices, scopes: batch.scopeIndices
        ) { writer, row in
            writer.span(batch, row)
        }
        return writer.bytes
    }
}

extension ProtobufWriter {
    /// The members of a `Span`, in field order.
    fileprivate mutating func span(_ batch: SpanBatch, _ row: Int) {
        let strings = batch.strings
        traceID(1, batch.traceIDs[row])
        spanID(2, batch.spanIDs[row])
        strings.withBytes(of: batch.traceStates[row]) { bytes(3, $0) }
        spanID(4, batch.parentIDs[row])
        strings.withBytes(of: batch.names[row]) { bytes(5, $0) }
        varint(6, UInt64(batch.kinds[row].rawValue))
        time(7, batch.starts[row])
        time(8, batch.end(row))
        attributes(9, batch.attributes, batch.attributeRange(row), strings)
        varint(10, UInt64(batch.droppedAttributeCounts[row]))
        for event in batch.eventRange(row) {
            message(11) { $0.event(batch.events, event, strings) }
        }
        varint(12, UInt64(batch.droppedEventCounts[row]))
        for link in batch.linkRange(row) {
            message(13) { $0.link(batch.links, link, strings) }
        }
        varint(14, UInt64(batch.droppedLinkCounts[row]))
        if batch.statuses[row] != .unset || batch.statusMessages[row] != 0 {
            message(15) { status in
                strings.withBytes(of: batch.statusMessages[row]) { status.bytes(2, $0) }
                status.varint(3, UInt64(batch.statuses[row].rawValue))
            }
        }
        fixed32(16, batch.flags[row])
    }

    private mutating func event(
        _ events: SpanEventColumns, _ event: Int, _ strings: StringTable
    ) {
        time(1, events.times[event])
        strings.withBytes(of: events.names[event]) { bytes(2, $0) }
        attributes(3, events.attributes, events.attributeRange(event), strings)
        varint(4, UInt64(events.droppedAttributeCounts[event]))
    }

    private mutating func link(_ links: SpanLinkColumns, _ link: Int, _ strings: StringTable) {
        traceID(1, links.traceIDs[link])
        spanID(2, links.spanIDs[link])
        strings.withBytes(of: links.traceStates[link]) { bytes(3, $0) }
        attributes(4, links.attributes, links.attributeRange(link), strings)
        varint(5, UInt64(links.droppedAttributeCounts[link]))
        fixed32(6, links.flags[link])
    }
}
