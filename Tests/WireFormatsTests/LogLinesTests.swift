import Telemetry
import Testing
import WireFormats

@Suite("LogLines")
struct LogLinesTests {
    private let receivedAt = Timestamp(seconds: 1_700_000_000)

    private func decode(
        _ text: String, _ options: LogLineOptions = LogLineOptions()
    ) throws -> Decoded<LogBatch> {
        try LogLines.decode(Array(text.utf8), options: options, receivedAt: receivedAt)
    }

    private func record(_ line: String) throws -> LogRecord {
        let batch = try decode(line).batch
        try #require(batch.count == 1)
        return batch.record(at: 0)
    }

    @Test(
        "a line that is a compact JSON object reads back byte for byte",
        arguments: [
            "{}", #"{"a":1}"#, #"{"b":"x","a":null,"b":true,"":""}"#,
            #"{"n":-9223372036854775808,"f":0.25,"e":1e+300,"z":-1.5,"w":2.0}"#,
            #"{"s":"q\"b\\s\/n\n t\t é € 😀 \u0001"}"#.replacing(#"\/"#, with: "/"),
            #"{"o":{"x":[1,"two",{"y":[]},null,false],"k":{}},"after":[0.5,[[]]]}"#,
            #"{"start_time":"2015-07-01T20:10:51.781Z","method":"GET","duration":7,"app":"cart"}"#,
        ])
    func roundTrip(_ line: String) throws {
        let batch = try decode(line).batch
        #expect(batch.bodyTypes == [.empty])
        #expect(LogLine.string(batch, row: 0) == line)
    }

