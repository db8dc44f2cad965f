import NIOCore
import NIOPosix
import Synchronization

/// A client that sends bytes and waits for bytes.
final class RawClient: Sendable {
    private struct State {
        var received: [UInt8] = []
        var isClosed = false
        var waiting:
            [(condition: @Sendable ([UInt8], Bool) -> Bool, CheckedContinuation<Void, Never>)] =
                []
    }

    struct TimedOut: Error {
        var received: String
    }

    private let channel: any Channel
    private let shared: Shared

    private final class Shared: Sendable {
        let state = Mutex(State())

        func update(_ change: (inout State) -> Void) {
            let ready = state.withLock { state in
                change(&state)
                let ready = state.waiting.filter { $0.condition(state.received, state.isClosed) }
                state.waiting.removeAll { $0.condition(state.received, state.isClosed) }
                return ready
            }
            for (_, continuation) in ready { continuation.resume() }
        }
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let shared: Shared
        init(_ shared: Shared) { self.shared = shared }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            shared.update { $0.received.append(contentsOf: bytes.readableBytesView) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            shared.update { $0.isClosed = true }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    /// - Parameter reads: whether it reads from the start; else only after `startReading`.
    init(port: Int, reads: Bool = true) async throws {
        let shared = Shared()
        self.shared = shared
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(shared))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    var received: [UInt8] { shared.state.withLock { $0.received } }
    var text: String { String(decoding: received, as: UTF8.self) }
    var isClosed: Bool { shared.state.withLock { $0.isClosed } }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func startReading() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }

    func close() async throws { try await channel.closeOnce() }

    /// Waits until `condition` holds for what has been received and whether the peer has closed.
    func wait(
        for condition: @escaping @Sendable ([UInt8], Bool) -> Bool
    ) async throws {
        let channel = self.channel
        let limit = Task {
            try await Task.sleep(for: .seconds(300))
            try await channel.closeOnce()
        }
        await withCheckedContinuation { continuation in
            let isMet = shared.state.withLock { state in
                if condition(state.received, state.isClosed) || state.isClosed { return true }
                state.waiting.append(({ condition($0, $1) || $1 }, continuation))
                return false
            }
            if isMet { continuation.resume() }
        }
        limit.cancel()
        guard shared.state.withLock({ condition($0.received, $0.isClosed) }) else {
            throw TimedOut(received: text)
        }
    }

    /// Waits until `end` has been received `times` times.
    func wait(for end: String, times: Int = 1) async throws -> String {
        try await wait { received, _ in
            String(decoding: received, as: UTF8.self).components(separatedBy: end) > times
        }
        return text
    }

    func waitForClose() async throws -> String {
        try await wait { $1 }
        return text
    }

    /// Sends a GET and waits for the end of its answer.
    static func get(
        _ port: Int, _ path: String = "/", headers: String = "", method: String = "GET"
    ) async throws -> String {
        let client = try await RawClient(port: port)
        try await client.send(
            "\(method) \(path) HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\(headers)\r\n"
        )
        return try await client.waitForClose()
    }
}

extension String {
    /// How many parts `separator` cuts this into.
    fileprivate func components(separatedBy separator: String) -> Int {
        var count = 1
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
