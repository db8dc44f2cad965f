import NIOCore
import NIOPosix
import Proxy
import Synchronization

/// A request as an upstream saw it.
struct SeenRequest: Sendable {
    var method: String
    var target: String
    var head: String
    var body: [UInt8]
    /// Connections are numbered in order of arrival.
    var connection: Int

    /// The value of the first field called `name`, which is in lower case.
    func header(_ name: String) -> String? {
        for line in head.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name {
                return String(parts[1].drop { $0 == " " })
            }
        }
        return nil
    }
}

/// What an upstream does with a request.
enum UpstreamAction: Sendable {
    case send(String)
    case sendBytes([UInt8])
    case sendThenClose(String)
    case close
    /// Never answers.
    case hang

    static func ok(_ body: String, extra: String = "") -> UpstreamAction {
        .send("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(extra)\r\n\(body)")
    }
}

/// A server on a free port that answers what its script says and remembers what it was asked.
final class TestUpstream: Sendable {
    typealias Script = @Sendable (SeenRequest, _ index: Int) -> UpstreamAction

    fileprivate struct State {
        var requests: [SeenRequest] = []
        var connections = 0
        var closed = 0
        var children: [any Channel] = []
    }

    let port: Int
    private let channel: any Channel
    private let state: SharedState

    fileprivate final class SharedState: Sendable {
        fileprivate let value = Mutex(State())
    }

    init(
        onHead: UpstreamAction? = nil, readsSlowly: Bool = false,
        _ script: @escaping Script
    ) async throws {
        let state = SharedState()
        self.state = state
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let number = state.value.withLock { state in
                    state.connections += 1
                    state.children.append(channel)
                    return state.connections
                }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        UpstreamHandler(
                            number: number, onHead: onHead,
                            record: { request in
                                let index = state.value.withLock { state in
                                    state.requests.append(request)
                                    return state.requests.count - 1
                                }
                                return script(request, index)
                            },
                            closed: { state.value.withLock { $0.closed += 1 } }))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    var address: Address { Address(host: "127.0.0.1", port: port) }
    var requests: [SeenRequest] { state.value.withLock { $0.requests } }
    var connections: Int { state.value.withLock { $0.connections } }
    var closedConnections: Int { state.value.withLock { $0.closed } }

    /// Closes the connections, not the listener.
    func closeConnections() async throws {
        for child in state.value.withLock({ $0.children }) { try await child.closeOnce() }
    }

    func stop() async throws {
        try await channel.close()
        try await closeConnections()
    }
}

extension Channel {
    /// Closes, unless the other side has been quicker.
    func closeOnce() async throws {
        do {
            try await close()
        } catch ChannelError.alreadyClosed {
            return
        }
    }
}

private final class UpstreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let number: Int
    private let onHead: UpstreamAction?
    private let record: (SeenRequest) -> UpstreamAction
    private let closed: () -> Void
    private var input = ByteBuffer()
    private var parser = RequestParser()
    private var framing: BodyFraming?
    private var head = ""
    private var body: [UInt8] = []

    init(
        number: Int, onHead: UpstreamAction?, record: @escaping (SeenRequest) -> UpstreamAction,
        closed: @escaping () -> Void
    ) {
        self.number = number
        self.onHead = onHead
        self.record = record
        self.closed = closed
    }

    func channelInactive(context: ChannelHandlerContext) { closed() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
        while input.readableBytes > 0 {
            if framing == nil {
                guard
                    case .complete(let length) = input.withUnsafeReadableBytes({ parser.parse($0) })
                else { return }
                head = input.readString(length: length) ?? ""
                framing = parser.head.bodyFraming
                if let onHead { perform(onHead, context) }
            }
            guard var framing else { return }
            let content = input.withUnsafeReadableBytes { Array($0) }
            let progress = content.withUnsafeBytes { raw in
                framing.consume(raw) { body.append(contentsOf: content[$0]) }
            }
            self.framing = framing
            guard case .finished(let used) = progress else {
                input.clear()
                return
            }
            input.moveReaderIndex(forwardBy: used)
            finish(context)
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        let line = head.split(separator: "\r\n").first?.split(separator: " ") ?? []
        let request = SeenRequest(
            method: line.isEmpty ? "" : String(line[0]),
            target: line.count > 1 ? String(line[1]) : "", head: head, body: body,
            connection: number)
        framing = nil
        body = []
        parser.reset()
        perform(record(request), context)
    }

    private func perform(_ action: UpstreamAction, _ context: ChannelHandlerContext) {
        switch action {
        case .send(let text):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        case .sendBytes(let bytes):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        case .sendThenClose(let text):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            context.close(mode: .output, promise: nil)
        case .close: context.close(promise: nil)
        case .hang: break
        }
    }
}
