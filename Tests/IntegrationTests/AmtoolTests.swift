import Foundation
import Testing

/// Whether Alertmanager's own client is at hand.
enum Amtool {
    static let path = ProcessInfo.processInfo.environment["SIDELIGHT_AMTOOL"]
        .flatMap { $0.isEmpty ? nil : $0 }
}

/// Alertmanager's own client against the real program.
@Suite(
    "Amtool",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .enabled(
        if: Amtool.path != nil,
        "SIDELIGHT_AMTOOL names no amtool (Debian: prometheus-alertmanager)"))
struct AmtoolTests {
    private static let config = """
        route:
          receiver: default
          group_by: [alertname]
          routes:
            - matchers: [severity="page"]
              receiver: pager
        inhibit_rules:
          - source_matchers: [alertname="Down"]
            target_matchers: [alertname="Slow"]
            equal: [host]
        receivers:
          - name: default
          - name: pager
            webhook_configs: [{url: "http://127.0.0.1:1/secret"}]
            pagerduty_configs: [{routing_key: hush}]

        """

    private func amtool(_ server: ServerProcess, _ arguments: String...) async throws -> String {
        let program = try Subprocess(
            command: [Amtool.path ?? "", "--alertmanager.url=\(server.url)"] + arguments)
        let status = await program.exit()
        #expect(status == 0, "\(arguments): \(program.standardError)")
        return program.standardOutput
    }

    private func with(_ body: (ServerProcess, String) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("am.yml", Self.config)
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--alertmanager-config", file])
        try await body(server, file)
        #expect(await server.stop() == 0)
    }

    @Test("adds alerts and finds them by matchers, receivers and state")
    func alerts() async throws {
        try await with { server, _ in
            _ = try await amtool(server, "alert", "add", "Slow", "host=a", "severity=page")
            _ = try await amtool(server, "alert", "add", "alertname=Down", "host=a")
            let all = try await amtool(server, "alert", "query", "-o", "extended")
            #expect(all.contains("alertname=\"Down\"") && !all.contains("Slow"), "\(all)")
            let some = try await amtool(server, "alert", "query", "alertname=~D.*")
            #expect(some.contains("Down") && !some.contains("Slow"), "\(some)")
            let pager = try await amtool(
                server, "alert", "query", "--receiver", "pager", "--inhibited")
            #expect(pager.contains("Slow") && !pager.contains("Down"), "\(pager)")
        }
    }

    @Test("adds, finds, changes and ends silences, which outlive a kill")
    func silences() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("am.yml", Self.config)
        let arguments = ["--alertmanager-config", file]
        let data = folder.path + "/data"
        let server = try await ServerProcess(data: data, arguments)
        _ = try await amtool(server, "alert", "add", "alertname=Slow", "host=a")
        let id = try await amtool(
            server, "silence", "add", "-a", "me", "-c", "why", "-d", "1h", "alertname=Slow"
        )
        .trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(id.count == 36, "\(id)")
        let muted = try await amtool(server, "alert", "query", "--silenced")
        #expect(muted.contains("Slow"))
        _ = try await amtool(server, "silence", "update", "-c", "because", "-d", "2h", id)
        await server.killHard()

        let again = try await ServerProcess(data: data, arguments)
        let found = try await amtool(again, "silence", "query", "-o", "extended")
        #expect(found.contains(id) && found.contains("because"), "\(found)")
        _ = try await amtool(again, "silence", "expire", id)
        #expect(try await amtool(again, "silence", "query", "-q").isEmpty)
        let expired = try await amtool(again, "silence", "query", "--expired", "-q")
        #expect(expired.contains(id))
        #expect(await again.stop() == 0)
    }

    @Test("reads our configuration, shows it without secrets and routes by it as we do")
    func configuration() async throws {
        try await with { server, file in
            _ = try await amtool(server, "check-config", file)
            let shown = try await amtool(server, "config", "show")
            #expect(shown.contains("pager"))
            #expect(!shown.contains("hush") && !shown.contains("127.0.0.1:1/secret\""), "\(shown)")
            let route = try await amtool(server, "config", "routes", "test", "severity=page", "a=b")
            #expect(route.trimmingCharacters(in: .whitespacesAndNewlines) == "pager")
            let tree = try await amtool(server, "config", "routes", "show")
            #expect(tree.contains("severity=\"page\""), "\(tree)")
        }
    }
}
