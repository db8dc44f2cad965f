import Foundation
import Testing

/// What the program does with notifications, from outside.
@Suite(
    "Notifications of a server",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct NotificationServerTests {
    private static func config(_ receiver: String) -> String {
        """
        route: {receiver: \(receiver)}
        receivers:
          - name: one
            webhook_configs: [{url: "http://127.0.0.1:1/"}]
          - name: two
        """
    }

    private func receivers(_ server: ServerProcess) async throws -> String {
        let answer = try await Wire.get(
            server.url + "/api/sidelight/alerts/dry-run?label=alertname=A")
        return answer.text
    }

    @Test(
        "a hang-up and a request read the configuration again; a bad one is named and the old one stays"
    )
    func reload() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("am.yml", Self.config("one"))
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--alertmanager-config", file])
        #expect(try await receivers(server).contains("\"receiver\":\"one\""))
        _ = try folder.file("am.yml", Self.config("nobody"))
        server.send(SIGHUP)
        #expect(
            await server.says("the old configuration of notifications stays: \(file):1: undefined"))
        let refused = try await Wire.post(
            server.url + "/alertmanager/-/reload", type: "text/plain", [])
        #expect(refused.status == 500)
        #expect(
            refused.text.contains("\(file):1: undefined receiver \"nobody\""), "\(refused.text)")
        #expect(try await receivers(server).contains("\"receiver\":\"one\""))
        _ = try folder.file("am.yml", Self.config("two"))
        let taken = try await Wire.post(
            server.url + "/alertmanager/-/reload", type: "text/plain", [])
        #expect(taken.status == 200, "\(taken.text)")
        #expect(try await receivers(server).contains("\"receiver\":\"two\""))
        #expect(try await Wire.get(server.url + "/alertmanager/-/healthy").text == "OK")
        #expect(try await Wire.get(server.url + "/alertmanager/-/ready").text == "OK")
        #expect(await server.stop() == 0)
    }

    @Test("a configuration that is not well keeps the server from starting")
    func refused() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("am.yml", Self.config("nobody"))
        let outcome = try await Subprocess.run([
            "serve", "--data", folder.path + "/data", "--listen", "127.0.0.1:0", "--otlp-grpc",
            "off",
            "--otlp-http", "off", "--zipkin", "off", "--alertmanager-config", file,
        ])
        #expect(outcome.status == 2)
        #expect(outcome.error.contains("\(file):1: undefined receiver"), "\(outcome.error)")
    }

    @Test("a dry run says by its status whether somebody is told")
    func dryRun() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("am.yml", Self.config("one"))
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--alertmanager-config", file])
        let told = try await Subprocess.run([
            "alerts", "dry-run", "alertname=A", "--server", server.url,
        ])
        #expect(told.status == 0, "\(told)")
        #expect(told.output.contains("webhook http://127.0.0.1:1"), "\(told.output)")
        #expect(told.output.contains("somebody is told"))
        let silence = """
            {"matchers":[{"name":"alertname","value":"A","isRegex":false}],"comment":"quiet",
             "startsAt":"2020-01-01T00:00:00Z","endsAt":"2100-01-01T00:00:00Z","createdBy":"me"}
            """
        let set = try await Wire.post(
            server.url + "/api/v2/silences", type: "application/json", Array(silence.utf8))
        #expect(set.status == 200, "\(set.text)")
        let silenced = try await Subprocess.run([
            "alerts", "dry-run", "alertname=A", "--server", server.url,
        ])
        #expect(silenced.status == 1)
        #expect(silenced.output.contains("by me: quiet"), "\(silenced.output)")
        let list = try await Subprocess.run(["alerts", "deliveries", "--server", server.url])
        #expect(list.status == 0)
        #expect(await server.stop() == 0)
    }

    @Test("a dry run names the webhooks that are told past all routes, and what they are told of")
    func dryRunOfWebhooks() async throws {
        let folder = try TemporaryFolder()
        let hook = "http://user:hush@127.0.0.1:1/hush"
        let server = try await ServerProcess(data: folder.path + "/data", ["--webhook", hook])
        let arguments = ["alerts", "dry-run", "alertname=A", "--server", server.url]
        let told = try await Subprocess.run(arguments)
        #expect(told.status == 0, "\(told)")
        #expect(told.output.contains("webhook-1 (--webhook)\n  told at once"), "\(told.output)")
        #expect(told.output.contains("somebody is told"), "\(told.output)")
        #expect(!told.output.contains("hush"), "\(told.output)")
        let silence = """
            {"matchers":[{"name":"alertname","value":"A","isRegex":false}],"comment":"quiet",
             "startsAt":"2020-01-01T00:00:00Z","endsAt":"2100-01-01T00:00:00Z","createdBy":"me"}
            """
        _ = try await Wire.post(
            server.url + "/api/v2/silences", type: "application/json", Array(silence.utf8))
        let silenced = try await Subprocess.run(arguments + ["--output", "json"])
        #expect(silenced.status == 0, "\(silenced)")
        #expect(silenced.output.contains("\"told\":true"), "\(silenced.output)")
        #expect(silenced.output.contains("\"direct\":[{\"name\":\"webhook-1\""))
        #expect(await server.stop() == 0)
        let nobody = try await ServerProcess(data: folder.path + "/other")
        let none = try await Subprocess.run([
            "alerts", "dry-run", "alertname=A", "--server", nobody.url,
        ])
        #expect(none.status == 1, "\(none)")
        #expect(none.output.contains("nobody is told"), "\(none.output)")
        #expect(await nobody.stop() == 0)
    }

    @Test("alerts, silences and notifications are counted in the text that Prometheus scrapes")
    func metrics() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("am.yml", Self.config("one"))
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--alertmanager-config", file])
        let text = try await Wire.get(server.url + "/metrics").text
        for line in [
            "# TYPE alertmanager_alerts gauge", "alertmanager_alerts{state=\"active\"} 0",
            "alertmanager_alerts{state=\"suppressed\"} 0",
            "alertmanager_silences{state=\"active\"} 0",
            "alertmanager_silences{state=\"pending\"} 0",
            "alertmanager_silences{state=\"expired\"} 0",
            "# TYPE alertmanager_notification_latency_seconds histogram",
            "alertmanager_notification_latency_seconds_bucket{integration=\"webhook\",le=\"+Inf\"} 0",
            "alertmanager_notification_latency_seconds_bucket{integration=\"webhook\",le=\"1\"} 0",
            "alertmanager_notification_latency_seconds_sum{integration=\"webhook\"} 0",
            "alertmanager_notification_latency_seconds_count{integration=\"webhook\"} 0",
        ] {
            #expect(text.contains(line + "\n"), "\(line) in \(text)")
        }
        // Each family is named once.
        let types = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
        #expect(Set(types).count == types.count)
        #expect(await server.stop() == 0)
    }

    @Test("bad requests of the API are refused with the reason")
    func badRequests() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        for (path, body, reason) in [
            ("alerts", "{", "parsing body failed"),
            ("alerts", "[{\"labels\":{}}]", "at least one label"),
            ("alerts", "[{}]", "labels is required"), ("silences", "{}", "is required"),
            (
                "silences",
                "{\"matchers\":[],\"comment\":\"\",\"createdBy\":\"\",\"startsAt\":"
                    + "\"2020-01-01T00:00:00Z\",\"endsAt\":\"2100-01-01T00:00:00Z\"}",
                "at least one matcher required"
            ),
        ] {
            let answer = try await Wire.post(
                server.url + "/api/v2/" + path, type: "application/json", Array(body.utf8))
            #expect(answer.status == 400, "\(path) \(body)")
            #expect(answer.text.contains(reason), "\(answer.text)")
        }
        #expect(try await Wire.get(server.url + "/api/v2/alerts?filter=a").status == 400)
        #expect(try await Wire.get(server.url + "/api/v2/silence/x").status == 404)
        #expect(try await Wire.get(server.url + "/api/v2/alerts").text == "[]")
        #expect(await server.stop() == 0)
    }
}
