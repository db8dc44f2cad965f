import Telemetry

extension OTLPLogs {
    /// All records in `batch` as `{"resourceLogs":[…]}` in OTLP's JSON encoding, grouped by resource and
    /// scope; records keep their order within a scope.
    package static func encodeJSON(_ batch: LogBatch) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + batch.count * 512)
        let groups = ItemGroup.groups(
            resources: batch.resourceIndices, scopes: batch.scopeIndices)
        writer.object {
            $0.arrayField("resourceLogs") { array in
                for group in groups {
                    array.object { resourceLogs(batch, group, &$0) }
                }
            }
        }
        return writer.bytes
    }

    private static func resourceLogs(
        _ batch: LogBatch, _ group: ItemGroup, _ writer: inout JSONWriter
    ) {
        let strings = batch.strings
        let entry = batch.shared.resources[Int(group.resource)]
        writer.objectField("resource") { resource in
            resource.attributesField(batch.shared.attributes, entry.attributes, strings)
            resource.countField("droppedAttributesCount", entry.droppedAttributeCount)
        }
        writer.arrayField("scopeLogs") { array in
            for scope in group.scopes {
                array.object { scopeLogs(batch, scope.scope, scope.rows, &$0) }
            }
        }
        writer.textField("schemaUrl", entry.schemaURL, strings)
    }

    private static func scopeLogs(
        _ batch: LogBatch, _ scope: UInt32, _ rows: [Int], _ writer: inout JSONWriter
    ) {
        let strings = batch.strings
        let entry = batch.shared.scopes[Int(scope)]
        writer.objectField("scope") { scope in
            scope.textField("name", entry.name, strings)
            scope.textField("version", entry.version, strings)
            if !entry.attributes.isEmpty {
                scope.attributesField(batch.shared.attributes, entry.attributes, strings)
            }
            scope.countField("droppedAttributesCount", entry.droppedAttributeCount)
        }
        writer.arrayField("logRecords") { array in
            for row in rows { array.object { record(batch, row, &$0) } }
        }
        writer.textField("schemaUrl", entry.schemaURL, strings)
    }

    private static func record(_ batch: LogBatch, _ row: Int, _ writer: inout JSONWriter) {
        let strings = batch.strings
        writer.timeField("timeUnixNano", batch.times[row])
        writer.timeField("observedTimeUnixNano", batch.observedTimes[row])
        writer.countField("severityNumber", UInt32(batch.severityNumbers[row]))
        writer.textField("severityText", batch.severityTexts[row], strings)
        if batch.bodyTypes[row] != .empty {
            writer.objectField("body") {
                $0.anyValue(
                    type: batch.bodyTypes[row], payload: batch.bodyPayloads[row], strings)
            }
        }
        writer.attributesField(batch.attributes, batch.attributeRange(row), strings)
        writer.countField("droppedAttributesCount", batch.droppedAttributeCounts[row])
        writer.countField("flags", batch.flags[row])
        if batch.traceIDs[row].isValid { writer.field("traceId", batch.traceIDs[row]) }
        if batch.spanIDs[row].isValid { writer.field("spanId", batch.spanIDs[row]) }
        writer.textField("eventName", batch.eventNames[row], strings)
    }
}
