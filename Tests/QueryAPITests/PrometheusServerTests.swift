import Foundation
import HTTPServer
import Platform
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("what the server tells of itself over Prometheus's API")
struct PrometheusServerTests {
    private func expect(_ path: String, data: String) async throws {
        try await APIServer.run { server in
            let answer = try await server.get(path)
            #expect(answer.status == 200)
            #expect(answer.text == #"{"status":"success","data":\#(data)}"#)
        }
    }

    @Test("settings as YAML and by name")
    func settings() async throws {
        try await expect(
            "/api/v1/status/config", data: #"{"yaml":"data: /d\nlisten: \"127.0.0.1:0\"\n"}"#)
        try await expect(
            "/api/v1/status/flags", data: #"{"data":"/d","listen":"127.0.0.1:0"}"#)
    }

    @Test("what is always the same has Prometheus's shape")
    func fixed() async throws {
        try await expect("/api/v1/status/walreplay", data: #"{"min":0,"max":0,"current":0}"#)
        try await expect("/api/v1/notifications", data: "[]")
        try await expect("/api/v1/status/tsdb/blocks", data: #"{"blocks":[]}"#)
        try await expect(
            "/api/v1/alertmanagers",
            data: #"{"activeAlertmanagers":[],"droppedAlertmanagers":[]}"#)
        try await APIServer.run { server in
            let live = try await server.get("/api/v1/notifications/live")
            #expect(live.status == 204)
        }
    }

    @Test("its own metrics, those that a pattern matches")
    func selfMetrics() async throws {
        try await APIServer.run { server in
            server.events.emit(Happened(way: "a"))
            server.events.emit(Happened(way: "a"))
            let answer = try await server.get(
                "/api/v1/status/self_metrics?metric_name_pattern=happened.*")
            #expect(
                answer.text == #"{"status":"success","data":[{"name":"happened_total","#
                    + #""help":"Times.","type":"COUNTER","metric":[{"label":[{"name":"way","#
                    + #""value":"a"}],"counter":{"value":2.0}}]}]}"#)
            #expect(
                try await server.get("/api/v1/status/self_metrics?metric_name_pattern=(").status
                    == 400)
        }
    }

    @Test("features name every function of the language")
    func features() async throws {
        try await APIServer.run { server in
            let text = try await server.get("/api/v1/features").text
            for part in [
                #""api":{"admin":false"#, #""info":true"#, #""start_timestamp":true"#,
                #""limit_ratio":true"#, #""anchored":true"#, #""atan2":true"#,
                #""delayed_name_removal":true"#, #""search":true"#,
            ] {
                #expect(text.contains(part), "\(part)")
            }
        }
    }

    @Test(
        "what has to be turned on in Prometheus is refused as there",
        arguments: [
            ("POST", "/api/v1/admin/tsdb/delete_series?match%5B%5D=up", 500),
            ("PUT", "/api/v1/admin/tsdb/snapshot", 500),
            ("POST", "/api/v1/admin/tsdb/clean_tombstones", 500),
            ("POST", "/-/quit", 403), ("PUT", "/-/reload", 403),
        ])
    func refusals(method: String, path: String, status: Int) async throws {
        try await APIServer.run { server in
            let answer = try await server.send(method, path)
            #expect(answer.status == status, "\(answer.text)")
            #expect(
                answer.text.contains(#""errorType":"unavailable""#)
                    || answer.text == "Lifecycle API is not enabled.\n")
        }
    }

    @Test("the contract names routes that are there, and no others")
    func contract() async throws {
        try await APIServer.run { server in
            let yaml = try await server.get("/api/v1/openapi.yaml")
            #expect(yaml["content-type"] == "application/yaml; charset=utf-8")
            #expect(yaml.text.hasPrefix("openapi: 3.1.0\n"))
            // Of receivers, which this server has none of.
            let others: Set<String> = [
                "/targets", "/targets/metadata", "/targets/relabel_steps", "/scrape_pools",
                "/write", "/otlp/v1/metrics", "/import/prometheus",
            ]
            for route in PrometheusContract.routes where !others.contains(route.path) {
                #expect(yaml.text.contains("\n  \(route.path):\n"))
                for method in route.methods {
                    let path = route.path.replacing("{name}", with: "job")
                    let answer = try await server.send(method.uppercased(), "/api/v1" + path)
                    #expect(answer.status != 404 && answer.status != 405, "\(method) \(path)")
                }
            }
        }
    }

    @Test("queries are logged with their parameters and what they cost")
    func queryLog() async throws {
        var setup = APIServer.Setup()
        let path = FileManager.default.temporaryDirectory.path + "/queries-\(UUID().uuidString)"
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                Issue.record("\(error)")
            }
        }
        setup.queryLogPath = path
        try await APIServer.run(setup) { server in
            _ = try await server.get("/api/v1/query?query=up&time=10")
            _ = try await server.get("/api/v1/query_range?query=up(&start=1&end=2&step=1")
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        let first = try #require(lines.first)
        #expect(
            first.hasPrefix(
                #"{"time":"2026-01-02T03:04:05Z","level":"INFO","msg":"promql query logged","#
                    + #""params":{"end":"1970-01-01T00:00:10Z","query":"up","#
                    + #""start":"1970-01-01T00:00:10Z","step":0},"stats":{"timings":{"#))
        #expect(
            first.hasSuffix(
                #""httpRequest":{"clientIP":"127.0.0.1","method":"GET","path":"/api/v1/query"}}"#))
        #expect(lines.last?.contains(#""error":"invalid parameter"#) == true)
    }
}

private struct Happened: InternalEvent {
    static let counter = "happened_total"
    static let help = "Times."
    var way: String
    var labels: [(name: String, value: String)] { [("way", way)] }
}
