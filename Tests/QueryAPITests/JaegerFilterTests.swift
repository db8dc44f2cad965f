import Store
import Telemetry
import Testing

/// Jaeger's structured filters, over HTTP.
@Suite("Jaeger's filters")
struct JaegerFilterTests {
    private static let times =
        "query.start_time_min=2026-01-02T03:00:00Z&query.start_time_max=2026-01-02T03:04:06Z"

    /// Traces 1 to 4 with one span each.
    private func fill(_ store: MemoryStore) {
        store.addSpans { spans in
            let web = spans.resource("web", [Attribute("env", .string("prod"))])
            let batch = spans.resource("batch", [Attribute("k", .string("resource"))])
            spans.add(trace: 1, span: 1, "GET /a", resource: web, ago: 10, milliseconds: 5) {
                $0.kind = .server
                $0.attributes = [
                    Attribute("k", .string("span")), Attribute("code", .int(500)),
                    Attribute("prompt", .string("Please Refund, policy (please)")),
                ]
                $0.events = [
                    SpanEvent(
                        time: $0.start.advanced(byNanoseconds: 1_000_000), name: "retry",
                        attributes: [Attribute("k", .string("event"))])
                ]
            }
            spans.add(trace: 2, span: 2, "GET /b", resource: web, ago: 20, milliseconds: 50) {
                $0.kind = .client
                $0.status = .error
                $0.statusMessage = "no"
                $0.attributes = [Attribute("code", .string("500")), Attribute("left", .int(2))]
                $0.links = [
                    SpanLink(
                        traceID: TraceID(high: 0xA, low: 9), spanID: SpanID(7),
                        attributes: [Attribute("k", .string("link"))])
                ]
            }
            spans.add(
                trace: 3, span: 3, parent: 8, "job", resource: batch, ago: 30, milliseconds: 100
            ) {
                $0.attributes = [
                    Attribute("code", .int(404)), Attribute("left", .int(1)),
                    Attribute("right", .int(3)),
                ]
            }
            spans.add(trace: 4, span: 4, "job", resource: batch, ago: 40) {
                $0.attributes = [
                    Attribute("k", .string("span")), Attribute("flag", .bool(true)),
                    Attribute("share", .double(0.5)),
                ]
            }
        }
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return "%" + (digits.count < 2 ? "0" : "") + digits
        }.joined()
    }

    /// The traces that a filter finds, newest first.
    private func traces(_ filter: String) async throws -> [Int] {
        let answer = try await get(filter)
        #expect(answer.status == 200, "\(answer.text)")
        return answer.text.split(separator: "\"traceId\":\"000000000000000a").dropFirst().compactMap
        {
            Int($0.prefix(16))
        }
    }

    private func get(_ filter: String, _ more: String = "") async throws -> Answer {
        try await APIServer.run(filledBy: { fill($0) }) { server in
            try await server.get(
                "/api/v3/trace-summaries?\(Self.times)\(more)&query.filter="
                    + Self.encoded(filter))
        }
    }

    private static func attr(_ key: String, _ level: String = "") -> String {
        #"{"attr":{"key":"\#(key)","level":"\#(level)"}}"#
    }

    private static func field(_ name: String, _ level: String) -> String {
        #"{"field":{"name":"\#(name)","level":"\#(level)"}}"#
    }

    private static func scalar(_ value: String, _ type: String = "") -> String {
        #"{"scalar":{"value":"\#(value)","type":"\#(type)"}}"#
    }

    private static func list(_ values: String...) -> String {
        #"{"list":{"values":["# + values.map { "\"\($0)\"" }.joined(separator: ",") + "]}}"
    }

    private static func op(_ name: String, _ arguments: String...) -> String {
        #"{"op":"\#(name)","args":["# + arguments.joined(separator: ",") + "]}"
    }

    private static func call(_ text: String) -> String { #"{"call":\#(text)}"# }

    private static let found: [(filter: String, traces: [Int])] = [
        // Without a level, attributes of the span and its resource.
        (op("eq", attr("k"), scalar("span")), [1, 4]),
        (op("eq", attr("k"), scalar("resource")), [3, 4]),
        (op("eq", attr("k"), scalar("event")), []),
        (op("eq", attr("k", "span"), scalar("span")), [1, 4]),
        (op("eq", attr("k", "resource"), scalar("resource")), [3, 4]),
        (op("eq", attr("k", "event"), scalar("event")), [1]),
        (op("eq", attr("k", "link"), scalar("link")), [2]),
        // Constants without a type are of any.
        (op("eq", attr("code"), scalar("500")), [1, 2]),
        (op("eq", attr("code"), scalar("500", "int")), [1]),
        (op("eq", attr("code"), scalar("500", "string")), [2]),
        (op("eq", attr("flag"), scalar("true")), [4]),
        (op("eq", attr("flag"), scalar("true", "bool")), [4]),
        (op("eq", attr("share"), scalar("0.5", "double")), [4]),
        (op("gt", attr("code"), scalar("404")), [1]),
        (op("lte", scalar("404"), attr("code")), [1, 3]),
        (op("gt", attr("right"), attr("left")), [3]),
        // A value that is missing satisfies nothing.
        (op("ne", attr("code"), scalar("404")), [1, 2]),
        (op("not", call(op("eq", attr("code"), scalar("404")))), [1, 2, 4]),
        (op("exists", attr("left")), [2, 3]),
        (op("in", attr("left"), list("1", "5")), [3]),
        (op("not_in", attr("left"), list("1", "5")), [2]),
        (op("regex", attr("prompt"), scalar("fund.*pol")), [1]),
        (op("phrase", attr("prompt"), list("refund", "policy")), [1]),
        (op("phrase", attr("prompt"), list("policy", "refund")), []),
        (op("fulltext", attr("prompt"), list("policy", "PLEASE")), [1]),
        (op("fulltext", attr("prompt"), list("refunds")), []),
        // Fields.
        (op("eq", field("service", "resource"), scalar("batch")), [3, 4]),
        (op("regex", field("name", "span"), scalar("GET")), [1, 2]),
        (op("gt", field("duration", "span"), scalar("10ms")), [2, 3]),
        (op("eq", field("status", "span"), scalar("error")), [2]),
        (op("in", field("kind", "span"), list("server", "client")), [1, 2]),
        (op("ne", field("statusMessage", "span"), scalar("yes")), [2]),
        (op("exists", field("parentSpanID", "span")), [3]),
        (op("eq", field("spanID", "span"), scalar("0000000000000002")), [2]),
        (op("eq", field("name", "event"), scalar("retry")), [1]),
        (op("gte", field("timeSinceStart", "event"), scalar("1ms")), [1]),
        (op("eq", field("traceID", "link"), scalar("000000000000000a0000000000000009")), [2]),
        // Together.
        (
            op(
                "and", call(op("eq", attr("env", "resource"), scalar("prod"))),
                call(
                    op(
                        "or", call(op("gt", field("duration", "span"), scalar("20ms"))),
                        call(op("eq", attr("k"), scalar("nothing")))))), [2]
        ),
        (
            op(
                "some", #"{"nested":{"level":"event"}}"#,
                call(op("ne", attr("k", "event"), scalar("other")))), [1]
        ),
        (
            op(
                "some", #"{"nested":{"level":"event"}}"#,
                call(
                    op(
                        "or", call(op("eq", attr("k", "event"), scalar("nothing"))),
                        call(op("eq", attr("k", "event"), scalar("event")))))), [1]
        ),
    ]

    @Test("find what they say", arguments: found)
    func finds(filter: String, traces: [Int]) async throws {
        #expect(try await self.traces(filter) == traces, "\(filter)")
    }

    private static let refusals: [(filter: String, status: Int, message: String)] = [
        ("{", 400, "malformed parameter query.filter: "),
        ("{}", 400, "a call needs an op"),
        (#"{"op":"eq","arguments":[]}"#, 400, "there is no member \"arguments\""),
        (op("eq", attr("k")), 400, "eq takes two operands"),
        (op("like", attr("k"), scalar("x")), 400, "there is no operator \"like\" on such operands"),
        (op("eq", attr("k", "trace"), scalar("x")), 400, "there is no level \"trace\""),
        (op("eq", field("size", "span"), scalar("x")), 400, "there is no field \"size\" of a span"),
        (op("eq", attr("k"), scalar("x", "int")), 400, "\"x\" is no number"),
        (op("gt", field("duration", "span"), scalar("x")), 400, "\"x\" is no duration"),
        (op("gt", field("kind", "span"), scalar("server")), 400, "kind has no order"),
        (op("phrase", attr("k"), list("a b")), 400, "a word is letters and digits"),
        (op("regex", attr("k"), scalar("(")), 400, "invalid regex"),
        (op("and", call(op("exists", attr("k")))), 400, "and joins two or more"),
        (
            op("eq", field("startTime", "span"), scalar("x")), 501,
            "the field span.startTime is not supported"
        ),
        (
            op(
                "some", #"{"nested":{"level":"event"}}"#,
                call(op("and", call(op("exists", attr("k"))), call(op("exists", attr("l")))))),
            501, "more than one condition on the same event is not supported"
        ),
    ]

    @Test("what is wrong or cannot be answered is refused by name", arguments: refusals)
    func refuses(filter: String, status: Int, message: String) async throws {
        let answer = try await get(filter)
        let text = answer.text.replacing("\\\"", with: "\"")
        #expect(answer.status == status && text.contains(message), "\(filter): \(text)")
    }

    @Test("stand beside no other condition, and pages and counts are those of any search")
    func besides() async throws {
        let both = try await get(
            Self.op("exists", Self.attr("k")), "&query.service_name=web")
        #expect(both.status == 400)
        let page = try await get(
            Self.op("exists", Self.attr("k")), "&query.search_depth=1&count=exact")
        #expect(page["x-sidelight-total"] == "3")
        #expect(page["x-sidelight-cursor"] != nil)
    }

    @Test("calls within calls are bounded")
    func depth() async throws {
        var filter = Self.op("exists", Self.attr("k"))
        for _ in 0..<100 { filter = Self.op("not", Self.call(filter)) }
        let answer = try await get(filter)
        #expect(answer.status == 400 && answer.text.contains("more than 32 calls"))
    }
}
