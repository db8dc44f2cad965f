import Foundation
import Testing
import WireFormats

/// A span as a test sends it, in whatever format; ids may have wrong lengths, texts may be no texts.
struct WiredSpan {
    var trace: [UInt8]
    var id: [UInt8]
    var parent: [UInt8]?
    var name = Array("bad".utf8)
    /// Milliseconds since 1970.
    var begin: Int
    var end: Int
    var tags: [(key: String, value: [UInt8])] = []
}

/// The ways by which spans come in.
enum SpanWire: String, CaseIterable, CustomTestStringConvertible {
    case otlpJSON, otlpProtobuf, otlpGRPC, zipkin, thrift, jaegerGRPC, xray

    var testDescription: String { rawValue }

    /// Sends spans of the service `mad` in one request. The answer may be a refusal.
    func send(_ spans: [WiredSpan], to server: ServerProcess) async throws {
        switch self {
        case .otlpJSON:
            try await post("/v1/traces", "application/json", Self.otlpJSONBody(spans), server)
        case .otlpProtobuf:
            try await post("/v1/traces", "application/x-protobuf", Self.otlpBody(spans), server)
        case .otlpGRPC:
            let outcome = try await GRPCWire.call(
                port: server.port(of: "OTLP/gRPC"), GRPCWire.frame(Self.otlpBody(spans)))
            #expect(outcome.status == 0, "\(outcome)")
        case .zipkin:
            try await post("/api/v2/spans", "application/json", Self.zipkinBody(spans), server)
        case .thrift:
            try await post(
                "/api/traces", "application/x-thrift", Self.thriftBody(spans), server)
        case .jaegerGRPC:
            let outcome = try await GRPCWire.call(
                port: server.port(of: "OTLP/gRPC"),
                path: "/jaeger.api_v2.CollectorService/PostSpans",
                GRPCWire.frame(Self.jaegerBody(spans)))
            // A request with nothing to keep is INVALID_ARGUMENT.
            #expect(outcome.status == 0 || outcome.status == 3, "\(outcome)")
        case .xray:
            try await post("/TraceSegments", "application/json", Self.xrayBody(spans), server)
        }
    }

