import Store
import Telemetry
import WireFormats

/// One trace in the JSON model of Jaeger's user interface, translated from OTLP as the OpenTelemetry
/// Collector does (opentelemetry-collector-contrib, pkg/translator/jaeger).
struct JaegerTrace {
    private let spans: SpanBatch
    /// The process of each resource: resources with equal attributes are one process.
    private let processes: [UInt32: Int]
    private let links: JaegerLinkKeys

    /// - Parameters:
    ///   - spans: all of one trace, or some.
    ///   - processes: those of the trace; grows by what the spans refer to.
    init(_ spans: SpanBatch, _ processes: inout JaegerProcesses) {
        self.spans = spans
        links = JaegerLinkKeys(spans.strings)
        self.processes = processes.numbers(of: spans)
    }

    /// A whole trace, or what a list shows of it.
    static func write(_ bounded: BoundedTrace, to writer: inout JSONWriter) {
        let spans = bounded.spans
        var processes = JaegerProcesses()
        writer.object { trace in
            trace.key("traceID")
            trace.jaegerValue(spans.traceIDs.first ?? .invalid)
            trace.arrayField("spans") { JaegerTrace(spans, &processes).writeSpans(to: &$0) }
            trace.objectField("processes") { processes.write(to: &$0) }
            trace.key("warnings")
            if let count = bounded.cutFrom {
                trace.array {
                    $0.value(
                        "these are \(spans.count) of \(count) spans; the trace by its id has all")
                }
            } else {
                trace.null()
            }
        }
    }

    func writeSpans(to array: inout JSONWriter) {
        for row in 0..<spans.count { array.object { span(row, to: &$0) } }
    }

    private func span(_ row: Int, to writer: inout JSONWriter) {
        let strings = spans.strings
        writer.key("traceID")
        writer.jaegerValue(spans.traceIDs[row])
        writer.field("spanID", spans.spanIDs[row])
        let flags = spans.flags[row] & 0xFF
        if flags != 0 { writer.field("flags", Int(flags)) }
        writer.key("operationName")
        strings.withBytes(of: spans.names[row]) { writer.value(utf8: $0) }
        writer.arrayField("references") { references(row, to: &$0) }
        writer.field("startTime", spans.starts[row].microseconds)
        writer.field("duration", spans.durations[row] / 1_000)
        writer.arrayField("tags") { tags(row, to: &$0) }
        writer.arrayField("logs") { logs(row, to: &$0) }
        writer.key("processID")
        writer.value("p\((processes[spans.resourceIndices[row]] ?? 0) + 1)")
        writer.key("warnings")
        let warnings = warnings(row)
        if warnings.isEmpty {
            writer.null()
        } else {
            writer.array { array in for warning in warnings { array.value(warning) } }
        }
    }

    /// Where the span is not stored as it was sent.
    private func warnings(_ row: Int) -> [String] {
        var warnings: [String] = []
        for cell in spans.attributeRange(row) {
            let key = spans.attributes.keys[cell]
            if key == links.truncated {
                let value = spans.attributes.value(at: cell, strings: spans.strings)
                if case .array(let texts) = value { warnings += texts.map(\.text) }
            } else if key == links.rawEnd {
                let end = spans.attributes.value(at: cell, strings: spans.strings).text
                warnings.append("the span was sent with an end before its start: \(end) ns")
            }
        }
        return warnings
    }

    private func references(_ row: Int, to array: inout JSONWriter) {
        if spans.parentIDs[row].isValid {
            array.object {
                $0.field("refType", "CHILD_OF")
                $0.key("traceID")
                $0.jaegerValue(spans.traceIDs[row])
                $0.field("spanID", spans.parentIDs[row])
            }
        }
        for link in spans.linkRange(row) {
            array.object {
                $0.field(
                    "refType", links.isChildOf(spans.links, link) ? "CHILD_OF" : "FOLLOWS_FROM")
                $0.key("traceID")
                $0.jaegerValue(spans.links.traceIDs[link])
                $0.field("spanID", spans.links.spanIDs[link])
            }
        }
    }

