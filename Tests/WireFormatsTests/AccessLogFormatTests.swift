import Telemetry
import Testing
import WireFormats

@Suite("access-log formats")
struct AccessLogFormatTests {
    private static let receivedAt = Timestamp(seconds: 1_800_000_000)

    private func record(
        _ line: String, _ options: LogLineOptions = LogLineOptions()
    ) throws -> (record: LogRecord, scope: String) {
        let decoded = try LogLines.decode(
            Array(line.utf8), options: options, receivedAt: Self.receivedAt)
        try #require(decoded.batch.count == 1 && decoded.rejections.isEmpty)
        let scope = decoded.batch.scope(at: decoded.batch.scopeIndices[0])
        return (decoded.batch.record(at: 0), scope.name)
    }

    /// A line with what must be found in it; `time` is RFC 3339.
    struct Sample: CustomTestStringConvertible, Sendable {
        var scope: String
        var line: String
        var time: String?
        var fields: [String: AttributeValue]
        var testDescription: String { "\(scope): \(line.prefix(60))" }
    }

    @Test("text formats are recognised and typed without configuration", arguments: textSamples)
    func text(_ sample: Sample) throws {
        let (record, scope) = try record(sample.line)
        #expect(scope == sample.scope)
        #expect(record.body == .string(sample.line))
        let expected = sample.time.flatMap { RFC3339.parse($0) } ?? Self.receivedAt
        #expect(record.time == expected)
        let found = Dictionary(
            record.attributes.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        #expect(found == sample.fields)
        #expect(found.count == record.attributes.count)
    }

    @Test("JSON of other proxies is kept under the same names and units", arguments: jsonSamples)
    func json(_ sample: Sample) throws {
        let (record, scope) = try record(sample.line)
        #expect(scope == sample.scope)
        #expect(record.body == .string(sample.line))
        #expect(record.time == sample.time.flatMap { RFC3339.parse($0) })
        let found = Dictionary(
            record.attributes.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        for (key, value) in sample.fields { #expect(found[key] == value, "\(key)") }
    }

    @Test("mixed lines read the same as alone, in any order")
    func mixed() throws {
        let lines =
            Self.textSamples.map(\.line) + Self.jsonSamples.map(\.line)
            + [
                "plain words", #"{"remote_addr":"x","broken":"#, "a=1 b=\"two words\" c=x",
                #"{"method":"GET","path":"/","response_code":200}"#,
            ]
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<10 {
            let order = (lines + lines).shuffled(using: &generator)
            let batch = try LogLines.decode(
                Array(order.joined(separator: "\n").utf8), receivedAt: Self.receivedAt
            ).batch
            try #require(batch.count == order.count)
            for (row, line) in order.enumerated() {
                let (alone, scope) = try record(line)
                #expect(batch.record(at: row) == alone, "\(line)")
                #expect(batch.scope(at: batch.scopeIndices[row]).name == scope, "\(line)")
            }
        }
    }

    @Test("a line cut off anywhere, or changed anywhere, is kept and never crashes")
    func mutilated() throws {
        for sample in Self.textSamples + Self.jsonSamples {
            let bytes = Array(sample.line.utf8)
            for count in 1..<bytes.count {
                for part in [Array(bytes.prefix(count)), Array(bytes.suffix(count))] {
                    let batch = try LogLines.decode(part, receivedAt: Self.receivedAt).batch
                    #expect(batch.count == 1)
                }
            }
            for index in bytes.indices {
                for byte: UInt8 in [0x00, 0x20, 0x22, 0x2D, 0x5B, 0x5C, 0x7B, 0xFF] {
                    var changed = bytes
                    changed[index] = byte
                    let batch = try LogLines.decode(changed, receivedAt: Self.receivedAt).batch
                    #expect(batch.count == 1)
                }
            }
        }
    }

    @Test(
        "a line that fits nothing is kept as text",
        arguments: [
            "GET / HTTP/1.1", "panic: runtime error", "key=value", "a = b c = d",
            #"[yesterday] "GET / HTTP/1.1" 200 - 0 0 0 - "-" "-" "-" "-" "-""#,
            #"10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" two hundred"#, "[", "\"",
        ])
    func free(_ line: String) throws {
        let (record, scope) = try record(line)
        #expect(record.body == .string(line))
        #expect(record.attributes.isEmpty)
        #expect(record.time == Self.receivedAt)
        #expect(scope.isEmpty)
    }

    @Test("logfmt has typed fields beside its text")
    func logfmt() throws {
        let line =
            #"time=2026-01-02T03:04:05Z level=warn msg="it \"broke\"" took=12 ratio=0.5 "#
            + "trace_id=0123456789abcdef0123456789abcdef empty="
        let (record, _) = try record(line)
        #expect(record.body == .string(line))
        #expect(record.time == RFC3339.parse("2026-01-02T03:04:05Z"))
        #expect(record.severityText == "warn" && record.severityNumber == 13)
        #expect(record.traceID.hex == "0123456789abcdef0123456789abcdef")
        #expect(record.attributes.contains(Attribute("msg", .string("it \"broke\""))))
        #expect(record.attributes.contains(Attribute("took", .int(12))))
        #expect(record.attributes.contains(Attribute("ratio", .double(0.5))))
        #expect(record.attributes.contains(Attribute("empty", .string(""))))
    }

    @Test(
        "ids are taken from whatever carries them",
        arguments: [
            (#"{"b3":"80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"}"#, true),
            (
                #"{"b3":"80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90"}"#,
                true
            ),
            (
                #"{"x-b3-traceid":"80f198ee56343ba864fe8b2a57d3eff7","x-b3-spanid":"e457b5a2e4d86bd1"}"#,
                true
            ),
            (
                #"{"traceparent":"00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01"}"#,
                true
            ),
            (
                #"{"x-amzn-trace-id":"Self=1-0-0;Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=e457b5a2e4d86bd1;Sampled=1"}"#,
                true
            ),
            (#"{"x-amzn-trace-id":"Root=1-80f198ee-56343ba864fe8b2a57d3eff7"}"#, false),
        ])
    func joined(_ line: String, hasSpan: Bool) throws {
        let (record, _) = try record(line)
        #expect(record.traceID.hex == "80f198ee56343ba864fe8b2a57d3eff7")
        #expect(record.spanID.hex == (hasSpan ? "e457b5a2e4d86bd1" : "0000000000000000"))
    }

    @Test(
        "headers that are no ids join nothing",
        arguments: [
            #"{"b3":"0"}"#, #"{"b3":"d-1"}"#, #"{"b3":"-"}"#, #"{"b3":""}"#,
            #"{"x-amzn-trace-id":"Root="}"#, #"{"x-amzn-trace-id":"Root=1-80f198ee-5634"}"#,
            #"{"x-amzn-trace-id":";;;"}"#, #"{"traceparent":"-"}"#,
        ])
    func unjoined(_ line: String) throws {
        let (record, _) = try record(line)
        #expect(!record.traceID.isValid && !record.spanID.isValid)
    }

    @Test("a configured format is a parser for exactly its lines, before all others")
    func configured() throws {
        let format = try LineTemplate(
            name: "ours",
            envoyFormat: "%START_TIME(%s.%3f)% %%|%REQ(X-Team):5%|%RESPONSE_CODE%"
                + "|%TRACE_ID%|%RESP(Server)%|%DYNAMIC_METADATA(a:b)%\n")
        let options = LogLineOptions(formats: [format])
        let line = "1700000000.250 %|red|503|0123456789abcdef0123456789abcdef|-|x"
        let (record, scope) = try record(line, options)
        #expect(scope == "ours")
        #expect(record.time == Timestamp(nanoseconds: 1_700_000_000_250_000_000))
        #expect(record.traceID.hex == "0123456789abcdef0123456789abcdef")
        #expect(
            record.attributes == [
                Attribute("http.request.header.x-team", .string("red")),
                Attribute("response_code", .int(503)),
                Attribute("trace_id", .string("0123456789abcdef0123456789abcdef")),
                Attribute("dynamic_metadata.a:b", .string("x")),
            ])
        #expect(try self.record(line + " ", options).scope == "ours")
        #expect(try self.record(line.replacing("503", with: "5x3"), options).scope.isEmpty)
    }

    @Test(
        "a format that could not be taken apart again is refused",
        arguments: [
            ("%REQ(A)%%REQ(B)%", "nothing stands between"), ("no operator", "no operator"),
            ("%START_TIME", "%START_TIME"), ("a %REQ(x b", "%REQ(x b"), ("%", "no operator such"),
        ])
    func unusable(_ format: String, reason: String) {
        let error = #expect(throws: LineTemplateError.self) {
            try LineTemplate(name: "f", envoyFormat: format)
        }
        #expect(error?.description.contains(reason) == true)
    }

    @Test("times without a zone are in the zone that is configured")
    func zones() throws {
        let line = "10.0.0.9:1 [06/Feb/2026:12:14:14.655] f b/s 1/0/7 212 -- 1/1/1/1/0 0/0"
        let (record, _) = try record(line, LogLineOptions(utcOffset: 3_600))
        #expect(record.time == RFC3339.parse("2026-02-06T11:14:14.655Z"))
    }
}
