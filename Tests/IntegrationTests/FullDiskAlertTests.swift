import Foundation
import Testing

/// Alerts of a server whose disk is full: those that were told are not told again, those that begin
/// meanwhile are told once there is room, and rules are evaluated all the time.
@Suite(
    "Alerts on a full disk",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .enabled(if: SmallDisk.obstacle == nil, "\(SmallDisk.obstacle ?? "")"),
    .timeLimit(.minutes(5)))
struct FullDiskAlertTests {
    private static func rules(_ alerts: String...) -> String {
        let groups = alerts.map { name in
            """
              - name: \(name)
                interval: 1s
                rules:
                  - alert: \(name)
                    expr: vector(1)

            """
        }
        return "groups:\n" + groups.joined()
    }

    /// When the rules of a group were evaluated last.
    private static func lastEvaluation(
        _ group: String, at url: String
    ) async throws -> String {
        let answer = try await Wire.get(url + "/api/v1/rules?rule_group[]=\(group)").text
        let part = answer.split(separator: "\"lastEvaluation\":\"").dropFirst().last ?? ""
        return String(part.prefix { $0 != "\"" })
    }

    /// Waits until the rules of a group were evaluated that many times more.
    private static func evaluated(_ group: String, times: Int, at url: String) async throws {
        for _ in 0..<times {
            let before = try await lastEvaluation(group, at: url)
            while try await lastEvaluation(group, at: url) == before { await Task.yield() }
        }
    }

    @Test("are told once each, those of before and those that begin meanwhile")
    func fillAndFree() async throws {
        let disk = try await SmallDisk(megabytes: 32)
        let folder = try TemporaryFolder()
        try await HookServer.with { hook in
            let rules = try folder.file("rules.yml", Self.rules("Early"))
            let config = try folder.file(
                "am.yml",
                """
                route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}
                receivers:
                  - name: hook
                    webhook_configs: [{url: "http://127.0.0.1:\(hook.port)/", timeout: 300s}]
                """)
            let server = try await ServerProcess(
                data: "\(disk.path)/data", ["--rules", rules, "--alertmanager-config", config],
                launcher: disk.launcher)
            await hook.received(1)
            try disk.fill()
            _ = try folder.file("rules.yml", Self.rules("Early", "Late"))
            server.send(SIGHUP)
            #expect(await server.says("alert states of group Late"))
            try await Self.evaluated("Early", times: 3, at: server.url)
            try await Self.evaluated("Late", times: 2, at: server.url)
            #expect(hook.bodies.count == 1)
            #expect(
                server.standardError.contains("\(disk.path)/data/tenants/default/"),
                "\(server.standardError)")
            try disk.free()
            await hook.received(2)
            #expect(hook.bodies[1].contains("\"alertname\":\"Late\""))
            try await Self.evaluated("Late", times: 3, at: server.url)
            #expect(hook.bodies.count == 2)
            #expect(await server.stop() == 0, "\(server.standardError)")
        }
    }
}
