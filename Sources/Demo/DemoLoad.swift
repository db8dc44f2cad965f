import Foundation
import Platform
import Synchronization

/// Steady requests of people to the shop, through the client's proxy: the same sequence for a seed.
package final class DemoLoad: Sendable {
    /// Requests by how they ended.
    package struct Counts: Sendable {
        package var sent = 0
        /// Answers with a status below 500.
        package var good = 0
        /// Answers with a status from 500 on.
        package var bad = 0
        /// Requests without an answer.
        package var lost = 0

        package var answered: Int { good + bad }
    }

    private struct State {
        var counts = Counts()
        var isStopping = false
        var lastFailure: String?
    }

    private let client: DemoClient
    private let base: String
    private let random: SeededRandom
    private let state = Mutex(State())
    private static let pause: Duration = .milliseconds(100)
    /// Requests without an answer yet; above it a beat is left out.
    private static let openMax = 32

    /// - Parameter port: the outbound listener of the client's proxy.
    init(client: DemoClient, port: Int, seed: UInt64) {
        self.client = client
        base = "http://127.0.0.1:\(port)"
        random = SeededRandom(seed: seed)
    }

    package var counts: Counts { state.withLock { $0.counts } }
    package var lastFailure: String? { state.withLock { $0.lastFailure } }

    /// No further requests; `run` returns when those under way have their answers.
    package func stop() { state.withLock { $0.isStopping = true } }

    /// Sends until `stop`; may be called again afterwards.
    /// - Throws: `CancellationError`.
    package func run() async throws {
        state.withLock { $0.isStopping = false }
        try await withThrowingTaskGroup(of: Void.self) { group in
            while !state.withLock({ $0.isStopping }) {
                let path = random.next(below: 2) == 0 ? "/checkout" : "/"
                let counts = self.counts
                if counts.sent - counts.answered - counts.lost < DemoLoad.openMax {
                    group.addTask { await self.send(path) }
                }
                try await Task.sleep(for: DemoLoad.pause)
            }
            try await group.waitForAll()
        }
    }

    private func send(_ path: String) async {
        state.withLock { $0.counts.sent += 1 }
        do {
            let answer = try await client.send(base + path, host: "shop")
            state.withLock { state in
                if answer.status < 500 { state.counts.good += 1 } else { state.counts.bad += 1 }
            }
        } catch {
            state.withLock { state in
                state.counts.lost += 1
                state.lastFailure = "\(path): \(error)"
            }
        }
    }
}
