import HTTPServer
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("routes of our own")
struct SidelightRouteTests {
    private static let trace = "00000000000000000000000000000007"

    private func line(_ ago: Int64, _ text: String, span: Int, _ service: String) -> String {
        #"{"time":"\#(APIServer.now - ago)000000000","line":"\#(text)","severity":"INFO","#
            + #""traceId":"\#(Self.trace)","spanId":"000000000000000\#(span)","#
            + #""labels":{"service_name":"\#(service)"}}"#
    }

    @Test("the lines of a trace come oldest first, from all services")
    func lines() async throws {
        try await APIServer.run(filledBy: { $0.fillLogs() }) { server in
            let lines = [
                line(3, #"traced \"one\""#, span: 1, "web"), line(2, "traced two", span: 2, "web"),
                line(1, "cart line", span: 3, "cart"),
            ]
            let all = try await server.get("/api/sidelight/logs?traceId=7")
            #expect(
                all.text == #"{"lines":[\#(lines.joined(separator: ","))],"truncated":false}"#)
            let one = try await server.get(
                "/api/sidelight/logs?traceId=\(Self.trace)&spanId=0000000000000002")
            #expect(one.text == #"{"lines":[\#(lines[1])],"truncated":false}"#)
            let cut = try await server.get("/api/sidelight/logs?traceId=7&limit=1")
            #expect(cut.text == #"{"lines":[\#(lines[0])],"truncated":true}"#)
            let none = try await server.get("/api/sidelight/logs?traceId=8")
            #expect(none.text == #"{"lines":[],"truncated":false}"#)
        }
    }

    @Test(
        "bad parameters and unknown paths are errors in JSON",
        arguments: [
            ("logs", 400, "traceId and spanId must be hexadecimal: "),
            ("logs?traceId=xyz", 400, "traceId and spanId must be hexadecimal: "),
            ("logs?traceId=7&spanId=q", 400, "traceId and spanId must be hexadecimal: "),
            ("logs?traceId=7&limit=0", 400, "limit must be a positive number"),
            ("alerts/history?limit=x", 400, "limit must be a positive number"),
            ("alerts/history?from=soon", 400, "from must be a time such as 2026-"),
            ("alerts/history?state=angry", 400, "state must be one of inactive, pending"),
            ("alerts/history?label=x", 400, "label must be NAME=VALUE"),
            ("other", 404, "/api/sidelight/other is not served here"),
        ])
    func errors(path: String, status: Int, message: String) async throws {
        try await APIServer.run { server in
            let answer = try await server.get("/api/sidelight/\(path)")
            #expect(answer.status == status)
            #expect(answer.text.hasPrefix(#"{"error":"\#(message)"#), "\(answer.text)")
        }
    }

    @Test("the history of alerts, newest first")
    func history() async throws {
        let setup = APIServer.Setup()
        var change = CatalogChange()
        for (index, states) in [("inactive", "pending"), ("pending", "firing")].enumerated() {
            change.transitions.append(
                AlertTransition(
                    at: Timestamp(seconds: APIServer.now + Int64(index)),
                    group: RuleGroupKey(file: "slo.yml", name: "slo"), rule: "Burn",
                    labels: Labels(["alertname": "Burn"]), from: states.0, to: states.1,
                    value: 14.5))
        }
        try setup.store.commit(change)
        func step(_ second: String, _ from: String, _ to: String) -> String {
            #"{"at":"2026-01-02T03:04:\#(second)Z","file":"slo.yml","group":"slo","rule":"Burn","#
                + #""labels":{"alertname":"Burn"},"from":"\#(from)","to":"\#(to)","value":"14.5"}"#
        }
        let steps = [step("06", "pending", "firing"), step("05", "inactive", "pending")]
        try await APIServer.run(setup) { server in
            let all = try await server.get("/api/sidelight/alerts/history")
            #expect(all.text == #"{"transitions":[\#(steps.joined(separator: ","))]}"#)
            let newest = try await server.get("/api/sidelight/alerts/history?limit=1")
            #expect(newest.text == #"{"transitions":[\#(steps[0])]}"#)
            for (query, wanted) in [
                ("alertname=Burn", steps), ("alertname=Other", []), ("state=pending", [steps[1]]),
                ("from=2026-01-02T03:04:06Z", [steps[0]]), ("to=\(APIServer.now)", [steps[1]]),
                ("from=now-1h&to=now", [steps[1]]), ("from=now-0s&to=now", [steps[1]]),
                ("label=alertname=Burn&label=nobody=", []), ("label=alertname=Burn", steps),
            ] {
                let answer = try await server.get("/api/sidelight/alerts/history?\(query)")
                #expect(
                    answer.text == #"{"transitions":[\#(wanted.joined(separator: ","))]}"#,
                    "\(query)")
            }
        }
    }

    @Test("the status shows version, uptime and counters")
    func status() async throws {
        try await APIServer.run { server in
            _ = try await server.get("/-/ready")
            let answer = try await server.get("/api/sidelight/status")
            #expect(
                answer.text.hasPrefix(
                    #"{"version":"1.2.3","revision":"abc","startedAt":"2026-01-02T03:03:05Z","#
                        + #""uptimeSeconds":60,"retention":"30d","metrics":["#))
            #expect(
                answer.text.contains(
                    #"{"name":"sidelight_http_requests_total","type":"counter","#
                        + #""labels":{"route":"/-/ready","code":"200"},"value":1.0}"#))
        }
    }
}
