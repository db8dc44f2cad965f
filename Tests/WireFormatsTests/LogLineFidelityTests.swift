import Telemetry
import Testing
import WireFormats

@Suite("what a line reads back as")
struct LogLineFidelityTests {
    private func decode(
        _ text: String, _ options: LogLineOptions = LogLineOptions()
    ) throws -> Decoded<LogBatch> {
        try LogLines.decode(
            Array(text.utf8), options: options, receivedAt: Timestamp(seconds: 1_700_000_000))
    }

    /// JSON objects, each of which says the same in other bytes than the compact form would.
    private static let unusual = [
        #"{"level": "error", "amount": 100.00}"#, #"{"a": 1,"b":2}"#, #"{"a":[1], "b":[1,2]}"#,
        #"{"a": [1, 2],"b": 3}"#, #"{"a": {"b":1}}"#, #"{"a": 1, "b": 2} "#, #"{"a":1.50}"#,
        #"{"id":18446744073709551615}"#,
        #"{"n":1E400}"#, #"{"n":-0}"#, #"{"n":1e3}"#, #"{"n":0.1e1}"#, #"{"p":"a\/b"}"#,
        #"{"p":"\u00e9"}"#, #"{"p":"\u000a"}"#, #"{"\u0061":1}"#, #"{ "a":1}"#, #"{"a":1 }"#,
        #"{"a":1} "#, #" {"a":1}"#, #"{"a" :1}"#, #"{"a":1 ,"b":2}"#, "{ }", #"{"a":[1, 2]}"#,
        #"{"a":{"b": 1}}"#, #"{"a":{"b":1.0e0}}"#, #"{"d":12345678901234567890.5}"#,
        #"{"u":"\ud83d\ude00"}"#, #"{"s":"\ud800"}"#, #"{"level":1.0,"time":1.7e9}"#,
        #"{"level":007}"#,
    ]
    private static let compact = [
        "{}", #"{"a":1}"#, #"{"a":"x","b":-5,"c":true,"d":null,"e":0.25,"f":[1,{"g":"h"}]}"#,
        #"{"time":1700000000,"level":"info","n":1.0}"#, #"{"q":"a\"b\\c\n\u0001"}"#, #"{"é":"ü😀"}"#,
        // As other writers put spaces between members, Python's foremost.
        #"{"a": 1}"#,
        #"{"a": "x", "b": -5, "c": [1, {"g": "h", "i": {}}], "d": {"e": [], "f": 0.25}}"#,
        #"{"a":1, "b":[1, 2]}"#, #"{"a": 1,"b": {"c": 1,"d": 2}}"#,
        #"{"a": "x, y: z", "b": ": , "}"#,
    ]

    @Test("a line comes back byte for byte, however its JSON is written", arguments: unusual)
    func bytes(_ line: String) throws {
        let batch = try decode(line).batch
        #expect(LogLine.string(batch, row: 0) == line)
        #expect(batch.bodyTypes == [.string])
    }

    @Test("a compact object is kept as its members alone", arguments: compact)
    func compactly(_ line: String) throws {
        let batch = try decode(line).batch
        #expect(LogLine.string(batch, row: 0) == line)
        #expect(batch.bodyTypes == [.empty])
        #expect(LogLine.byteCounts(of: batch) == [UInt32(line.utf8.count)])
    }

    @Test("spaces between members go along over OTLP")
    func spacingGoesAlong() throws {
        let line = #"{"a": 1, "b": [2, 3]}"#
        let sent = try OTLPLogs.decode(
            protobuf: OTLPLogs.encode(try decode(line).batch), receivedAt: Timestamp(seconds: 1))
        #expect(LogLine.string(sent.batch, row: 0) == line)
    }

