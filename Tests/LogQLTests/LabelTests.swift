import LogQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("parsed labels and label filters")
struct LabelTests {
    private let trace = TraceID(high: 1, low: 2)

    private func count(_ logs: TestLogs, _ stages: String) throws -> Int {
        try logs.lines("{service_name=\"shop\"} \(stages)").count
    }

    @Test(
        "json makes labels of fields, inner ones under joined names",
        arguments: [
            ("{\"a\":1,\"b\":\"x\"}", "a=\"1\", b=\"x\""),
            (
                " { \"a.b\" : -1.5e3 , \"c\" : { \"d e\" : true, \"f\" : { \"g\" : \"h\" } } } tail",
                "a_b=\"-1.5e3\", c_d_e=\"true\", c_f_g=\"h\""
            ),
            ("{\"1a\":1,\"größe\":2,\"\":3}", "_1a=\"1\", gr__e=\"2\""),
            ("{\"a\":[1,{\"b\":\"]\"}],\"c\":null,\"d\":\"\",\"e\":false}", "e=\"false\""),
            (
                "{\"a\":\"\\u00e9\\ud83d\\ude00\\n\\\"\",\"\\u0062\":\"\\/\"}",
                "a=\"é😀\\n\\\"\", b=\"/\""
            ),
            ("{\"a\":1,\"a\":2}", "a=\"1\""),
            ("{\"service_name\":\"x\"}", "service_name_extracted=\"x\""),
            ("{\"a\":\"\\ud800\"}", "a=\"\u{FFFD}\""),
        ])
    func json(line: String, labels: String) throws {
        let logs = TestLogs()
        logs.add(at: 1, .string(line))
        let expected = (labels.split(separator: ", ").map(String.init) + ["service_name=\"shop\""])
            .sorted { Labels.precedes($0.utf8, $1.utf8) }.joined(separator: ", ")
        #expect(try logs.lines("{service_name=\"shop\"} | json") == ["{\(expected)} 1 \(line)"])
    }

