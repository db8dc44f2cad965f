import Telemetry
import Testing
import WireFormats

@Suite("what OTLP log records say in text and attributes")
struct OTLPLogCompletionTests {
    /// The same records in both encodings.
    private func decode(
        _ record: LogRecord, resource: [Attribute] = []
    ) throws -> [LogBatch] {
        var batch = LogBatch()
        let index = batch.append(Resource(attributes: resource))
        batch.append(record, resource: index, scope: batch.append(Scope()))
        return [
            try OTLPLogs.decode(protobuf: OTLPLogs.encode(batch), receivedAt: .zero).batch,
            try OTLPLogs.decode(json: OTLPLogs.encodeJSON(batch), receivedAt: .zero).batch,
        ]
    }

    private func record(_ body: String, _ attributes: [Attribute] = []) -> LogRecord {
        let time = Timestamp(seconds: 1_700_000_000)
        var record = LogRecord(time: time, observedTime: time, body: .string(body))
        record.attributes = attributes
        return record
    }

    private func value(_ batch: LogBatch, _ name: String) -> AttributeValue? {
        batch.record(at: 0).attributes.first { $0.key == name }?.value
    }

    @Test("a body that is an access-log line gets its fields, in both encodings")
    func lines() throws {
        let line = #"[2026-03-04T05:06:07Z] "GET / HTTP/2" 503 UF 1 2 3 - "-" "-" "r" "a" "b:1""#
        for batch in try decode(record(line, [Attribute("method", .string("told"))])) {
            #expect(batch.body(0) == .string(line))
            #expect(value(batch, "response_code") == .int(503))
            #expect(value(batch, "response_flags_long") == .string("UpstreamConnectionFailure"))
            #expect(value(batch, "method") == .string("told"))
        }
    }

    @Test("a body that is a JSON object gets its members, one that only looks so gets none")
    func objects() throws {
        let body =
            #"{"status":200,"ratio":0.5,"ok":true,"level":"warn","o":{"x":1},"n":null,"a\nb":"c\"d","#
            + #""trace_id":"80f198ee56343ba864fe8b2a57d3eff7"}"#
        for batch in try decode(record(body, [Attribute("status", .string("told"))])) {
            #expect(
                batch.record(at: 0).attributes == [
                    Attribute("status", .string("told")), Attribute("ratio", .double(0.5)),
                    Attribute("ok", .bool(true)), Attribute("level", .string("warn")),
                    Attribute("a\nb", .string("c\"d")),
                    Attribute("trace_id", .string("80f198ee56343ba864fe8b2a57d3eff7")),
                ])
            #expect(batch.traceIDs[0].hex == "80f198ee56343ba864fe8b2a57d3eff7")
            #expect(batch.severityNumbers[0] == 13)
        }
        for text in ["{", #"{"a":1"#, #"{"a":1} x"#, "{a}", "{}"] {
            for batch in try decode(record(text)) {
                #expect(batch.attributes.count == 0 && batch.body(0) == .string(text), "\(text)")
            }
        }
    }

    @Test("ids among the attributes fill columns that the record leaves open; its own stand")
    func ids() throws {
        let header = Attribute(
            "http.request.header.traceparent",
            .string("00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01"))
        for batch in try decode(record("x", [header])) {
            #expect(batch.traceIDs[0].hex == "80f198ee56343ba864fe8b2a57d3eff7")
            #expect(batch.spanIDs[0].hex == "e457b5a2e4d86bd1")
        }
        var own = record("x", [header])
        own.traceID = TraceID(high: 1, low: 2)
        own.spanID = SpanID(3)
        for batch in try decode(own) {
            #expect(batch.traceIDs[0] == own.traceID && batch.spanIDs[0] == own.spanID)
        }
    }

    @Test("flags get their words, unless they have them")
    func flags() throws {
        for batch in try decode(record("x", [Attribute("response_flags", .string("NR,DC"))])) {
            #expect(
                value(batch, "response_flags_long")
                    == .string("NoRouteFound,DownstreamConnectionTermination"))
        }
        let told = [
            Attribute("response_flags", .string("NR")),
            Attribute("response_flags_long", .string("x")),
        ]
        for batch in try decode(record("x", told)) {
            #expect(batch.record(at: 0).attributes == told)
        }
        for batch in try decode(record("x", [Attribute("response_flags", .string("-"))])) {
            #expect(batch.attributes.count == 1)
        }
        var structured = record("", [Attribute("response_flags", .string("NR"))])
        structured.body = .empty
        for batch in try decode(structured) {
            #expect(LogLine.string(batch, row: 0) == #"{"response_flags":"NR"}"#)
        }
    }

    @Test(
        "Envoy's resource is the service of its cluster, as elsewhere",
        arguments: [
            (["log_name": "als", "cluster_name": "cart"], "cart"),
            (["log_name": "als", "cluster_name": ""], "als"),
            (["log_name": "als", "cluster_name": "cart", "service.name": "own"], "own"),
            (["cluster_name": "k8s"], ""),
        ])
    func services(_ attributes: [String: String], service: String) throws {
        let resource = attributes.sorted { $0.key < $1.key }
            .map { Attribute($0.key, .string($0.value)) }
        for batch in try decode(record("x"), resource: resource) {
            #expect(batch.resource(at: batch.resourceIndices[0]).serviceName == service)
        }
    }
}
