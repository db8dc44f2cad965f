import HTTPServer
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Jaeger's API v3")
struct JaegerV3Tests {
    private static let id = "000000000000000a0000000000000001"
    private static let times =
        "query.start_time_min=2026-01-02T03:00:00Z&query.start_time_max=2026-01-02T03:04:05.000000001Z"

    private func get(_ path: String) async throws -> Answer {
        try await APIServer.run(filledBy: { $0.fillShop() }) { try await $0.get(path) }
    }

    @Test("services and operations")
    func lists() async throws {
        #expect(try await get("/api/v3/services").text == #"{"services":["batch","cart","web"]}"#)
        let expected = #"{"operations":[{"name":"call","spanKind":"client"}]}"#
        for name in ["spanKind", "span_kind"] {
            let answer = try await get("/jaeger/api/v3/operations?service=web&\(name)=client")
            #expect(answer.text == expected)
        }
    }

    @Test("a trace is OTLP in JSON")
    func trace() async throws {
        let answer = try await get("/api/v3/traces/\(Self.id)")
        #expect(answer.status == 200)
        #expect(answer.text.hasPrefix(#"{"result":{"resourceSpans":[{"resource":{"attributes":["#))
        #expect(answer.text.count(of: #""traceId":"\#(Self.id)""#) == 3)
        #expect(answer.text.count(of: #""resource":"#) == 2)
    }

    @Test("a search takes names in either spelling and requires its times")
    func search() async throws {
        let snake = try await get("/api/v3/traces?query.service_name=batch&\(Self.times)")
        #expect(snake.text.count(of: #""spanId":"#) == 3)
        let camel = try await get(
            "/api/v3/traces?query.serviceName=batch&query.startTimeMin=2026-01-02T03:00:00.5%2B00:00"
                + "&query.startTimeMax=2026-01-02T03:04:06Z&query.searchDepth=1")
        #expect(camel.text.count(of: #""spanId":"#) == 1)
        let narrow = try await get(
            "/api/v3/traces?query.attributes=%7B%22http.status_code%22%3A%22503%22%7D"
                + "&query.duration_min=40ms&query.durationMax=0.04s&\(Self.times)")
        #expect(narrow.text.count(of: #""spanId":"#) == 3)
    }

    @Test(
        "errors have the gateway's shape",
        arguments: [
            ("traces/ff", 404, "No traces found"),
            ("traces/xyz", 400, "malformed parameter trace_id: "),
            ("traces/ff?start_time=bad", 400, "malformed parameter start_time: "),
            ("traces/ff?endTime=bad", 400, "malformed parameter end_time: "),
            ("traces", 400, "query.startTimeMin and query.startTimeMax are required"),
            (
                "traces?query.start_time_min=x&query.start_time_max=y", 400,
                #"malformed parameter query.startTimeMin: \"x\" is not an RFC 3339 time"#
            ),
            ("traces?\(times)&query.service_name=none", 404, "No traces found"),
            (
                "traces?\(times)&query.search_depth=x", 400,
                "malformed parameter query.searchDepth: "
            ),
            (
                "traces?\(times)&query.duration_min=x", 400,
                "malformed parameter query.durationMin: "
            ),
            ("traces?\(times)&query.attributes=x", 400, "malformed parameter query.attributes: "),
            ("traces?\(times)&query.filter=x", 400, "malformed parameter query.filter: "),
            ("operations", 400, "malformed parameter service: "),
            ("nothing", 404, "/api/v3/nothing is not served here"),
        ])
    func errors(path: String, status: Int, message: String) async throws {
        let answer = try await get("/api/v3/\(path)")
        #expect(answer.status == status)
        #expect(
            answer.text.hasPrefix(#"{"error":{"httpCode":\#(status),"message":"\#(message)"#),
            "\(answer.text)")
    }

    @Test("summaries tell of traces without their spans")
    func summaries() async throws {
        let answer = try await get("/api/v3/trace-summaries?query.service_name=web&\(Self.times)")
        #expect(
            answer.text == #"{"summaries":[{"traceId":"\#(Self.id)","rootServiceName":"web","#
                + #""rootOperationName":"GET /","minStartTimeUnixNano":"1767323015000000000","#
                + #""maxEndTimeUnixNano":"1767323015100000000","spanCount":3,"errorSpanCount":1,"#
                + #""orphanSpanCount":0,"services":["#
                + #"{"name":"cart","spanCount":1,"errorSpanCount":1},"#
                + #"{"name":"web","spanCount":2,"errorSpanCount":0}]}]}"#)
    }
}
