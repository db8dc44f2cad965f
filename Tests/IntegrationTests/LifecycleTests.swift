import Foundation
import Testing

/// Prometheus's routes to reload and to end, which are off unless they are turned on.
@Suite(
    "Lifecycle on request",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .timeLimit(.minutes(5)))
struct LifecycleTests {
    private static func rules(_ expression: String) -> String {
        "groups: [{name: g, rules: [{alert: Always, expr: \(expression)}]}]\n"
    }

    private func post(_ server: ServerProcess, _ path: String) async throws -> WireAnswer {
        try await Wire.post(server.url + path, type: "text/plain", [])
    }

    @Test("a reload takes what is well, and says what is not with file and line")
    func reload() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("rules.yml", Self.rules("vector(1)"))
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--rules", file, "--enable-lifecycle"])
        #expect(try await post(server, "/-/reload").status == 200)
        _ = try folder.file("rules.yml", Self.rules("vector(2)"))
        #expect(try await post(server, "/prometheus/-/reload").status == 200)
        #expect(try await Wire.get(server.url + "/api/v1/rules").text.contains("vector(2)"))
        let gauge = "prometheus_config_last_reload_successful "
        #expect(try await Wire.get(server.url + "/metrics").text.contains("\(gauge)1\n"))
        _ = try folder.file("rules.yml", Self.rules("vector("))
        let refused = try await post(server, "/-/reload")
        #expect(refused.status == 500)
        #expect(
            refused.text.hasPrefix("failed to reload config: \(file):1: expr: "), "\(refused.text)")
        #expect(try await Wire.get(server.url + "/api/v1/rules").text.contains("vector(2)"))
        #expect(try await Wire.get(server.url + "/metrics").text.contains("\(gauge)0\n"))
        let features = try await Wire.get(server.url + "/api/v1/features").text
        #expect(features.contains("\"lifecycle\":true"), "\(features)")
        #expect(await server.stop() == 0)
    }

    @Test("unless it is turned on nobody may reload or end the server")
    func off() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        for path in ["/-/reload", "/-/quit", "/prometheus/-/reload"] {
            let answer = try await post(server, path)
            #expect(answer.status == 403)
            #expect(answer.text == "Lifecycle API is not enabled.\n")
        }
        #expect(await server.stop() == 0)
    }

    @Test("a server that is asked to quit stops in good order")
    func quit() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--enable-lifecycle"])
        let answer = try await post(server, "/-/quit")
        #expect(answer.text == "Requesting termination... Goodbye!")
        #expect(await server.exit() == 0, "\(server.standardError)")
    }
}
