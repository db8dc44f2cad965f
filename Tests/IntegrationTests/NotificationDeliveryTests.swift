import Foundation
import Testing

/// From a rule to somebody who is told, over the real program.
@Suite(
    "Delivery of notifications",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .timeLimit(.minutes(5)))
struct NotificationDeliveryTests {
    private static let rules = """
        groups:
          - name: g
            interval: 1s
            rules:
              - alert: Always
                expr: vector(1)
                labels: {severity: page}

        """

    @Test("an alert reaches its receiver by its route, with a kill between evaluation and delivery")
    func kill() async throws {
        let folder = try TemporaryFolder()
        try await HookServer.with { hook in
            let rules = try folder.file("rules.yml", Self.rules)
            let config = try folder.file(
                "am.yml",
                """
                route:
                  receiver: nobody
                  routes:
                    - matchers: [severity="page"]
                      receiver: hook
                      group_wait: 0s
                      group_interval: 1s
                receivers:
                  - name: nobody
                  - name: hook
                    webhook_configs: [{url: "http://127.0.0.1:\(hook.port)/", timeout: 300s}]
                """)
            let arguments = ["--rules", rules, "--alertmanager-config", config]
            let data = folder.path + "/data"
            hook.hangs = true
            let server = try await ServerProcess(data: data, arguments)
            await hook.received(1)
            await server.killHard()
            hook.hangs = false
            let again = try await ServerProcess(data: data, arguments)
            await hook.received(2)
            // Ends once the rule does; until then nothing is repeated.
            _ = try folder.file(
                "rules.yml", Self.rules.replacing("vector(1)", with: "vector(1) > 1"))
            again.send(SIGHUP)
            await hook.received(3)
            let statuses = hook.bodies.map { $0.contains("\"status\":\"resolved\"") }
            #expect(statuses == [false, false, true])
            #expect(hook.bodies[1].contains("\"groupKey\":\"{}/{severity=\\\"page\\\"}:{}\""))
            let history = try await Wire.get(again.url + "/api/sidelight/alerts/history").text
            #expect(
                history.contains("\"to\":\"firing\"") && history.contains("\"to\":\"resolved\""))
            let log = try await Wire.get(again.url + "/api/sidelight/alerts/deliveries").text
            #expect(
                log.contains("\"receiver\":\"hook/webhook[0]\",\"state\":\"delivered\""), "\(log)")
            #expect(await again.stop() == 0)
        }
    }

    @Test("rules can alert on failures of a plain webhook")
    func failuresOfWebhooks() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--webhook", "http://127.0.0.1:1/"])
        var stored = ""
        repeat {
            stored = try await Wire.get(
                server.url + "/api/v1/query?query=alertmanager_notifications_failed_total"
            ).text
            await Task.yield()
        } while !stored.contains("\"integration\":\"webhook\"")
        #expect(await server.stop() == 0)
    }

    @Test(
        "the heartbeat comes as long as samples are stored, rules evaluated and messages delivered")
    func heartbeat() async throws {
        let folder = try TemporaryFolder()
        try await HookServer.with { hook in
            let server = try await ServerProcess(
                data: folder.path + "/data", ["--heartbeat-url", "http://127.0.0.1:\(hook.port)/"])
            await hook.received(1)
            #expect(hook.bodies[0].contains("\"alertname\":\"SidelightHeartbeat\""))
            let alerts = try await Wire.get(server.url + "/api/v2/alerts").text
            #expect(alerts == "[]", "only the heartbeat's receiver is told of it")
            // What rules can alert on.
            let failed = "/api/v1/query?query=alertmanager_notifications_failed_total"
            let stored = try await Wire.get(server.url + failed).text
            #expect(stored.contains("\"integration\":\"webhook\""), "\(stored)")
            #expect(await server.stop() == 0)
        }
    }
}
