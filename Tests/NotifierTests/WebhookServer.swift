import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// An HTTP server on a free port of loopback that answers as told and keeps what it got.
final class WebhookServer: Sendable {
    /// What to do with a request.
    enum Reaction: Sendable {
        case answer(Int, headers: [(String, String)] = [], bodyBytes: Int = 0)
        /// Answers with this text.
        case reply(Int, String)
        /// Answers without end: as long as somebody reads, or so many bytes, whose number stands in the head.
        case stream(bytes: Int?)
        /// Says nothing and keeps the connection.
        case hang
        /// Closes without an answer.
        case close
    }

    struct Request: Sendable {
        var uri: String
        var headers: [(name: String, value: String)]
        var body: String
    }

    private struct State {
        var reactions: [Reaction] = []
        var requests: [Request] = []
        var streamed = 0
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    /// What to do with a request, if that depends on what it says.
    private let choice: @Sendable (Request) -> Reaction?

    private init(_ reactions: [Reaction], _ choice: @escaping @Sendable (Request) -> Reaction?) {
        self.choice = choice
        state.withLock { $0.reactions = reactions }
    }

    /// Runs `body` with a server that reacts by `reactions`, in order; the last one goes on.
    static func with<Value>(
        _ reactions: [Reaction],
        choosing choice: @escaping @Sendable (Request) -> Reaction? = { _ in nil },
        tls: NIOSSLContext? = nil, host: String = "127.0.0.1",
        _ body: (WebhookServer) async throws -> Value
    ) async throws -> Value {
        let server = WebhookServer(reactions, choice)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(server))
                }
            }
            .bind(host: host, port: 0).get()
        server.channel.withLock { $0 = channel }
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(server))
        } catch {
            result = .failure(error)
        }
        try await channel.close()
        return try result.get()
    }

    var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
    var requests: [Request] { state.withLock { $0.requests } }
    var bodies: [String] { requests.map(\.body) }
    /// Bytes of endless answers that the connections took.
    var streamed: Int { state.withLock { $0.streamed } }

    fileprivate func stream(_ count: Int) { state.withLock { $0.streamed += count } }

    fileprivate func received(_ request: Request) -> Reaction {
        state.withLock { state in
            state.requests.append(request)
            if let chosen = choice(request) { return chosen }
            let reaction = state.reactions.first ?? .answer(200)
            if state.reactions.count > 1 { state.reactions.removeFirst() }
            return reaction
        }
    }
}

private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: WebhookServer
    private var request = WebhookServer.Request(uri: "", headers: [], body: "")
    /// What is left of an endless answer.
    private var left = 0
    private static let part = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)

    init(_ server: WebhookServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            request = WebhookServer.Request(
                uri: head.uri, headers: head.headers.map { (name: $0.name, value: $0.value) },
                body: "")
        case .body(let part): request.body += String(buffer: part)
        case .end: react(context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stream(context)
        context.fireChannelWritabilityChanged()
    }

    /// Writes while the connection takes it.
    private func stream(_ context: ChannelHandlerContext) {
        while left > 0, context.channel.isActive, context.channel.isWritable {
            let count = min(left, Self.part.readableBytes)
            left -= count
            server.stream(count)
            let part = Self.part.getSlice(at: 0, length: count) ?? ByteBuffer()
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(part))), promise: nil)
        }
    }

    private func react(_ context: ChannelHandlerContext) {
        switch server.received(request) {
        case .hang: return
        case .close: context.close(promise: nil)
        case .stream(let bytes):
            var head = HTTPResponseHead(version: .http1_1, status: .ok)
            if let bytes { head.headers.add(name: "content-length", value: String(bytes)) }
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
            left = bytes ?? .max
            stream(context)
        case .reply(let status, let text):
            var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status))
            head.headers.add(name: "content-length", value: String(text.utf8.count))
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(
                wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .answer(let status, let headers, let bodyBytes):
            var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status))
            for (name, value) in headers { head.headers.add(name: name, value: value) }
            head.headers.add(name: "content-length", value: String(bodyBytes))
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            let content = ByteBuffer(repeating: UInt8(ascii: "x"), count: bodyBytes)
            context.write(wrapOutboundOut(.body(.byteBuffer(content))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
