import LogQL
import QueryCore
import Store
import Telemetry
import Testing

/// What a sender tells beside a line: Loki's structured metadata.
@Suite("metadata beside lines")
struct BesideLineTests {
    private static let shop = "{service_name=\"shop\"}"

    @Test(
        "no parser overwrites it: what the line has under its name gets a suffix",
        arguments: [
            ("{\"method\":\"GET\",\"n\":1}", "json"), ("{\"method\":\"GET\"}", "json method"),
            ("{\"method\":\"GET\"}", "unpack"), ("method=GET n=1", "logfmt"),
            ("method=GET n=1", "logfmt method"), ("GET /", "regexp \"(?P<method>[A-Z]+) \""),
            ("GET /", "pattern \"<method> <_>\""),
        ])
    func parsers(line: String, parser: String) throws {
        let logs = TestLogs()
        logs.add(
            at: 1, .string(line),
            attributes: [Attribute("pod", .string("p")), Attribute("method", .string("META"))],
            flags: BesideLine.flags(2))
        func count(_ filter: String) throws -> Int {
            try logs.lines("\(Self.shop) | \(parser) | \(filter)").count
        }
        #expect(try count("method=`META`") == 1)
        #expect(try count("method=`GET`") == 0)
        #expect(try count("method_extracted=`GET`") == 1)
        let entries = try LogQLEngine(store: logs.store).streams(
            "\(Self.shop) | \(parser)", start: .zero, end: .distantFuture, limit: 9
        ).flatMap(\.entries)
        #expect(entries.map(\.metadata) == [Labels(["method": "META", "pod": "p"])])
        #expect(entries.first?.parsed["method_extracted"] == "GET")
        let counts = "sum by (method) (count_over_time(\(Self.shop) | \(parser) [1m]))"
        #expect(try vector(logs, counts) == ["{method=\"META\"} 1.0"])
    }

    @Test("what was read out of the line gives way to a parser, as it does not come from beside it")
    func readOut() throws {
        let logs = TestLogs()
        logs.add(
            at: 1, .string("duration=1.50 pod=p"),
            attributes: [Attribute("pod", .string("web-1")), Attribute("duration", .double(1.5))],
            flags: BesideLine.flags(1))
        let found = try logs.lines("\(Self.shop) | logfmt")
        #expect(
            found == [
                "{duration=\"1.50\", pod_extracted=\"p\", service_name=\"shop\"} 1 duration=1.50 pod=p"
            ])
    }

    @Test("a count by all labels has those of the record that keep names")
    func kept() throws {
        let logs = TestLogs()
        for method in ["META", "META", "META2"] {
            logs.add(
                at: 1, .string("x"),
                attributes: [
                    Attribute("method", .string(method)), Attribute("id", .string("\(method)-1")),
                ], severity: ("warn", 13))
        }
        #expect(
            try vector(logs, "count_over_time(\(Self.shop) | keep method [1m])") == [
                "{method=\"META\"} 2.0", "{method=\"META2\"} 1.0",
            ])
        #expect(
            try vector(logs, "sum without (id) (rate(\(Self.shop) | keep id, method [1s]))") == [
                "{method=\"META\"} 2.0", "{method=\"META2\"} 1.0",
            ])
        #expect(
            try vector(logs, "count_over_time(\(Self.shop) | keep severity_text [1m])") == [
                "{severity_text=\"warn\"} 3.0"
            ])
        #expect(try vector(logs, "count_over_time(\(Self.shop)[1m])") == ["\(Self.shop) 3.0"])
    }

    @Test("ids and severity are no more in an answer when keep or drop took them")
    func taken() throws {
        let logs = TestLogs()
        logs.add(
            at: 1, .string("x"), trace: TraceID(high: 1, low: 2), span: SpanID(3),
            severity: ("warn", 13))
        func entry(_ stages: String) throws -> LogEntry? {
            try LogQLEngine(store: logs.store).streams(
                Self.shop + stages, start: .zero, end: .distantFuture, limit: 9
            ).first?.entries.first
        }
        let whole = try #require(try entry(""))
        #expect(whole.traceID.isValid && whole.spanID.isValid && whole.severity == "warn")
        let kept = try #require(try entry("| keep service_name, span_id"))
        #expect(!kept.traceID.isValid && kept.spanID.isValid && kept.severity.isEmpty)
        let dropped = try #require(try entry("| drop span_id, severity_text"))
        #expect(dropped.traceID.isValid && !dropped.spanID.isValid && dropped.severity.isEmpty)
    }

    private func vector(_ logs: TestLogs, _ query: String) throws -> [String] {
        let result = try LogQLEngine(store: logs.store).instant(query, at: 1)
        guard case .vector(_, let elements) = result.value else { return [] }
        return elements.map { "\($0.labels) \($0.value)" }
    }
}