    @Test("lines read the same among others as alone, whatever the layout of the line before")
    func layouts() throws {
        let lines = [
            #"{"a":"x","n":12,"e":null,"time":"2026-01-02T03:04:05.6Z"}"#,
            #"{"a":"x","n":13,"e":null,"time":"2026-01-02T03:04:05.7Z"}"#,
            #"{"a":"y","n":013,"e":null,"time":"2026-01-02T03:04:05.7Z"}"#,
            #"{"a":"y","n":-4,"e":null,"time":"2026-01-02T03:04:05.7Z"}"#,
            #"{"a":"x\"z","n":0,"e":nul1,"time":"2026-01-02T03:04:05.7Z"}"#,
            #"{"a":"x\"z","n":0,"e":null,"time":1700000000}"#,
            #"{"a":"x","n":0.5,"e":{"k":[1,{}]},"time":"t"}"#,
            #"{"a":"x","n":0,"e":true,"time":"t"} "#, #"{"a":"x","n":0,"e":true,"time":"t"}}"#,
            #"{"a":"x","n":0,"e":true,"time":"t""#, #"{"a":"x","n":0,"e":true"#, #"{"a":""}"#,
            #"{"a":"x"}"#, #"{"a":"xx"}"#, #"{"a":"x","b":1}"#, #"{"a" : "x" , "b" : 1}"#,
            #"{"a" : "x" , "b" : 2}"#, #"{"a":"x" "b":1}"#, #"{"a":"x","a":"x"}"#, "{}", "{}", "{",
            #"{"\u0061":"x","b":1}"#, #"{"a":123456789012345678,"b":1234567890123456789}"#,
            #"{"a":12345678901234567890123,"b":1e3}"#, "plain text", #"{"level":"info","a":"x"}"#,
            #"{"level":"warn","a":"x"}"#, #"{"level":"warn","a":"x"}"#,
            #"{"trace_id":"0123456789abcdef0123456789ABCDEF","span_id":"0123456789abcdeg"}"#,
            #"{"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0123456789abcdef"}"#,
            #"{"trace_id":"0123456789abcdef0123456789abcde@","span_id":"`123456789abcdef"}"#,
        ]
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            let order = (lines + lines).shuffled(using: &generator)
            let options = LogLineOptions(labelFields: ["a", "level"])
            let batch = try decode(order.joined(separator: "\n"), options).batch
            try #require(batch.count == order.count)
            for (row, line) in order.enumerated() {
                let alone = try decode(line, options).batch
                #expect(batch.record(at: row) == alone.record(at: 0), "\(line) in \(order)")
                #expect(
                    batch.resource(at: batch.resourceIndices[row])
                        == alone.resource(at: alone.resourceIndices[0]), "\(line) in \(order)")
            }
        }
    }

    @Test(
        "random objects keep keys, order, types and values, and come back byte for byte")
    func randomObjects() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = JSONGenerator(seed: seed)
        var text: [UInt8] = []
        var expected: [[Attribute]] = []
        while expected.count < 500 {
            let (json, value) = generator.document(isContainer: true)
            guard case .map(let members) = value else { continue }
            // No line ends within a line.
            text += json.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } + [0x0A]
            expected.append(members)
        }
        let batch = try LogLines.decode(text, receivedAt: receivedAt).batch
        try #require(batch.count == expected.count, "seed \(seed)")
        var rendered: [UInt8] = []
        for row in 0..<batch.count {
            #expect(batch.record(at: row).attributes == expected[row], "seed \(seed) row \(row)")
            LogLine.append(batch, row: row, to: &rendered)
            rendered.append(0x0A)
        }
        #expect(rendered == text, "seed \(seed)")
    }

    @Test(
        "any other line is a record whose body it is",
        arguments: [
            "plain text", "  ", "[1,2]", "\"x\"", "17", "{\"a\":1", "{\"a\":1} trailing",
            "{\"a\":\"\u{1}\"}", "{a:1}", "null", "{\"a\":1}{\"b\":2}",
        ])
    func otherLines(_ line: String) throws {
        let read = try record(line)
        #expect(read.body == .string(line))
        #expect(read.attributes.isEmpty && read.severityNumber == 0 && read.time == receivedAt)
        let batch = try decode(line).batch
        #expect(LogLine.string(batch, row: 0) == line)
    }

    @Test("lines end in LF or CRLF, the last one in nothing, and empty lines are passed over")
    func lineEnds() throws {
        let batch = try decode("one\r\n\n{\"a\":1}\r\n\r\ntwo").batch
        #expect(
            (0..<batch.count).map { LogLine.string(batch, row: $0) } == ["one", "{\"a\":1}", "two"])
        #expect(try decode("").batch.isEmpty)
        #expect(try decode("\n\r\n").batch.isEmpty)
    }

    @Test("invalid UTF-8 is repaired and counted, in keys, values, nested values and bodies")
    func invalidUTF8() throws {
        var text: [UInt8] = Array("{\"a".utf8) + [0xFF] + Array("\":\"b".utf8) + [0xC3]
        text += Array("\",\"n\":[\"".utf8) + [0x80] + Array("\"]}\nbody ".utf8) + [0xFE]
        let decoded = try LogLines.decode(text, receivedAt: receivedAt)
        #expect(decoded.repairedStrings == 4)
        #expect(
            LogLine.string(decoded.batch, row: 0)
                == "{\"a\u{FFFD}\":\"b\u{FFFD}\",\"n\":[\"\u{FFFD}\"]}")
        #expect(LogLine.string(decoded.batch, row: 1) == "body \u{FFFD}")
    }

    @Test("a line over the limit is refused and counted, its neighbours are kept")
    func longLines() throws {
        let long = String(repeating: "x", count: LogLines.lineBytesMax)
        let decoded = try decode("a\n\(long)x\n\(long)\n{\"b\":1}\n")
        #expect(decoded.batch.count == 3)
        #expect(decoded.rejections.map(\.reason) == [.lineTooLong])
        #expect(decoded.rejectedCount == 1)
        #expect(decoded.rejectionMessage.contains("line 2"))
    }

    @Test("a line that nests deeper than attributes may stays whole, as text")
    func deepNesting() throws {
        for depth in [AttributeValue.nestingDepthMax, AttributeValue.nestingDepthMax + 1, 100_000] {
            let line =
                "{\"a\":" + String(repeating: "[", count: depth)
                + String(repeating: "]", count: depth) + "}"
            let batch = try decode(line).batch
            #expect(LogLine.string(batch, row: 0) == line)
            #expect((batch.bodyTypes[0] == .empty) == (depth <= AttributeValue.nestingDepthMax))
        }
    }

    @Test("arrays and objects of any length keep their elements")
    func longArrays() throws {
        for count in [0, 1, 127, 128, 129, 16_383, 16_384, 20_000] {
            let line = "{\"a\":[" + (0..<count).map(String.init).joined(separator: ",") + "]}"
            let batch = try decode(line).batch
            #expect(LogLine.string(batch, row: 0) == line)
            #expect(
                batch.record(at: 0).attributes.first?.value
                    == .array((0..<count).map { .int(Int64($0)) }))
        }
    }

    @Test("what follows a line with other members is not mistaken for it")
    func changingShapes() throws {
        let lines = [
            #"{"a":"x","b":1}"#, #"{"b":1,"a":"x"}"#, #"{"a":"x","b":"1","c":null}"#, "text",
            #"{"c":"x"}"#, #"{"a":"","b":""}"#, #"{"level":"warn"}"#, #"{"a":"warn"}"#,
        ]
        let batch = try decode(lines.joined(separator: "\n")).batch
        #expect((0..<batch.count).map { LogLine.string(batch, row: $0) } == lines)
        #expect(batch.severityNumbers == [0, 0, 0, 0, 0, 0, 13, 0])
    }

    @Test("a body cut off at any byte loses at most its last line's structure, never a line")
    func truncation() throws {
        let text = Array(
            "{\"time\":\"2015-07-01T20:10:51Z\",\"n\":[1,{\"a\":\"\\u00e9\"}]}\nplain\n{\"x\":1.5}"
                .utf8)
        for length in 1...text.count {
            let cut = Array(text[..<length])
            let expected = cut.split(separator: 0x0A).count
            #expect(try LogLines.decode(cut, receivedAt: receivedAt).batch.count == expected)
        }
    }
}

