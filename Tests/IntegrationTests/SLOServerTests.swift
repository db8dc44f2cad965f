import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// Objectives and backtests over a real server.
@Suite(
    "Objectives of a server",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct SLOServerTests {
    private static let specification = """
        version: prometheus/v1
        service: shop
        slos:
          - name: availability
            objective: 99
            sli:
              events:
                error_query: sum(rate(requests_total{code="500"}[{{.window}}]))
                total_query: sum(rate(requests_total[{{.window}}]))
            alerting: {name: Burning}
        """

    /// Two days of a request a second until an hour ago, of which in the last six hours a fifth fails.
    private static func samples(now: Int) -> String {
        var text = ""
        for time in stride(from: now - 172_800, through: now, by: 60) {
            let failed = max(0, time - (now - 21_600)) / 5
            text +=
                "requests_total{code=\"200\"} \(time - (now - 172_800) - failed) \(time * 1_000)\n"
            text += "requests_total{code=\"500\"} \(failed) \(time * 1_000)\n"
        }
        return text
    }

    private struct Answer {
        var status: UInt
        var json: [String: Any]
        var list: [[String: Any]]
    }

    private static func send(
        _ url: String, _ body: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        if let body {
            request.method = .POST
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        let bytes = Data(Array(buffer: try await response.body.collect(upTo: 1 << 24)))
        let found = bytes.isEmpty ? nil : try? JSONSerialization.jsonObject(with: bytes)
        return Answer(
            status: response.status.code, json: found as? [String: Any] ?? [:],
            list: found as? [[String: Any]] ?? [])
    }

    @Test("have budgets, a history and a gate at once, and their rules are loaded")
    func budgets() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("slo.yml", Self.specification)
        let server = try await ServerProcess(data: folder.path + "/data", ["--slos", file])
        let now = Int(Date().timeIntervalSince1970)
        let stored = try await Self.send(
            "\(server.url)/api/v1/import/prometheus", Self.samples(now: now))
        #expect(stored.status < 300)
        let list = try await Self.send("\(server.url)/api/sidelight/slos")
        #expect(list.list.map { $0["id"] as? String } == ["shop-availability"])
        let answer = try await Self.send("\(server.url)/api/sidelight/slos/shop-availability")
        let budgets = try #require(answer.json["budgets"] as? [[String: Any]])
        #expect(budgets.count == 1)
        // 4320 of 172800 events failed; a hundredth may.
        let remaining = try #require(budgets.first?["remaining"] as? Double)
        #expect(abs(remaining - (1 - 0.025 / 0.01)) < 0.05, "\(remaining)")
        let gate = try await Self.send("\(server.url)/api/sidelight/slos/shop-availability/gate")
        #expect(gate.json["decision"] as? String == "deny")
        #expect((gate.json["reason"] as? String)?.contains("14.4 times") == true, "\(gate)")
        let history = try await Self.send(
            "\(server.url)/api/sidelight/slos/shop-availability/history?from=now-1d&to=now&step=6h")
        let points = try #require(history.list.first?["points"] as? [[String: Any]])
        #expect(points.count == 5)
        #expect(points.first?["remaining"] as? Double == 1)
        #expect(try await Self.send("\(server.url)/api/sidelight/slos/none").status == 404)
        let bad = try await Self.send(
            "\(server.url)/api/sidelight/slos/shop-availability/gate?min=lots")
        #expect(bad.status == 400)
        let rules = try await Self.send("\(server.url)/api/v1/rules")
        #expect("\(rules.json)".contains("sloth-slo-alerts-shop-availability"))
        #expect(await server.stop() == 0)
    }

    @Test("that are not well keep the server from starting, with file and line")
    func mistakes() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file(
            "slo.yml", Self.specification.replacing("objective: 99", with: "objective: 50"))
        let outcome = try await Subprocess.run(
            [
                "serve", "--data", folder.path + "/data", "--listen", "127.0.0.1:0", "--otlp-grpc",
                "off", "--otlp-http", "off", "--zipkin", "off", "--slos", file,
            ])
        #expect(outcome.status == 2, "\(outcome)")
        #expect(outcome.error.contains("\(file):5: the page alert"), "\(outcome.error)")
    }

    @Test("are replayed over what is stored, by a server and over its data once it has stopped")
    func backtest() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        let file = try folder.file("slo.yml", Self.specification)
        let rules = folder.path + "/rules.yml"
        #expect(try await Subprocess.run(["slo", "generate", file, "--out", rules]).status == 0)
        let server = try await ServerProcess(data: data)
        let now = Int(Date().timeIntervalSince1970)
        _ = try await Self.send("\(server.url)/api/v1/import/prometheus", Self.samples(now: now))
        let times = ["--from", "\(now - 86_400)", "--to", "\(now)"]
        let over = try await Subprocess.run(
            ["rules", "backtest", rules, "--server", server.url] + times)
        #expect(over.status == 0, "\(over)")
        #expect(over.output.contains("Burning{"), "\(over.output)")
        #expect(over.output.contains("sloth_severity=\"page\""))
        #expect(over.output.contains("and on"), "it still fires at the end")
        // The objective itself, with its statistics: the outage is no accident.
        let weighed = try await Subprocess.run(
            ["rules", "backtest", file, "--server", server.url] + times)
        #expect(weighed.status == 0, "\(weighed)")
        #expect(weighed.output.contains("sloth_severity=\"page\""), "\(weighed.output)")
        // What really fired is told once, though two rules have its name.
        let fired = stride(from: now - 600, through: now, by: 60).map {
            "ALERTS{alertname=\"Burning\",alertstate=\"firing\",a=\"b\"} 1 \($0 * 1_000)\n"
        }
        _ = try await Self.send("\(server.url)/api/v1/import/prometheus", fired.joined())
        let beside = try await Subprocess.run(
            ["rules", "backtest", file, "--server", server.url] + times)
        #expect(beside.output.contains("REALLY FIRED"), "\(beside.output)")
        #expect(
            beside.output.components(separatedBy: "Burning{a=\"b\"}").count == 2,
            "\(beside.output)")
        // Of rules made of an objective the objective's place is told.
        let quiet = try await Subprocess.run(
            ["rules", "backtest", file, "--server", server.url]
                + ["--from", "\(now - 86_400)", "--to", "\(now - 43_200)"])
        #expect(quiet.output.contains("never: Burning (\(file):5)\n"), "\(quiet.output)")
        #expect(await server.stop() == 0)
        let json = try await Subprocess.run(
            ["rules", "backtest", rules, "--data", data, "--output", "json"] + times)
        #expect(json.status == 0, "\(json)")
        let answer = try #require(
            try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let alerts = try #require(answer["alerts"] as? [[String: Any]])
        let firings = alerts.flatMap { $0["firings"] as? [[String: Any]] ?? [] }
        #expect(alerts.count == 2)
        #expect(firings.count == 2, "\(firings)")
        #expect(firings.allSatisfy { $0["resolvedAt"] == nil })
        let nowhere = try await Subprocess.run(
            ["rules", "backtest", rules, "--server", server.url] + times)
        #expect(nowhere.status == 3, "\(nowhere)")
        let wrong = try await Subprocess.run(
            ["rules", "backtest", rules, "--from", "now", "--to", "now-1h"])
        #expect(wrong.status == 2, "\(wrong)")
    }
}