    @Test(
        "a line that is no object keeps its fields so far and gets an error",
        arguments: [
            "x", "[1]", "{\"a\":1,", "{\"a\":1 \"b\"", "{\"a\":1,\"b\":x}", "{\"a\":1,\"b\":\"",
            "{\"a\":1,\"b\":[1", "{\"a\":1,\"b\":\"\\",
        ])
    func malformed(line: String) throws {
        let logs = TestLogs()
        logs.add(at: 1, .string(line))
        let found = try logs.lines("{service_name=\"shop\"} | json | drop __error_details__")
        let fields = line.hasPrefix("{") ? ", a=\"1\"" : ""
        #expect(
            found == ["{__error__=\"JSONParserErr\"\(fields), service_name=\"shop\"} 1 \(line)"])
        #expect(try count(logs, "| json | b > 5") == 1)
        #expect(try count(logs, "| json | __error__=\"\"") == 0)
        #expect(
            try logs.lines("{service_name=\"shop\"} | json | drop __error__, __error_details__, a")
                == ["{service_name=\"shop\"} 1 \(line)"])
        #expect(try count(logs, "| json | __error_details__=~\"expecting a JSON object.*\"") == 1)
        #expect(try count(logs, "| json | drop __error_details__ | __error_details__=\"\"") == 1)
    }

    @Test("after a stage's name an inequality is a line filter")
    func stageThenLineFilter() throws {
        let logs = TestLogs()
        logs.add(at: 1, .string("{\"a\":1}"))
        #expect(try count(logs, "| json != \"a\"") == 0)
        #expect(try count(logs, "| json !~ \"b\" | a = 1") == 1)
        #expect(try count(logs, "| json = \"b\"") == 0)
    }

    @Test("the fields of one line are bounded")
    func manyFields() throws {
        let logs = TestLogs()
        let fields = (0..<5_000).map { "\"f\($0)\":1" }.joined(separator: ",")
        logs.add(at: 1, .string("{\(fields)}"))
        #expect(try count(logs, "| json | f999 = 1") == 1)
        #expect(try count(logs, "| json | f1000 = 1") == 0)
        let long = String(repeating: "x", count: 100_000)
        let paths = String(repeating: "{\"\(long)\":", count: 50)
        logs.add(at: 2, .string(paths + "{\(fields)}" + String(repeating: "}", count: 50)))
        #expect(try count(logs, "| json | __error__ = \"\"") == 2)
    }

    @Test("deep nesting ends in an error")
    func deep() throws {
        let logs = TestLogs()
        logs.add(at: 1, .string(String(repeating: "{\"a\":", count: 100_000)))
        #expect(try count(logs, "| json | __error__=\"JSONParserErr\"") == 1)
    }

    @Test(
        "filters compare text, numbers, durations and sizes",
        arguments: [
            ("status >= 500", 1), ("status = 200", 1), ("status == 200.0", 1), ("status != 200", 1),
            ("status < 1e3", 2), ("status = \"200\"", 1), ("status =~ \"2..\"", 1),
            ("status =~ \"2\"", 0), ("status !~ \"5..\"", 1), ("took > 1s", 1), ("took <= 1.5s", 2),
            ("size >= 2KB", 1), ("size < 1MiB", 2), ("missing = \"\"", 2), ("missing > 0", 0),
            ("missing != \"x\"", 2), ("status >= 500 or took < 1s", 2),
            ("status >= 500 and took < 1s", 0), ("status >= 500, path = \"/b\"", 1),
            ("status >= 500 path = \"/b\"", 1),
            ("(status = 200 or status = 500) and took = 20ms", 1),
            ("path = \"/a\" | status = 200", 1), ("service_name = \"shop\"", 2),
        ])
    func filters(filter: String, expected: Int) throws {
        let texts = TestLogs()
        texts.add(
            at: 1,
            .string(
                "{\"status\":200,\"took\":\"20ms\",\"size\":\"1.5KB\",\"path\":\"/a\"}"))
        texts.add(
            at: 2,
            .string(
                "{\"status\":500,\"took\":\"1.5s\",\"size\":\"2KB\",\"path\":\"/b\"}"))
        #expect(try count(texts, "| json | \(filter)") == expected)
        let fields = TestLogs()
        fields.add(
            at: 1, .empty,
            attributes: [
                Attribute("status", .int(200)), Attribute("took", .string("20ms")),
                Attribute("size", .string("1.5KB")), Attribute("path", .string("/a")),
            ])
        fields.add(
            at: 2, .empty,
            attributes: [
                Attribute("status", .int(500)), Attribute("took", .string("1.5s")),
                Attribute("size", .string("2KB")), Attribute("path", .string("/b")),
            ])
        #expect(try count(fields, "| json | \(filter)") == expected)
    }

    @Test("the level of a record is a label in Loki's words")
    func detectedLevel() throws {
        let logs = TestLogs()
        for (time, number) in [(1, 9), (2, 10), (3, 17), (4, 0), (5, 24)] {
            logs.add(at: Int64(time), .string("x"), severity: ("", UInt8(number)))
        }
        let counts = try LogQLEngine(store: logs.store).instant(
            "sum by (level, detected_level) (count_over_time({service_name=\"shop\"} [1m]))", at: 1)
        guard case .vector(_, let elements) = counts.value else {
            Issue.record("no vector")
            return
        }
        #expect(
            Set(elements.map { "\($0.labels) \($0.value)" }) == [
                "{detected_level=\"info\"} 2.0", "{detected_level=\"error\"} 1.0",
                "{detected_level=\"unknown\"} 1.0", "{detected_level=\"fatal\"} 1.0",
            ])
        #expect(
            try logs.lines("{service_name=\"shop\"} | detected_level=\"fatal\"")
                == ["{service_name=\"shop\"} 5 x"])
    }

    @Test("a label may be made of the line of a record that is kept as fields")
    func formattedLine() throws {
        let logs = TestLogs()
        logs.add(at: 1, .empty, attributes: [Attribute("a", .int(1))])
        #expect(
            try logs.lines("{service_name=\"shop\"} | label_format z=`<{{__line__}}>` | keep z")
                == ["{z=\"<{\\\"a\\\":1}>\"} 1 {\"a\":1}"])
    }

    @Test("a value that is no number passes and says so")
    func notANumber() throws {
        let logs = TestLogs()
        logs.add(at: 1, .string("{\"status\":\"odd\"}"))
        #expect(
            try logs.lines("{service_name=\"shop\"} | json | status > 5") == [
                "{__error__=\"LabelFilterErr\", "
                    + "__error_details__=\"status: \\\"odd\\\" is no number\", "
                    + "service_name=\"shop\", status=\"odd\"} 1 {\"status\":\"odd\"}"
            ])
        #expect(try count(logs, "| json | status > 5 | __error__ = \"\"") == 0)
    }

    @Test("records belong to traces, whatever their fields say")
    func traces() throws {
        let logs = TestLogs()
        logs.add(at: 1, .string("{\"trace_id\":\"abc\"}"), trace: trace, span: SpanID(7))
        logs.add(at: 2, .string("{\"trace_id\":\"abc\"}"))
        #expect(try count(logs, "| trace_id = \"\(trace.hex)\"") == 1)
        #expect(try count(logs, "|= \"abc\" | span_id = \"0000000000000007\"") == 1)
        #expect(try count(logs, "| trace_id != \"\"") == 1)
        #expect(try count(logs, "| json | trace_id = \"abc\"") == 1)
        #expect(try count(logs, "| json | trace_id_extracted = \"abc\"") == 1)
        #expect(try count(logs, "| trace_id = \"\(trace.hex)\" or span_id = \"\"") == 2)
        #expect(try count(logs, "| trace_id = \"\(trace.hex.uppercased())\"") == 1)
        #expect(try count(logs, "| drop trace_id | trace_id = \"\(trace.hex)\"") == 0)
    }

    @Test(
        "attributes beside a body are labels for filters, and with the line, not in the result's labels"
    )
    func metadata() throws {
        let logs = TestLogs()
        logs.add(at: 1, .string("x"), attributes: [Attribute("http.status", .int(404))])
        #expect(
            try logs.lines("{service_name=\"shop\"} | http_status = 404")
                == ["{service_name=\"shop\"} 1 x"])
        func metadata(_ query: String) throws -> [Labels] {
            try LogQLEngine(store: logs.store).streams(
                query, start: .distantPast, end: .distantFuture, limit: 9
            ).flatMap { $0.entries.map(\.metadata) }
        }
        let all = "{service_name=\"shop\"}"
        #expect(try metadata(all) == [Labels(["http_status": "404"])])
        #expect(try metadata(all + " | label_format http_status=\"x\"") == [.empty])
        #expect(try metadata(all + " | drop http_status") == [.empty])
        #expect(try metadata(all + " | keep service_name") == [.empty])
    }
}
