import HTTPServer
import Platform
import Synchronization
import Testing

@Suite struct ClientGoneTests {
    /// What became of the work of a handler.
    private final class Work: Sendable {
        private let state = Mutex((hasBegun: false, wasCancelled: false))
        var hasBegun: Bool { state.withLock { $0.hasBegun } }
        var wasCancelled: Bool { state.withLock { $0.wasCancelled } }

        /// Goes on until it is cancelled, or for longer than a test may take.
        func run() async -> HTTPResponse {
            state.withLock { $0.hasBegun = true }
            do {
                try await Task.sleep(for: .seconds(900))
                return .text("done")
            } catch {
                state.withLock { $0.wasCancelled = true }
                return .text("cancelled")
            }
        }
    }

    private func until(_ isDone: () -> Bool) async throws {
        // Bounded by the time limit of the test.
        while !isDone() { try await Task.sleep(for: .milliseconds(2)) }
    }

    @Test(
        "work for a client that hangs up, or only closes its side, is cancelled",
        .timeLimit(.minutes(5)), arguments: [true, false], [true, false])
    func cancelled(hangsUp: Bool, isQuick: Bool) async throws {
        let work = Work()
        var options = RouteOptions()
        options.endsWithClient = true
        options.isQuick = isQuick
        try await withServer(routes: {
            $0.on(.get, "/long", options: options) { _ in await work.run() }
        }) { server in
            let client = try RawClient(port: server.address.port)
            await client.send("GET /long HTTP/1.1\r\nhost: a\r\n\r\n")
            try await until { work.hasBegun }
            if hangsUp { client.hangUp() } else { client.finishSending() }
            try await until { work.wasCancelled }
        }
        #expect(work.wasCancelled)
    }

    @Test(
        "requests one after the other on a connection are not mixed up", .timeLimit(.minutes(5)),
        arguments: [true, false])
    func keptAlive(isQuick: Bool) async throws {
        var options = RouteOptions()
        options.endsWithClient = true
        options.isQuick = isQuick
        try await withServer(routes: {
            $0.on(.get, "/n/{n}", options: options) {
                .text("[\($0.pathParameters["n"] ?? "")\(Task.isCancelled ? "!" : "")]")
            }
        }) { server in
            let client = try RawClient(port: server.address.port)
            for n in 0..<5 {
                await client.send("GET /n/\(n) HTTP/1.1\r\nhost: a\r\n\r\n")
                let answer = await client.read { $0.contains("]") }
                #expect(answer.contains("[\(n)]"), "\(answer)")
            }
        }
    }
}
