import Telemetry
import WireFormats

/// Spans in the protobuf of Jaeger's model (jaeger-idl, `proto/api_v2/model.proto`), translated from OTLP as
/// `JaegerTrace` does for JSON. Every span carries its process.
struct JaegerProtobuf {
    private let spans: SpanBatch
    private let links: JaegerLinkKeys
    private let serviceKey: StringID?

    init(_ spans: SpanBatch) {
        self.spans = spans
        links = JaegerLinkKeys(spans.strings)
        serviceKey = spans.strings.id(of: SemanticKey.serviceName)
    }

    /// The fields of a `Span`.
    func write(_ row: Int, to writer: inout ProtobufWriter) {
        writer.jaegerID(1, spans.traceIDs[row])
        writer.jaegerID(2, spans.spanIDs[row])
        writer.string(3, spans.strings[spans.names[row]])
        references(row, to: &writer)
        writer.varint(5, UInt64(spans.flags[row] & 0xFF))
        writer.jaegerTime(6, spans.starts[row].nanoseconds)
        writer.jaegerTime(7, spans.durations[row])
        tags(row, to: &writer)
        logs(row, to: &writer)
        writer.message(10) { process(spans.resourceIndices[row], to: &$0) }
    }

    /// `SpanRef { trace_id = 1, span_id = 2, ref_type = 3 }`; type 1 follows from.
    private func references(_ row: Int, to writer: inout ProtobufWriter) {
        if spans.parentIDs[row].isValid {
            writer.message(4) {
                $0.jaegerID(1, spans.traceIDs[row])
                $0.jaegerID(2, spans.parentIDs[row])
            }
        }
        for link in spans.linkRange(row) {
            writer.message(4) {
                $0.jaegerID(1, spans.links.traceIDs[link])
                $0.jaegerID(2, spans.links.spanIDs[link])
                $0.varint(3, links.isChildOf(spans.links, link) ? 0 : 1)
            }
        }
    }

    private func tags(_ row: Int, to writer: inout ProtobufWriter) {
        let strings = spans.strings
        let scope = spans.shared.scopes[Int(spans.scopeIndices[row])]
        writer.jaegerTag(8, "otel.scope.name", strings[scope.name])
        writer.jaegerTag(8, "otel.scope.version", strings[scope.version])
        for cell in spans.attributeRange(row) {
            writer.jaegerTag(8, spans.attributes, cell, strings)
        }
        writer.jaegerTag(8, "span.kind", spans.kinds[row].tagValue)
        switch spans.statuses[row] {
        case .unset: break
        case .ok: writer.jaegerTag(8, "otel.status_code", "OK")
        case .error:
            writer.jaegerTag(8, "otel.status_code", "ERROR")
            writer.message(8) {
                $0.string(1, "error")
                $0.varint(2, 1)
                $0.varint(4, 1)
            }
        }
        writer.jaegerTag(8, "otel.status_description", strings[spans.statusMessages[row]])
        writer.jaegerTag(8, "w3c.tracestate", strings[spans.traceStates[row]])
    }

    /// `Log { timestamp = 1, fields = 2 }`
    private func logs(_ row: Int, to writer: inout ProtobufWriter) {
        let (events, strings) = (spans.events, spans.strings)
        for event in spans.eventRange(row) {
            writer.message(9) { log in
                log.jaegerTime(1, events.times[event].nanoseconds)
                if !links.hasEventField(events, event) {
                    log.jaegerTag(2, "event", strings[events.names[event]])
                }
                for cell in events.attributeRange(event) {
                    log.jaegerTag(2, events.attributes, cell, strings)
                }
            }
        }
    }

    /// `Process { service_name = 1, tags = 2 }`
    private func process(_ index: UInt32, to writer: inout ProtobufWriter) {
        let service = spans.resource(at: index).serviceName
        writer.string(1, service.isEmpty ? JaegerProcesses.noService : service)
        let shared = spans.shared
        for cell in shared.resources[Int(index)].attributes
        where shared.attributes.keys[cell] != serviceKey {
            writer.jaegerTag(2, shared.attributes, cell, spans.strings)
        }
    }
}

extension ProtobufWriter {
    /// 16 bytes, the high half first.
    fileprivate mutating func jaegerID(_ field: UInt32, _ id: TraceID) {
        withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { presentBytes(field, $0) }
    }

    fileprivate mutating func jaegerID(_ field: UInt32, _ id: SpanID) {
        withUnsafeBytes(of: id.value.bigEndian) { presentBytes(field, $0) }
    }

    /// `Timestamp` and `Duration`: seconds and nanoseconds, of one sign.
    fileprivate mutating func jaegerTime(_ field: UInt32, _ nanoseconds: Int64) {
        message(field) {
            $0.varint(1, UInt64(bitPattern: nanoseconds / 1_000_000_000))
            $0.varint(2, UInt64(bitPattern: nanoseconds % 1_000_000_000))
        }
    }

    /// A text; nothing for an empty one.
    fileprivate mutating func jaegerTag(_ field: UInt32, _ key: String, _ text: String) {
        guard !text.isEmpty else { return }
        message(field) {
            $0.string(1, key)
            $0.string(3, text)
        }
    }

    /// `KeyValue { key = 1, v_type = 2, v_str = 3, v_bool = 4, v_int64 = 5, v_float64 = 6, v_binary = 7 }`;
    /// arrays and maps as JSON text.
    fileprivate mutating func jaegerTag(
        _ field: UInt32, _ columns: AttributeColumns, _ cell: Int, _ strings: StringTable
    ) {
        let payload = columns.payloads[cell]
        message(field) { tag in
            strings.withBytes(of: columns.keys[cell]) { tag.bytes(1, $0) }
            switch columns.types[cell] {
            case .string:
                strings.withBytes(of: StringID(truncatingIfNeeded: payload)) { tag.bytes(3, $0) }
            case .bool:
                tag.varint(2, 1)
                tag.varint(4, payload)
            case .int:
                tag.varint(2, 2)
                tag.varint(5, payload)
            case .double:
                tag.varint(2, 3)
                tag.double(6, Double(bitPattern: payload))
            case .bytes:
                tag.varint(2, 4)
                strings.withBytes(of: StringID(truncatingIfNeeded: payload)) { tag.bytes(7, $0) }
            case .empty, .array, .map:
                tag.string(3, columns.value(at: cell, strings: strings).text)
            }
        }
    }
}