    private func post(
        _ path: String, _ type: String, _ body: [UInt8], _ server: ServerProcess
    ) async throws {
        let answer = try await Wire.post(server.url + path, type: type, body)
        #expect((200..<300).contains(answer.status) || answer.status == 400, "\(answer.text)")
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    // MARK: JSON

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// Objects with a comma between them.
    private static func list(_ objects: [[UInt8]]) -> [UInt8] {
        Array(objects.joined(separator: text(",")))
    }

    private static func otlpJSONBody(_ spans: [WiredSpan]) -> [UInt8] {
        let objects = spans.map { span -> [UInt8] in
            let tags = span.tags.map { tag in
                text(#"{"key":"\#(tag.key)","value":{"stringValue":""#) + tag.value + text(#""}}"#)
            }
            return text(
                """
                {"traceId":"\(hex(span.trace))","spanId":"\(hex(span.id))",
                "parentSpanId":"\(hex(span.parent ?? []))",
                "startTimeUnixNano":"\(span.begin)000000","endTimeUnixNano":"\(span.end)000000",
                "name":"
                """) + span.name + text(#"","attributes":["#) + list(tags) + text("]}")
        }
        return text(
            """
            {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
            "value":{"stringValue":"mad"}}]},"scopeSpans":[{"spans":[
            """) + list(objects) + text("]}]}]}")
    }

    private static func zipkinBody(_ spans: [WiredSpan]) -> [UInt8] {
        let objects = spans.map { span -> [UInt8] in
            let tags = span.tags.map { text(#""\#($0.key)":""#) + $0.value + text("\"") }
            let parent = span.parent.map { "\"parentId\":\"\(hex($0))\"," } ?? ""
            return text(
                """
                {"traceId":"\(hex(span.trace))","id":"\(hex(span.id))",\(parent)
                "timestamp":\(span.begin)000,"duration":\((span.end - span.begin) * 1_000),
                "localEndpoint":{"serviceName":"mad"},"name":"
                """) + span.name + text(#"","tags":{"#) + list(tags) + text("}}")
        }
        return text("[") + list(objects) + text("]")
    }

    private static func xrayBody(_ spans: [WiredSpan]) -> [UInt8] {
        let documents = spans.map { span -> [UInt8] in
            let tags = span.tags.map { text(#""\#($0.key)":""#) + $0.value + text("\"") }
            let parent = span.parent.map { "\"parent_id\":\"\(hex($0))\"," } ?? ""
            let trace = hex(span.trace)
            let document =
                text(
                    "{\"trace_id\":\"1-\(trace.prefix(8))-\(trace.dropFirst(8))\","
                        + "\"id\":\"\(hex(span.id))\",\(parent)\"name\":\"mad\","
                        + "\"start_time\":\(Double(span.begin) / 1_000),"
                        + "\"end_time\":\(Double(span.end) / 1_000),\"annotations\":{")
                + list(tags) + text("}}")
            let quote = UInt8(ascii: "\"")
            return [quote] + document.flatMap { $0 == quote ? text("\\\"") : [$0] } + [quote]
        }
        return text("{\"TraceSegmentDocuments\":[") + list(documents) + text("]}")
    }

    // MARK: Protobuf

    private static func otlpBody(_ spans: [WiredSpan]) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { envelope in
            envelope.message(1) { resource in
                resource.message(1) { attribute in
                    attribute.string(1, "service.name")
                    attribute.message(2) { $0.string(1, "mad") }
                }
            }
            envelope.message(2) { scope in
                for sent in spans {
                    scope.message(2) { span in
                        sent.trace.withUnsafeBytes { span.bytes(1, $0) }
                        sent.id.withUnsafeBytes { span.bytes(2, $0) }
                        (sent.parent ?? []).withUnsafeBytes { span.bytes(4, $0) }
                        sent.name.withUnsafeBytes { span.bytes(5, $0) }
                        span.fixed64(7, UInt64(sent.begin) * 1_000_000)
                        span.fixed64(8, UInt64(sent.end) * 1_000_000)
                        for tag in sent.tags {
                            span.message(9) { pair in
                                pair.string(1, tag.key)
                                pair.message(2) { value in
                                    tag.value.withUnsafeBytes { value.bytes(1, $0) }
                                }
                            }
                        }
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func jaegerBody(_ spans: [WiredSpan]) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { batch in
            for sent in spans {
                batch.message(1) { span in
                    sent.trace.withUnsafeBytes { span.bytes(1, $0) }
                    sent.id.withUnsafeBytes { span.bytes(2, $0) }
                    sent.name.withUnsafeBytes { span.bytes(3, $0) }
                    if let parent = sent.parent {
                        span.message(4) { reference in
                            sent.trace.withUnsafeBytes { reference.bytes(1, $0) }
                            parent.withUnsafeBytes { reference.bytes(2, $0) }
                        }
                    }
                    span.message(6) { time(&$0, sent.begin) }
                    span.message(7) { time(&$0, sent.end - sent.begin) }
                    for tag in sent.tags {
                        span.message(8) { pair in
                            pair.string(1, tag.key)
                            tag.value.withUnsafeBytes { pair.bytes(3, $0) }
                        }
                    }
                }
            }
            batch.message(2) { $0.string(1, "mad") }
        }
        return writer.bytes
    }

    /// Seconds and nanoseconds of one sign.
    private static func time(_ writer: inout ProtobufWriter, _ milliseconds: Int) {
        writer.varint(1, UInt64(bitPattern: Int64(milliseconds / 1_000)))
        writer.varint(2, UInt64(bitPattern: Int64(milliseconds % 1_000 * 1_000_000)))
    }

    // MARK: Thrift

    private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func field(_ type: UInt8, _ id: Int16, _ content: [UInt8]) -> [UInt8] {
        [type] + big(id) + content
    }

    private static func string(_ id: Int16, _ content: [UInt8]) -> [UInt8] {
        field(11, id, big(Int32(content.count)) + content)
    }

    private static func int64(_ id: Int16, _ value: Int64) -> [UInt8] { field(10, id, big(value)) }

    /// The number that the last eight bytes are.
    private static func word(_ bytes: some Collection<UInt8>) -> Int64 {
        Int64(bitPattern: bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    private static func structures(_ id: Int16, _ list: [[UInt8]]) -> [UInt8] {
        field(15, id, [12] + big(Int32(list.count)) + list.flatMap { $0 + [0] })
    }

    /// A `Batch` in the binary protocol.
    private static func thriftBody(_ spans: [WiredSpan]) -> [UInt8] {
        let structs = spans.map { span -> [UInt8] in
            let tags = span.tags.map {
                string(1, Array($0.key.utf8)) + field(8, 2, big(Int32(0))) + string(3, $0.value)
            }
            return int64(1, word(span.trace)) + int64(2, word(span.trace.dropLast(8)))
                + int64(3, word(span.id)) + int64(4, word(span.parent ?? []))
                + string(5, span.name) + field(8, 7, big(Int32(1)))
                + int64(8, Int64(span.begin) * 1_000)
                + int64(9, Int64(span.end - span.begin) * 1_000) + structures(10, tags)
        }
        return field(12, 1, string(1, Array("mad".utf8)) + [0]) + structures(2, structs) + [0]
    }
}
