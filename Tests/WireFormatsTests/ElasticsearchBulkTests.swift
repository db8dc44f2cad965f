import Telemetry
import Testing
import WireFormats

@Suite("Elasticsearch bulk")
struct ElasticsearchBulkTests {
    private static let receivedAt = Timestamp(seconds: 1_800_000_000)

    private func decode(
        _ lines: String...
    ) throws -> (Decoded<LogBatch>, items: [ElasticsearchBulk.Item]) {
        try ElasticsearchBulk.decode(
            Array((lines.joined(separator: "\n") + "\n").utf8), index: "logs",
            receivedAt: Self.receivedAt)
    }

    @Test("a document with a message is that line, with its other members beside it")
    func message() throws {
        let line = #"192.0.2.7 - - [04/Mar/2026:05:06:07 +0000] \"GET / HTTP/1.1\" 200 9"#
        let (decoded, items) = try decode(
            #"{"create":{"_index":"web"}}"#,
            #"{"@timestamp":"2026-03-04T05:06:08.5Z","message":"\#(line)","offset":7,"#
                + #""log":{"file":{"path":"/l"}},"service":{"name":"shop"},"host":{"name":"h1"}}"#)
        #expect(items == [ElasticsearchBulk.Item(action: "create", index: "web", error: nil)])
        let record = decoded.batch.record(at: 0)
        // The line's own: the document tells when it was read.
        #expect(record.time == RFC3339.parse("2026-03-04T05:06:07Z"))
        #expect(record.body.text == line.replacing("\\", with: ""))
        #expect(record.attributes.contains(Attribute("offset", .int(7))))
        #expect(
            record.attributes.contains(Attribute("log.file.path", .string("/l"))))
        #expect(record.attributes.contains(Attribute("response_code", .int(200))))
        #expect(
            decoded.batch.resource(at: decoded.batch.resourceIndices[0]).attributes == [
                Attribute("service.name", .string("shop")), Attribute("host.name", .string("h1")),
                Attribute("index", .string("web")),
            ])
    }

    @Test("a document without a message is a structured line; Fluent Bit's is in log")
    func structured() throws {
        let (decoded, items) = try decode(
            #"{"index":{}}"#, #"{"@timestamp":1700000000.5,"a":[1,{"b":null}]}"#,
            #"{"index":{}}"#, #"{"log":"text","@timestamp":"2026-03-04T05:06:08Z"}"#)
        #expect(items.map(\.error) == [nil, nil] && items.map(\.index) == ["logs", "logs"])
        let batch = decoded.batch
        #expect(LogLine.string(batch, row: 0) == #"{"@timestamp":1700000000.5,"a":[1,{"b":null}]}"#)
        #expect(batch.times[0] == Timestamp(nanoseconds: 1_700_000_000_500_000_000))
        #expect(batch.body(1) == .string("text"))
    }

    @Test("objects beside a message are kept as their members, which join as any others do")
    func objects() throws {
        let (decoded, _) = try decode(
            #"{"create":{}}"#,
            #"{"message":"m","kubernetes":{"pod_name":"p","labels":{"app":"a"},"n":[1]},"#
                + #""trace":{"id":"80f198ee56343ba864fe8b2a57d3eff7"},"empty":{}}"#)
        let record = decoded.batch.record(at: 0)
        #expect(record.traceID.hex == "80f198ee56343ba864fe8b2a57d3eff7")
        #expect(
            record.attributes == [
                Attribute("kubernetes.pod_name", .string("p")),
                Attribute("kubernetes.labels.app", .string("a")),
                Attribute("kubernetes.n", .array([.int(1)])),
            ])
    }

    @Test("single bad actions and documents are refused, the others taken")
    func refused() throws {
        let (decoded, items) = try decode(
            #"{"delete":{"_index":"x","_id":"1"}}"#, #"{"update":{"_id":"1"}}"#, #"{"doc":{}}"#,
            #"{"create":{}}"#, "[1]", #"{"create":{}}"#, "{\"a\":", #"{"create":{}}"#, "{}",
            #"{"create":{}}"#)
        #expect(items.map { $0.error == nil } == [false, false, false, false, true, false])
        #expect(decoded.batch.count == 1)
        #expect(decoded.rejectedCount == 5)
    }

    @Test(
        "a line that should be an action and is none refuses the body",
        arguments: ["{}", "x", "[]"])
    func unreadable(_ line: String) {
        #expect(throws: DecodeError.self) { try self.decode(line, "{}") }
    }
}
