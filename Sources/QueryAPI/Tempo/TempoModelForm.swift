import HTTPServer
import Telemetry
import WireFormats

/// What Tempo answers to `Accept: application/vnd.grafana.llm`: the same as JSON with less around it, for
/// language models to read. Attributes are members with plain values, kinds and states are words.
enum TempoModelForm {
    private static let mediaType = "application/vnd.grafana.llm"

    static func isAccepted(by request: HTTPRequest) -> Bool {
        request.headers.values("accept").contains { $0.contains(mediaType) }
    }

    static func response(_ bytes: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: 200, contentType: mediaType + "+json", body: bytes)
    }

    /// Values by type: `{"tagValues":{"string":["a"]}}`.
    static func bytes(values: [(type: String, value: AttributeValue)]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.objectField("tagValues") { types in
                for type in Set(values.map(\.type)).sorted() {
                    types.key(type)
                    types.array { array in
                        for value in values where value.type == type {
                            array.value(value.value.text)
                        }
                    }
                }
            }
        }
        return writer.bytes
    }

    /// `{"trace":{"traceId":…,"services":[{"serviceName":…,"scopes":[{"spans":[…]}]}]},"status":…}`.
    static func bytes(_ part: TempoTraces.Part) -> [UInt8] {
        let spans = part.spans
        var writer = JSONWriter(capacity: 512 * (spans.count + 1))
        writer.object {
            guard !spans.isEmpty else { return }
            $0.objectField("trace") { trace in
                trace.field("traceId", spans.traceIDs[0])
                trace.arrayField("services") { array in
                    for (resource, rows) in groups(Array(0..<spans.count), spans.resourceIndices) {
                        array.object { write(spans, resource, rows, to: &$0) }
                    }
                }
            }
            $0.field("status", part.status)
            if !part.message.isEmpty { $0.field("message", part.message) }
        }
        return writer.bytes
    }

    /// Rows by what they have in a column, in order of first appearance.
    private static func groups(_ rows: [Int], _ column: [UInt32]) -> [(UInt32, [Int])] {
        var groups: [(UInt32, [Int])] = []
        var places: [UInt32: Int] = [:]
        for row in rows {
            let value = column[row]
            if let place = places[value] {
                groups[place].1.append(row)
            } else {
                places[value] = groups.count
                groups.append((value, [row]))
            }
        }
        return groups
    }

    private static func write(
        _ spans: SpanBatch, _ resource: UInt32, _ rows: [Int], to writer: inout JSONWriter
    ) {
        let attributes = spans.resource(at: resource).attributes
        let service = attributes.last { $0.key == SemanticKey.serviceName }
        if case .string(let name) = service?.value, !name.isEmpty {
            writer.field("serviceName", name)
        }
        writer.members("resource", attributes.filter { $0.key != SemanticKey.serviceName })
        writer.arrayField("scopes") { array in
            for (index, rows) in groups(rows, spans.scopeIndices) {
                array.object { writer in
                    let scope = spans.scope(at: index)
                    if !scope.name.isEmpty { writer.field("name", scope.name) }
                    if !scope.version.isEmpty { writer.field("version", scope.version) }
                    writer.arrayField("spans") { array in
                        for row in rows { array.object { write(spans.span(at: row), to: &$0) } }
                    }
                }
            }
        }
    }

    private static func write(_ span: SpanRecord, to writer: inout JSONWriter) {
        writer.field("spanId", span.spanID)
        writer.field("name", span.name)
        if span.parentID.isValid { writer.field("parentSpanId", span.parentID) }
        if span.kind != .unspecified {
            writer.field("kind", "SPAN_KIND_\(span.kind)".uppercased())
        }
        writer.key("startTimeUnixNano")
        writer.quotedValue(span.start.nanoseconds)
        writer.key("endTimeUnixNano")
        writer.quotedValue(span.end.nanoseconds)
        if span.duration > 0 { writer.field("durationMs", Double(span.duration) / 1e6) }
        writer.members("attributes", span.attributes)
        if !span.events.isEmpty {
            writer.arrayField("events") { array in
                for event in span.events {
                    array.object {
                        $0.field("name", event.name)
                        $0.key("timeUnixNano")
                        $0.quotedValue(event.time.nanoseconds)
                        $0.members("attributes", event.attributes)
                    }
                }
            }
        }
        if !span.links.isEmpty {
            writer.arrayField("links") { array in
                for link in span.links {
                    array.object {
                        $0.field("traceId", link.traceID)
                        $0.field("spanId", link.spanID)
                        $0.members("attributes", link.attributes)
                    }
                }
            }
        }
        writer.objectField("status") {
            $0.field("code", "STATUS_CODE_\(span.status)".uppercased())
            $0.field("message", span.statusMessage)
        }
    }
}

extension JSONWriter {
    /// Attributes as members of an object; of equal keys the last. Nothing where there are none.
    fileprivate mutating func members(_ key: StaticString, _ attributes: [Attribute]) {
        guard !attributes.isEmpty else { return }
        var places: [String: Int] = [:]
        for (index, attribute) in attributes.enumerated() { places[attribute.key] = index }
        objectField(key) {
            for (index, attribute) in attributes.enumerated()
            where places[attribute.key] == index {
                $0.key(attribute.key)
                $0.value(attribute.value)
            }
        }
    }
}