    private func tags(_ row: Int, to array: inout JSONWriter) {
        let strings = spans.strings
        let scope = spans.shared.scopes[Int(spans.scopeIndices[row])]
        array.tag("otel.scope.name", scope.name, strings)
        array.tag("otel.scope.version", scope.version, strings)
        for cell in spans.attributeRange(row) { array.tag(spans.attributes, cell, strings) }
        let kind = spans.kinds[row].tagValue
        if !kind.isEmpty { array.tag("span.kind", kind) }
        switch spans.statuses[row] {
        case .unset: break
        case .ok: array.tag("otel.status_code", "OK")
        case .error:
            array.tag("otel.status_code", "ERROR")
            array.object {
                $0.field("key", "error")
                $0.field("type", "bool")
                $0.field("value", true)
            }
        }
        array.tag("otel.status_description", spans.statusMessages[row], strings)
        array.tag("w3c.tracestate", spans.traceStates[row], strings)
    }

    private func logs(_ row: Int, to array: inout JSONWriter) {
        let (events, strings) = (spans.events, spans.strings)
        for event in spans.eventRange(row) {
            array.object { log in
                log.field("timestamp", events.times[event].microseconds)
                log.arrayField("fields") { fields in
                    if !links.hasEventField(events, event) {
                        fields.tag("event", events.names[event], strings)
                    }
                    for cell in events.attributeRange(event) {
                        fields.tag(events.attributes, cell, strings)
                    }
                }
            }
        }
    }
}

/// Attributes that mean something to Jaeger or were added by us.
struct JaegerLinkKeys {
    private let referenceType: StringID?
    private let childOf: StringID?
    private let event: StringID?
    let truncated: StringID?
    let rawEnd: StringID?

    init(_ strings: StringTable) {
        referenceType = strings.id(of: "opentracing.ref_type")
        childOf = strings.id(of: "child_of")
        event = strings.id(of: "event")
        truncated = strings.id(of: SpanNote.truncated)
        rawEnd = strings.id(of: RawEnd.attribute)
    }

    func isChildOf(_ links: SpanLinkColumns, _ link: Int) -> Bool {
        guard let referenceType, let childOf else { return false }
        return links.attributeRange(link).contains { cell in
            links.attributes.keys[cell] == referenceType
                && links.attributes.types[cell] == .string
                && links.attributes.payloads[cell] == UInt64(childOf)
        }
    }

    /// Whether an attribute already is what the event's name becomes.
    func hasEventField(_ events: SpanEventColumns, _ index: Int) -> Bool {
        guard let event else { return false }
        return events.attributeRange(index).contains { events.attributes.keys[$0] == event }
    }
}

extension JSONWriter {
    /// Integers beyond what a browser's numbers hold are sent as text, as Jaeger does.
    private static let exactIntegerMax: Int64 = (1 << 53) - 1

    fileprivate mutating func tag(_ key: StaticString, _ text: String) {
        object {
            $0.field("key", key.description)
            $0.field("type", "string")
            $0.field("value", text)
        }
    }

    /// Nothing for an empty text.
    fileprivate mutating func tag(
        _ key: StaticString, _ text: StringID, _ strings: StringTable
    ) {
        guard text != 0 else { return }
        object { tag in
            tag.field("key", key.description)
            tag.field("type", "string")
            tag.key("value")
            strings.withBytes(of: text) { tag.value(utf8: $0) }
        }
    }

    /// An attribute as a typed tag; arrays and maps as JSON text.
    mutating func tag(
        _ columns: AttributeColumns, _ cell: Int, _ strings: StringTable
    ) {
        beginObject()
        key("key")
        strings.withBytes(of: columns.keys[cell]) { value(utf8: $0) }
        let payload = columns.payloads[cell]
        switch columns.types[cell] {
        case .string:
            field("type", "string")
            key("value")
            strings.withBytes(of: StringID(truncatingIfNeeded: payload)) { value(utf8: $0) }
        case .bool:
            field("type", "bool")
            field("value", payload != 0)
        case .int:
            field("type", "int64")
            key("value")
            let number = Int64(bitPattern: payload)
            if number.magnitude <= Self.exactIntegerMax.magnitude {
                value(number)
            } else {
                quotedValue(number)
            }
        case .double:
            field("type", "float64")
            field("value", Double(bitPattern: payload))
        case .bytes:
            field("type", "binary")
            key("value")
            quoted { output in
                strings.withBytes(of: StringID(truncatingIfNeeded: payload)) {
                    Base64.append($0, to: &output)
                }
            }
        case .empty, .array, .map:
            field("type", "string")
            field("value", columns.value(at: cell, strings: strings).text)
        }
        endObject()
    }
}