@Suite("LogLines fields")
struct LogLineFieldTests {
    private let receivedAt = Timestamp(seconds: 1_700_000_000)

    private func record(_ line: String) throws -> LogRecord {
        let batch = try LogLines.decode(Array(line.utf8), receivedAt: receivedAt).batch
        try #require(batch.count == 1)
        return batch.record(at: 0)
    }

    @Test(
        "times are read from text and from numbers whose magnitude tells the unit",
        arguments: [
            (#"{"start_time":"2015-07-01T20:10:51.781Z"}"#, 1_435_781_451_781_000_000),
            (#"{"@timestamp":"2015-07-01T22:10:51+02:00"}"#, 1_435_781_451_000_000_000),
            (#"{"ts":1435781451}"#, 1_435_781_451_000_000_000),
            (#"{"ts":1435781451.781234567}"#, 1_435_781_451_781_234_567),
            (#"{"ts":"1435781451.5"}"#, 1_435_781_451_500_000_000),
            (#"{"ts":1.435781451781e9}"#, 1_435_781_451_781_000_000),
            (#"{"timestamp":1435781451781}"#, 1_435_781_451_781_000_000),
            (#"{"timestamp":"1435781451781.25"}"#, 1_435_781_451_781_250_000),
            (#"{"time":1435781451781234}"#, 1_435_781_451_781_234_000),
            (#"{"time":1435781451781234567}"#, 1_435_781_451_781_234_567),
            (#"{"time":"0.25","ts":1435781451}"#, 1_435_781_451_000_000_000),
            (#"{"time":1435781451,"ts":1535781451}"#, 1_435_781_451_000_000_000),
        ] as [(String, Int64)])
    func times(_ line: String, _ nanoseconds: Int64) throws {
        let read = try record(line)
        #expect(read.time.nanoseconds == nanoseconds)
        #expect(read.observedTime == receivedAt)
    }

    @Test(
        "what is no time leaves the time of receipt",
        arguments: [
            #"{"time":35}"#, #"{"time":0.35}"#, #"{"time":-1435781451}"#, #"{"time":"yesterday"}"#,
            #"{"time":null}"#, #"{"time":{"s":1435781451}}"#, #"{"time":99999999999999999999}"#,
            #"{"time":9999999999999999999}"#, #"{"time":1e300}"#, #"{"time":true}"#,
            #"{"Time":1435781451}"#,
        ])
    func noTimes(_ line: String) throws {
        let read = try record(line)
        #expect(read.time == receivedAt)
        #expect(read.attributes.count == 1)
    }

    @Test(
        "levels are numbered as OpenTelemetry numbers them and keep their text",
        arguments: [
            (#"{"level":"info"}"#, 9, "info"), (#"{"severity":"WARNING"}"#, 13, "WARNING"),
            (#"{"lvl":"Error"}"#, 17, "Error"), (#"{"level":"debug"}"#, 5, "debug"),
            (#"{"level":"TRACE"}"#, 1, "TRACE"), (#"{"level":"fatal"}"#, 21, "fatal"),
            (#"{"level":"notice"}"#, 10, "notice"), (#"{"level":"critical"}"#, 18, "critical"),
            (#"{"level":30}"#, 9, "30"), (#"{"level":50}"#, 17, "50"),
            (#"{"level":"audit"}"#, 0, "audit"), (#"{"level":"err","severity":"info"}"#, 17, "err"),
            (#"{"level":""}"#, 0, ""), (#"{"other":"error"}"#, 0, ""),
        ] as [(String, UInt8, String)])
    func severities(_ line: String, _ number: UInt8, _ text: String) throws {
        let read = try record(line)
        #expect(read.severityNumber == number)
        #expect(read.severityText == text)
    }

    @Test("trace context is read under its usual names; what is no id is only an attribute")
    func traceContext() throws {
        let trace = TraceID(high: 0x4BF9_2F35_77B3_4DA6, low: 0xA3CE_929D_0E0E_4736)
        let span = SpanID(0x00F0_67AA_0BA9_02B7)
        var read = try record(
            #"{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00F067AA0BA902B7"}"#)
        #expect(read.traceID == trace && read.spanID == span && read.flags == 0)
        read = try record(
            #"{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#)
        #expect(read.traceID == trace && read.spanID == span && read.flags == 1)
        read = try record(#"{"traceId":"a3ce929d0e0e4736"}"#)
        #expect(read.traceID == TraceID(high: 0, low: trace.low))
        for line in [
            #"{"trace_id":"-"}"#, #"{"trace_id":"00000000000000000000000000000000"}"#,
            #"{"trace_id":"4bf92f3577b34da6a3ce929d0e0e473g"}"#, #"{"trace_id":17}"#,
            #"{"traceparent":"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
            #"{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"}"#,
            #"{"traceparent":"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}"#,
            #"{"dd.trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#,
        ] {
            read = try record(line)
            #expect(!read.traceID.isValid && !read.spanID.isValid && read.attributes.count == 1)
        }
    }
}

@Suite("LogLines labels")
struct LogLineLabelTests {
    private func decode(_ text: String, _ options: LogLineOptions) throws -> LogBatch {
        try LogLines.decode(Array(text.utf8), options: options, receivedAt: .zero).batch
    }

    @Test("label fields group lines into resources and stay in the line")
    func labels() throws {
        let lines = [
            #"{"app":"cart","n":1,"pod":"a"}"#, #"{"app":"cart","n":2,"pod":"b"}"#,
            #"{"pod":"a","app":"cart"}"#, "plain", #"{"app":7}"#, #"{"app":"7"}"#,
            #"{"app":null}"#, #"{"app":"cart","app":"x","pod":"a"}"#,
        ]
        let options = LogLineOptions(
            labelFields: ["app", "pod", "app"],
            resource: [Attribute("service.name", .string("shop"))])
        let batch = try decode(lines.joined(separator: "\n"), options)
        #expect((0..<batch.count).map { LogLine.string(batch, row: $0) } == lines)
        let service = Attribute("service.name", .string("shop"))
        let resources = batch.resourceIndices.map { batch.resource(at: $0).attributes }
        let cartA = [service, Attribute("app", .string("cart")), Attribute("pod", .string("a"))]
        #expect(resources[0] == cartA && resources[2] == cartA && resources[7] == cartA)
        #expect(resources[1] == [cartA[0], cartA[1], Attribute("pod", .string("b"))])
        #expect(resources[3] == [service] && resources[6] == [service])
        #expect(resources[4] == [service, Attribute("app", .int(7))])
        #expect(resources[5] == [service, Attribute("app", .string("7"))])
        #expect(batch.shared.resources.count == 5)
        #expect(batch.resourceIndices[0] == batch.resourceIndices[2])
    }

    @Test("a label field of a line replaces the fixed attribute of the same name")
    func precedence() throws {
        let options = LogLineOptions(
            labelFields: ["service.name"], resource: [Attribute("service.name", .string("any"))])
        let batch = try decode("{\"service.name\":\"cart\"}\nplain", options)
        #expect(batch.resource(at: batch.resourceIndices[0]).serviceName == "cart")
        #expect(batch.resource(at: batch.resourceIndices[1]).serviceName == "any")
        #expect(batch.resource(at: batch.resourceIndices[0]).attributes.count == 1)
    }

    @Test("without options there is one empty resource")
    func none() throws {
        let batch = try decode("{\"app\":\"x\"}\nplain\n{}", LogLineOptions())
        #expect(batch.shared.resources.count == 1)
        #expect(batch.resource(at: 0) == Resource())
        #expect(batch.resourceIndices == [0, 0, 0])
    }
}
