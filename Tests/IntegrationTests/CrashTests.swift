import AsyncHTTPClient
import Foundation
import NIOCore
import Platform
import Synchronization
import Telemetry
import Testing

/// Kills the real program under load at random instants and compares what it holds after the restart
/// with the ledger of what it had acknowledged.
@Suite(.serialized) struct CrashTests {
    private static let kills =
        ProcessInfo.processInfo.environment["SIDELIGHT_CRASH_KILLS"].flatMap(Int.init) ?? 30

    @Test(
        "what was acknowledged is there exactly once after kill -9",
        .enabled(
            if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
    func killUnderLoad() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        let random = SeededRandom(seed: seed)
        let folder = try TemporaryFolder()
        let ledger = Ledger()
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        defer { Task { try await client.shutdown() } }
        for round in 1...Self.kills {
            let server = try await ServerProcess(
                data: folder.path + "/data", ["--span-metrics-interval", "300ms"])
            // What was under way when the last one died is sent again, unchanged.
            for request in ledger.takeUnanswered() {
                try await ledger.send(request, to: server.url, with: client)
            }
            try await ledger.verify(.unverified, at: server.url, seed: seed)
            let url = server.url
            let load = Task {
                await withTaskGroup(of: Void.self) { group in
                    for worker in 0..<4 {
                        group.addTask {
                            await ledger.produce(
                                worker: worker, round: round, to: url, with: client)
                        }
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(Int64(30 + random.next(below: 400))))
            await server.killHard()
            await load.value
        }
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--span-metrics-interval", "300ms"])
        for request in ledger.takeUnanswered() {
            try await ledger.send(request, to: server.url, with: client)
        }
        try await ledger.verify(.all, at: server.url, seed: seed)
        try await ledger.verifySpanMetrics(at: server.url, seed: seed)
        #expect(await server.stop() == 0, "seed \(seed): \(server.standardError)")
        let (acknowledged, repeated) = ledger.totals
        print("\(Self.kills) kills, \(acknowledged) requests acknowledged, \(repeated) sent again")
        #expect(acknowledged > Self.kills * 10, "the load was too small to prove anything")
    }
}
