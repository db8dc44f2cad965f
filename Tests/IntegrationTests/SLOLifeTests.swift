import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// Alerts and objectives over a real server that is killed, and what people do to budgets.
@Suite(
    "Alerts and budgets of a server",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct SLOLifeTests {
    private static func send(
        _ url: String, _ method: HTTPMethod = .GET, _ body: String? = nil
    ) async throws -> (status: UInt, json: Any) {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        let bytes = Data(Array(buffer: try await response.body.collect(upTo: 1 << 24)))
        if bytes.isEmpty { return (response.status.code, [String: Any]()) }
        return (
            response.status.code,
            try JSONSerialization.jsonObject(with: bytes, options: .fragmentsAllowed)
        )
    }

    /// Asks until it holds, five minutes at most.
    private static func eventually(
        _ condition: () async throws -> Bool
    ) async throws -> Bool {
        for _ in 0..<3_000 {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    private static let rules = """
        groups:
        - name: life
          interval: 300ms
          rules:
          - {alert: Fires, expr: fires > 0}
          - {alert: Waits, expr: waits > 0, for: 1h}
          - {alert: Kept, expr: kept > 0, keep_firing_for: 1h}
        """

    private static func alerts(_ server: ServerProcess) async throws -> [String: [String: String]] {
        let answer = try await send("\(server.url)/api/v1/alerts").json as? [String: Any]
        let data = answer?["data"] as? [String: Any]
        var alerts: [String: [String: String]] = [:]
        for alert in data?["alerts"] as? [[String: Any]] ?? [] {
            let labels = alert["labels"] as? [String: String] ?? [:]
            alerts[labels["alertname"] ?? ""] = [
                "state": alert["state"] as? String ?? "",
                "activeAt": alert["activeAt"] as? String ?? "",
                "kept": alert["keepFiringSince"] as? String ?? "",
            ]
        }
        return alerts
    }

    private static func history(_ server: ServerProcess) async throws -> [String] {
        let answer =
            try await send("\(server.url)/api/sidelight/alerts/history").json as? [String: Any]
        return (answer?["transitions"] as? [[String: Any]] ?? []).map {
            "\($0["rule"] ?? "") \($0["from"] ?? "")>\($0["to"] ?? "")"
        }.sorted()
    }

    private static func set(_ names: String, to value: Int, _ server: ServerProcess) async throws {
        let lines = names.split(separator: " ").map { "\($0) \(value)\n" }
        let answer = try await send(
            "\(server.url)/api/v1/import/prometheus", .POST, lines.joined())
        #expect(answer.status < 300)
    }

    @Test(
        "pending, firing and kept alerts are the same ones after kill -9, and the timeline goes on")
    func killed() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("rules.yml", Self.rules)
        let data = folder.path + "/data"
        var server = try await ServerProcess(data: data, ["--rules", file])
        try await Self.set("fires waits kept", to: 1, server)
        #expect(
            try await Self.eventually { try await Self.alerts(server).count == 3 })
        try await Self.set("kept", to: 0, server)
        #expect(
            try await Self.eventually { try await Self.alerts(server)["Kept"]?["kept"] != "" })
        let before = try await Self.alerts(server)
        let timeline = try await Self.history(server)
        #expect(
            before.mapValues { $0["state"] } == [
                "Fires": "firing", "Waits": "pending", "Kept": "firing",
            ])
        await server.killHard()
        server = try await ServerProcess(data: data, ["--rules", file])
        // Evaluated again, by which time an alert that was forgotten would have begun anew.
        #expect(
            try await Self.eventually {
                let answer =
                    try await Self.send("\(server.url)/api/v1/rules").json as? [String: Any]
                let data = answer?["data"] as? [String: Any]
                let groups = data?["groups"] as? [[String: Any]]
                let rules = groups?.first?["rules"] as? [[String: Any]] ?? []
                return rules.count == 3 && rules.allSatisfy { $0["health"] as? String == "ok" }
            })
        #expect(try await Self.eventually { try await Self.alerts(server).count == 3 })
        var after = try await Self.alerts(server)
        var kept = before
        // What was pending goes on, and the time without a server is no time that it held.
        let since = try #require(after["Waits"]?["activeAt"])
        let start = try #require(before["Waits"]?["activeAt"])
        #expect(since >= start)
        after["Waits"]?["activeAt"] = nil
        kept["Waits"]?["activeAt"] = nil
        #expect(after == kept)
        #expect(try await Self.history(server) == timeline)
        try await Self.set("fires waits", to: 0, server)
        #expect(try await Self.eventually { try await Self.alerts(server).count == 1 })
        #expect(
            try await Self.history(server)
                == (timeline + ["Fires firing>resolved", "Waits pending>inactive"]).sorted())
        #expect(await server.stop() == 0)
    }

    private static let specification = """
        version: prometheus/v1
        service: shop
        slos:
          - name: availability
            objective: 99
            sli:
              events:
                error_query: sum(increase(istio_requests_total{reporter="destination",response_code="500"}[{{.window}}]))
                total_query: sum(increase(istio_requests_total{reporter="destination"}[{{.window}}]))
            alerting: {name: Burning}
        """

    /// Two days of a request a second, of which a tenth fails for the second last six hours.
    private static func samples(now: Int) -> String {
        var text = ""
        for time in stride(from: now - 172_800, through: now, by: 300) {
            let failed = min(max(0, time - (now - 43_200)), 21_600) / 10
            let all = time - (now - 172_800)
            for (code, count) in [("200", all - failed), ("500", failed)] {
                text += "istio_requests_total{reporter=\"destination\","
                text += "destination_service=\"shop\",response_code=\"\(code)\"} "
                text += "\(count) \(time * 1_000)\n"
            }
        }
        return text
    }

    @Test(
        "an incident is excluded, and taken back, with who did it; after a kill -9 it still holds")
    func exclusions() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("slo.yml", Self.specification)
        let data = folder.path + "/data"
        var server = try await ServerProcess(data: data, ["--slos", file])
        let now = Int(Date().timeIntervalSince1970)
        _ = try await Self.send(
            "\(server.url)/api/v1/import/prometheus", .POST, Self.samples(now: now))
        func remaining() async throws -> Double {
            let answer =
                try await Self.send(
                    "\(server.url)/api/sidelight/slos/shop-availability"
                ).json as? [String: Any]
            let budgets = answer?["budgets"] as? [[String: Any]]
            #expect(answer?["eventsKnownSince"] as? String != nil)
            return try #require(budgets?.first?["remaining"] as? Double, "\(answer ?? [:])")
        }
        #expect(abs(try await remaining() - (1 - 0.0125 / 0.01)) < 0.02)
        let path = "/api/sidelight/slos/shop-availability/exclusions"
        let wish =
            "{\"from\":\"\(now - 46_800)\",\"to\":\"\(now - 18_000)\",\"reason\":\"the network\","
            + "\"by\":\"ann\"}"
        let made = try await Self.send("\(server.url)\(path)", .POST, wish)
        #expect(made.status == 200, "\(made)")
        #expect(abs(try await remaining() - 1) < 0.02)
        await server.killHard()
        server = try await ServerProcess(data: data, ["--slos", file])
        #expect(abs(try await remaining() - 1) < 0.02)
        for (body, status) in [
            ("{}", UInt(400)),
            ("{\"from\":\"x\",\"to\":\"now\",\"reason\":\"r\",\"by\":\"b\"}", 400),
        ] {
            #expect(try await Self.send("\(server.url)\(path)", .POST, body).status == status)
        }
        for (number, reason) in [
            ("1", "by must have between 1"), ("1?by=", "by must have between 1"),
            ("2?by=bob", "has no exclusion 2 that holds"),
            ("x?by=bob", "the number of an exclusion"),
        ] {
            let refused = try await Self.send("\(server.url)\(path)/\(number)", .DELETE)
            #expect(refused.status == 400, "\(number): \(refused)")
            #expect("\(refused.json)".contains(reason), "\(number): \(refused)")
        }
        #expect(try await Self.send("\(server.url)\(path)/1?by=bob", .DELETE).status == 200)
        #expect(try await Self.send("\(server.url)\(path)/1?by=bob", .DELETE).status == 400)
        #expect(try await remaining() < 0)
        let audit = try await Self.send("\(server.url)\(path)").json as? [[String: Any]]
        #expect(audit?.first?["by"] as? String == "ann")
        #expect(audit?.first?["revokedBy"] as? String == "bob")
        // A number is never given twice.
        let next = try await Self.send("\(server.url)\(path)", .POST, wish).json as? [String: Any]
        #expect(next?["number"] as? Int == 2)
        #expect(await server.stop() == 0)
    }

    @Test("objectives are suggested from what a proxy counted, as a file that validates")
    func suggestions() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let now = Int(Date().timeIntervalSince1970)
        let none = try await Subprocess.run(["slo", "suggest", "--server", server.url])
        #expect(none.status == 1, "\(none)")
        _ = try await Self.send(
            "\(server.url)/api/v1/import/prometheus", .POST, Self.samples(now: now))
        let out = folder.path + "/suggested.yml"
        let made = try await Subprocess.run(
            ["slo", "suggest", "--server", server.url, "--period", "2d", "--out", out])
        #expect(made.status == 0, "\(made)")
        let text = try String(contentsOfFile: out, encoding: .utf8)
        #expect(text.contains("service: \"shop\""), "\(text)")
        #expect(text.contains("pages.") || text.contains("1 page."), "\(text)")
        let valid = try await Subprocess.run(["slo", "validate", out])
        #expect(valid.status == 0, "\(valid)")
        let wrong = try await Subprocess.run(
            ["slo", "suggest", "--server", server.url, "--period", "ten"])
        #expect(wrong.status == 2, "\(wrong)")
        #expect(await server.stop() == 0)
        #expect(try await Subprocess.run(["slo", "suggest", "--server", server.url]).status == 3)
    }

    @Test("rules are held against the series of a server")
    func doubts() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file(
            "rules.yml",
            """
            groups:
            - name: g
              rules:
              - {record: 'a:sum', expr: sum(a)}
              - {record: 'a:all', expr: a}
              - {alert: There, expr: 'a:sum > 1 or absent(never)'}
              - {alert: Gone, expr: 'a > 1 and on () rate(gone{b="c"}[5m]) > 0'}
            """)
        let server = try await ServerProcess(data: folder.path + "/data")
        let lines = (0...1_000).map { "a{i=\"\($0)\"} 1\n" }.joined()
        _ = try await Self.send("\(server.url)/api/v1/import/prometheus", .POST, lines)
        let checked = try await Subprocess.run(["rules", "check", file, "--server", server.url])
        #expect(checked.status == 0, "\(checked)")
        let warnings = checked.error.split(separator: "\n").map(String.init)
        #expect(
            warnings == [
                "sidelight: warning: \(file):5: a:all: stores 1001 series with every evaluation",
                "sidelight: warning: \(file):7: Gone: gone{b=\"c\"} selects no series",
            ])
        #expect(await server.stop() == 0)
        let nowhere = try await Subprocess.run(["rules", "check", file, "--server", server.url])
        #expect(nowhere.status == 3)
    }

    private static let spans = """
        apiVersion: openslo/v1
        kind: SLO
        metadata: {name: pay}
        spec:
          service: payments
          indicator:
            metadata: {name: fast}
            spec:
              ratioMetric:
                bad: {metricSource: {type: TraceQL, spec: {query: '{ resource.service.name = "payments" && status = error }'}}}
                total: {metricSource: {type: TraceQL, spec: {query: '{ resource.service.name = "payments" }'}}}
          timeWindow: [{duration: 30d, isRolling: true}]
          budgetingMethod: Occurrences
          objectives: [{target: 0.9}]
        """

    @Test("a budget of spans is there as soon as the objective is, with its evidence")
    func spans() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("slo.yml", Self.spans)
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--slos", file, "--evaluation-interval", "1s"])
        let now = UInt64(Date().timeIntervalSince1970)
        let spans = (0..<40).map { number in
            """
            {"traceId":"\(String(repeating: "0", count: 30))\(10 + number)",\
            "spanId":"00000000000000\(10 + number)","name":"POST /pay","kind":2,\
            "startTimeUnixNano":"\((now - 60) * 1_000_000_000)",\
            "endTimeUnixNano":"\((now - 60) * 1_000_000_000 + 1_000_000)",\
            "status":{"code":\(number % 4 == 0 ? 2 : 0)}}
            """
        }
        let body =
            "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
            + "\"value\":{\"stringValue\":\"payments\"}}]},\"scopeSpans\":[{\"spans\":["
            + spans.joined(separator: ",") + "]}]}]}"
        var request = HTTPClientRequest(url: "\(server.url)/v1/traces")
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        #expect(response.status.code == 200)
        let path = "\(server.url)/api/sidelight/slos/payments-pay-0"
        let isThere = try await Self.eventually {
            let answer = try await Self.send(path).json as? [String: Any]
            let ratio =
                (answer?["budgets"] as? [[String: Any]])?.first?["errorRatio"] as? Double
            return ratio == 0.25
        }
        #expect(isThere)
        let evidence = try await Self.send("\(path)/evidence").json as? [String: Any]
        #expect(evidence?["badEvents"] as? Double == 10)
        #expect((evidence?["exemplars"] as? [Any])?.count == 5)
        let refused = try await Subprocess.run(["slo", "generate", file])
        #expect(refused.status == 1)
        #expect(refused.error.contains("counts events of spans or log lines"), "\(refused)")
        #expect(await server.stop() == 0)
    }
}
