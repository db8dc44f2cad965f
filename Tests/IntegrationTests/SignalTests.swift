import AsyncHTTPClient
import Foundation
import Glibc
import Testing

/// What the program does on signals.
@Suite(
    "Signals",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct SignalTests {
    @Test(
        "a stop under load takes less than 5 s, ends with 0 and loses nothing acknowledged",
        arguments: [SIGTERM, SIGINT])
    func stopUnderLoad(signal: Int32) async throws {
        // On a machine that stands still for a while the quickest of three shows what the program does.
        var quickest = try await Self.stop(by: signal)
        for _ in 0..<2 where quickest >= .seconds(5) {
            quickest = min(quickest, try await Self.stop(by: signal))
        }
        #expect(quickest < .seconds(5), "\(quickest)")
    }

    /// How long a stop under load took, of which everything else is right.
    private static func stop(by signal: Int32) async throws -> Duration {
        let folder = try TemporaryFolder()
        let ledger = Ledger()
        let client = HTTPClient.shared
        let server = try await ServerProcess(data: folder.path + "/data")
        let url = server.url
        let load = Task {
            await withTaskGroup(of: Void.self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        await ledger.produce(worker: worker, round: 1, to: url, with: client)
                    }
                }
            }
        }
        await ledger.reached(requests: 400)
        let start = ContinuousClock.now
        server.send(signal)
        let status = await server.exit()
        let taken = ContinuousClock.now - start
        await load.value
        #expect(status == 0, "\(server.standardError)")
        let again = try await ServerProcess(data: folder.path + "/data")
        for request in ledger.takeUnanswered() {
            try await ledger.send(request, to: again.url, with: client)
        }
        try await ledger.verify(.all, at: again.url, seed: 0)
        #expect(await again.stop() == 0, "\(again.standardError)")
        return taken
    }

    @Test("a hang-up reads the rule files again; a bad one is named and the old rules stay")
    func rules() async throws {
        let folder = try TemporaryFolder()
        func rules(_ group: String, _ expression: String) -> String {
            "groups:\n- name: \(group)\n  rules:\n  - record: a:b\n    expr: '\(expression)'\n"
        }
        let file = try folder.file("rules.yaml", rules("first", "sum(up)"))
        let server = try await ServerProcess(data: folder.path + "/data", ["--rules", file])
        #expect(try await Self.groups(server).contains("\"name\":\"first\""))

        _ = try folder.file("rules.yaml", rules("second", "sum(up"))
        server.send(SIGHUP)
        #expect(await server.says("the old rules stay"))
        #expect(server.standardError.contains("\(file):5"), "\(server.standardError)")
        #expect(try await Self.groups(server).contains("\"name\":\"first\""))

        _ = try folder.file("rules.yaml", rules("third", "max(up)"))
        server.send(SIGHUP)
        #expect(await server.says("read 1 rule files again"))
        let groups = try await Self.groups(server)
        #expect(groups.contains("\"name\":\"third\"") && !groups.contains("\"name\":\"first\""))
        #expect(await server.stop() == 0)
    }

    private static func groups(_ server: ServerProcess) async throws -> String {
        try await Wire.get(server.url + "/prometheus/api/v1/rules").text
    }

    @Test("a hang-up reads the token file again; a bad one is named and the old tokens stay")
    func tokens() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("tokens", "first\n")
        let server = try await ServerProcess(data: folder.path + "/data", ["--token-file", file])
        let url = server.url + "/metrics"
        #expect(try await Wire.get(url).status == 401)
        #expect(try await Wire.get(url, token: "first").status == 200)

        _ = try folder.file("tokens", "# none\n")
        server.send(SIGHUP)
        #expect(await server.says("the old tokens stay: the token file \(file) holds no token"))
        #expect(try await Wire.get(url, token: "first").status == 200)

        _ = try folder.file("tokens", "second\n")
        server.send(SIGHUP)
        #expect(await server.says("read the token file again"))
        #expect(try await Wire.get(url, token: "first").status == 401)
        #expect(try await Wire.get(url, token: "second").status == 200)
        #expect(await server.stop() == 0)
    }
}
