import Telemetry

extension OTLPTraces {
    /// All spans in `batch` as `{"resourceSpans":[…]}` in OTLP's JSON encoding: ids in hexadecimal,
    /// 64-bit integers as strings, enums as numbers.
    package static func encodeJSON(_ batch: SpanBatch) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + batch.count * 1_024)
        writer.object {
            $0.key("resourceSpans")
            writeResourceSpans(batch, to: &$0)
        }
        return writer.bytes
    }

    /// Writes the array of `ResourceSpans` as one value: one element a resource, inside it one a scope,
    /// both in order of first appearance; spans keep their order within a scope.
    package static func writeResourceSpans(_ batch: SpanBatch, to writer: inout JSONWriter) {
        let groups = ItemGroup.groups(
            resources: batch.resourceIndices, scopes: batch.scopeIndices)
        writer.array { array in
            for group in groups {
                array.object { resourceSpans(batch, group, &$0) }
            }
        }
    }

    private static func resourceSpans(
        _ batch: SpanBatch, _ group: ItemGroup, _ writer: inout JSONWriter
    ) {
        let strings = batch.strings
        let entry = batch.shared.resources[Int(group.resource)]
        writer.objectField("resource") { resource in
            resource.attributesField(batch.shared.attributes, entry.attributes, strings)
            resource.countField("droppedAttributesCount", entry.droppedAttributeCount)
        }
        writer.arrayField("scopeSpans") { array in
            for scope in group.scopes {
                array.object { scopeSpans(batch, scope.scope, scope.rows, &$0) }
            }
        }
        writer.textField("schemaUrl", entry.schemaURL, strings)
    }

    private static func scopeSpans(
        _ batch: SpanBatch, _ scope: UInt32, _ rows: [Int], _ writer: inout JSONWriter
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
        writer.arrayField("spans") { array in
            for row in rows { array.object { span(batch, row, &$0) } }
        }
        writer.textField("schemaUrl", entry.schemaURL, strings)
    }

    private static func span(_ batch: SpanBatch, _ row: Int, _ writer: inout JSONWriter) {
        let strings = batch.strings
        writer.field("traceId", batch.traceIDs[row])
        writer.field("spanId", batch.spanIDs[row])
        writer.textField("traceState", batch.traceStates[row], strings)
        if batch.parentIDs[row].isValid { writer.field("parentSpanId", batch.parentIDs[row]) }
        writer.countField("flags", batch.flags[row])
        writer.key("name")
        strings.withBytes(of: batch.names[row]) { writer.value(utf8: $0) }
        writer.field("kind", Int64(batch.kinds[row].rawValue))
        writer.timeField("startTimeUnixNano", batch.starts[row])
        writer.timeField("endTimeUnixNano", batch.end(row))
        writer.attributesField(batch.attributes, batch.attributeRange(row), strings)
        writer.countField("droppedAttributesCount", batch.droppedAttributeCounts[row])
        if !batch.eventRange(row).isEmpty {
            writer.arrayField("events") { array in
                for index in batch.eventRange(row) {
                    array.object { event(batch.events, index, strings, &$0) }
                }
            }
        }
        writer.countField("droppedEventsCount", batch.droppedEventCounts[row])
        if !batch.linkRange(row).isEmpty {
            writer.arrayField("links") { array in
                for index in batch.linkRange(row) {
                    array.object { link(batch.links, index, strings, &$0) }
                }
            }
        }
        writer.countField("droppedLinksCount", batch.droppedLinkCounts[row])
        writer.objectField("status") { status in
            status.textField("message", batch.statusMessages[row], strings)
            status.countField("code", UInt32(batch.statuses[row].rawValue))
        }
    }

    private static func event(
        _ events: SpanEventColumns, _ index: Int, _ strings: StringTable,
        _ writer: inout JSONWriter
    ) {
        writer.timeField("timeUnixNano", events.times[index])
        writer.key("name")
        strings.withBytes(of: events.names[index]) { writer.value(utf8: $0) }
        writer.attributesField(events.attributes, events.attributeRange(index), strings)
        writer.countField("droppedAttributesCount", events.droppedAttributeCounts[index])
    }

    private static func link(
        _ links: SpanLinkColumns, _ index: Int, _ strings: StringTable,
        _ writer: inout JSONWriter
    ) {
        writer.field("traceId", links.traceIDs[index])
        writer.field("spanId", links.spanIDs[index])
        writer.textField("traceState", links.traceStates[index], strings)
        writer.attributesField(links.attributes, links.attributeRange(index), strings)
        writer.countField("droppedAttributesCount", links.droppedAttributeCounts[index])
        writer.countField("flags", links.flags[index])
    }
}

/// Members as proto3's JSON mapping writes them: those with a default value are left out where OTLP's
/// readers do not look for them.
extension JSONWriter {
    mutating func textField(_ key: StaticString, _ id: StringID, _ strings: StringTable) {
        guard id != 0 else { return }
        self.key(key)
        strings.withBytes(of: id) { value(utf8: $0) }
    }

    mutating func countField(_ key: StaticString, _ count: UInt32) {
        guard count != 0 else { return }
        field(key, UInt64(count))
    }

    /// Nanoseconds since the epoch; earlier instants become zero.
    mutating func timeField(_ key: StaticString, _ time: Timestamp) {
        self.key(key)
        quotedValue(UInt64(clamping: time.nanoseconds))
    }

    mutating func attributesField(
        _ columns: AttributeColumns, _ cells: Range<Int>, _ strings: StringTable
    ) {
        arrayField("attributes") { array in
            for cell in cells {
                array.object { pair in
                    pair.key("key")
                    strings.withBytes(of: columns.keys[cell]) { pair.value(utf8: $0) }
                    pair.objectField("value") {
                        $0.anyValue(
                            type: columns.types[cell], payload: columns.payloads[cell], strings)
                    }
                }
            }
        }
    }

    /// The member of an `AnyValue` from a cell's type and payload.
    mutating func anyValue(
        type: AttributeType, payload: UInt64, _ strings: StringTable
    ) {
        if type == .string {
            key("stringValue")
            strings.withBytes(of: StringID(truncatingIfNeeded: payload)) { value(utf8: $0) }
        } else {
            anyValue(AttributeColumns.value(type: type, payload: payload, strings: strings))
        }
    }

    /// The member of an `AnyValue`; none for an empty value.
    mutating func anyValue(_ value: AttributeValue) {
        switch value {
        case .empty: break
        case .string(let text): field("stringValue", text)
        case .bool(let flag): field("boolValue", flag)
        case .int(let number):
            key("intValue")
            quotedValue(number)
        case .double(let number): field("doubleValue", number)
        case .bytes(let content):
            key("bytesValue")
            quoted { output in content.withUnsafeBytes { Base64.append($0, to: &output) } }
        case .array(let elements):
            objectField("arrayValue") {
                $0.arrayField("values") { array in
                    for element in elements { array.object { $0.anyValue(element) } }
                }
            }
        case .map(let attributes):
            objectField("kvlistValue") {
                $0.arrayField("values") { array in
                    for attribute in attributes {
                        array.object { pair in
                            pair.field("key", attribute.key)
                            pair.objectField("value") { $0.anyValue(attribute.value) }
                        }
                    }
                }
            }
        }
    }
}
