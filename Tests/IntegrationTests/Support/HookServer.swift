import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Takes notifications on a free port of loopback and keeps them.
final class HookServer: Sendable {
    private struct State {
        var bodies: [String] = []
        var hangs = false
        /// Told whenever something came.
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    static func with(_ body: (HookServer) async throws -> Void) async throws {
        let server = HookServer()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(HookHandler(server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.channel.withLock { $0 = channel }
        let result: Result<Void, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        try await channel.close()
        try result.get()
    }

    var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
    var bodies: [String] { state.withLock { $0.bodies } }
    /// Whether it says nothing.
    var hangs: Bool {
        get { state.withLock { $0.hangs } }
        set { state.withLock { $0.hangs = newValue } }
    }

    /// Waits for so many notifications.
    func received(_ count: Int) async {
        while true {
            if bodies.count >= count { return }
            await withCheckedContinuation { continuation in
                let isLate = state.withLock { state in
                    if state.bodies.count >= count { return true }
                    state.waiting.append(continuation)
                    return false
                }
                if isLate { continuation.resume() }
            }
        }
    }

    /// False if it is to hang.
    fileprivate func took(_ body: String) -> Bool {
        let (waiting, hangs) = state.withLock { state in
            state.bodies.append(body)
            defer { state.waiting = [] }
            return (state.waiting, state.hangs)
        }
        for continuation in waiting { continuation.resume() }
        return !hangs
    }
}

private final class HookHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: HookServer
    private var body = ""

    init(_ server: HookServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: body = ""
        case .body(let part): body += String(buffer: part)
        case .end:
            guard server.took(body) else { return }
            var head = HTTPResponseHead(version: .http1_1, status: .ok)
            head.headers.add(name: "content-length", value: "0")
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
