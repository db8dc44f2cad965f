import Telemetry

extension OTLPLogs {
    /// An `ExportLogsServiceRequest` of all records in `batch`, grouped by resource and scope.
    package static func encode(_ batch: LogBatch) -> [UInt8] {
        var writer = ProtobufWriter(capacity: 256 + batch.count * 256)
        writer.envelopes(
            batch, resources: batch.resourceIndices, scopes: batch.scopeIndices
        ) { writer, row in
            writer.record(batch, row)
        }
        return writer.bytes
    }
}

extension ProtobufWriter {
    /// The members of a `LogRecord`, in field order.
    fileprivate mutating func record(_ batch: LogBatch, _ row: Int) {
        let strings = batch.strings
        time(1, batch.times[row])
        varint(2, UInt64(batch.severityNumbers[row]))
        strings.withBytes(of: batch.severityTexts[row]) { bytes(3, $0) }
        if batch.bodyTypes[row] != .empty {
            message(5) {
                $0.anyValue(
                    type: batch.bodyTypes[row], payload: batch.bodyPayloads[row], strings)
            }
        }
        attributes(6, batch.attributes, batch.attributeRange(row), strings)
        varint(7, UInt64(batch.droppedAttributeCounts[row]))
        fixed32(8, batch.flags[row])
        traceID(9, batch.traceIDs[row])
        spanID(10, batch.spanIDs[row])
        time(11, batch.observedTimes[row])
        strings.withBytes(of: batch.eventNames[row]) { bytes(12, $0) }
    }
}