    @Test("lines come back byte for byte in any order, whatever the line before was")
    func mixed() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<30 {
            let lines = (Self.unusual + Self.compact + Self.unusual + Self.compact)
                .shuffled(using: &generator)
            let batch = try decode(lines.joined(separator: "\n")).batch
            #expect((0..<batch.count).map { LogLine.string(batch, row: $0) } == lines)
            for (row, line) in lines.enumerated() {
                #expect((batch.bodyTypes[row] == .empty) == Self.compact.contains(line), "\(line)")
            }
        }
    }

    @Test("a line whose text is kept has its members as fields all the same")
    func fields() throws {
        let record = try decode(#"{"level": "error", "amount": 100.00, "n": 7}"#).batch.record(
            at: 0)
        #expect(
            record.attributes == [
                Attribute("level", .string("error")), Attribute("amount", .double(100)),
                Attribute("n", .int(7)),
            ])
        #expect(record.severityNumber == 17)
    }

    @Test(
        "label fields of text lines identify streams as those of JSON lines do",
        arguments: [
            (#"192.0.2.7 - - [04/Mar/2026:05:06:07 +0000] "GET / HTTP/1.1" 503 9"#, "GET", 503),
            ("method=PUT response_code=201 x=1", "PUT", 201),
            (#"{"method":"GET","response_code":204}"#, "GET", 204),
            (#"{"remote_addr":"1","request_method":"GET","status":404,"a":1}"#, "GET", 404),
        ])
    func labels(_ line: String, method: String, code: Int64) throws {
        let options = LogLineOptions(labelFields: ["method", "response_code"])
        let batch = try decode(line, options).batch
        #expect(
            batch.resource(at: batch.resourceIndices[0]).attributes == [
                Attribute("method", .string(method)), Attribute("response_code", .int(code)),
            ])
    }

    @Test(
        "a time that cannot be read is counted, and the line has the time of receipt",
        arguments: [
            (#"{"time":"yesterday"}"#, 1), (#"{"ts":-5}"#, 1), (#"{"ts":1e23}"#, 1),
            (#"{"time":null}"#, 0), (#"{"time":"-"}"#, 0), (#"{"time":"2026-01-02T03:04:05Z"}"#, 0),
            (#"{"time":"never","ts":1700000000}"#, 0), (#"{"a":1}"#, 0), ("time=soon a=1", 1),
        ])
    func unreadableTimes(_ line: String, count: Int) throws {
        #expect(try decode(line).ignoredFields == count)
    }

    @Test(
        "ids are recognised under the names that proxies, clouds and libraries give them",
        arguments: [
            #"{"http_traceparent":"00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01"}"#,
            #"{"request_Traceparent":"00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01"}"#,
            #"{"request_X-B3-Traceid":"80f198ee56343ba864fe8b2a57d3eff7"}"#,
            #"{"request_X-Amzn-Trace-Id":"Root=1-80f198ee-56343ba864fe8b2a57d3eff7"}"#,
            #"{"traceID":"80f198ee56343ba864fe8b2a57d3eff7"}"#,
            #"{"otelTraceID":"80f198ee56343ba864fe8b2a57d3eff7"}"#,
            #"{"trace":{"x":{"id":"no"},"id":"80f198ee56343ba864fe8b2a57d3eff7"}}"#,
            #"{"logging.googleapis.com/trace":"projects/p-1/traces/80f198ee56343ba864fe8b2a57d3eff7"}"#,
            #"{"trace_id":"Root=1-80f198ee-56343ba864fe8b2a57d3eff7"}"#,
            "Traceparent=00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01 a=1",
        ])
    func ids(_ line: String) throws {
        let record = try decode(line).batch.record(at: 0)
        #expect(record.traceID.hex == "80f198ee56343ba864fe8b2a57d3eff7")
    }

    @Test("span ids too, and names that are only similar are none")
    func spans() throws {
        for line in [
            #"{"spanID":"e457b5a2e4d86bd1"}"#, #"{"span":{"id":"e457b5a2e4d86bd1"}}"#,
            #"{"http_x_b3_spanid":"e457b5a2e4d86bd1"}"#,
            #"{"logging.googleapis.com/spanId":"e457b5a2e4d86bd1"}"#,
        ] {
            #expect(try decode(line).batch.spanIDs[0].hex == "e457b5a2e4d86bd1", "\(line)")
        }
        for line in [
            #"{"trace":"at main"}"#, #"{"trace":{"id":7}}"#, #"{"span":{}}"#, #"{"request_":"x"}"#,
            #"{"backtraceid":"80f198ee56343ba864fe8b2a57d3eff7"}"#, #"{"trace":["id"]}"#,
        ] {
            let batch = try decode(line).batch
            #expect(!batch.traceIDs[0].isValid && !batch.spanIDs[0].isValid, "\(line)")
            #expect(LogLine.string(batch, row: 0) == line)
        }
    }
}
