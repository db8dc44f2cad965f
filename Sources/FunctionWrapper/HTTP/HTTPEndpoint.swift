import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP/1.1 server that hands whole requests to a function and writes what it answers.
final class HTTPEndpoint: Sendable {
    typealias Responder = @Sendable (FunctionRequest) async -> FunctionResponse

    let port: Int
    private let listener: any Channel
    private let connections: ConnectionSet

    private init(listener: any Channel, connections: ConnectionSet) {
        self.listener = listener
        self.connections = connections
        port = listener.localAddress?.port ?? 0
    }

    static func listen(
        on address: ListenAddress, bodyBytesMax: Int, group: any EventLoopGroup,
        respond: @escaping Responder
    ) async throws(FunctionWrapperError) -> HTTPEndpoint {
        let connections = ConnectionSet()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        RequestHandler(bodyBytesMax: bodyBytesMax, respond: respond))
                    connections.add(channel)
                }
            }
        do {
            let listener = try await bootstrap.bind(host: address.host, port: address.port).get()
            return HTTPEndpoint(listener: listener, connections: connections)
        } catch {
            throw .listen(address: "\(address.host):\(address.port)", reason: "\(error)")
        }
    }

    /// Accepts no more connections; those there are go on.
    func stopListening() async { await Self.close(listener) }

    /// Ends all connections.
    func close() async {
        await Self.close(listener)
        for channel in connections.all { await Self.close(channel) }
    }

    private static func close(_ channel: any Channel) async {
        do {
            try await channel.close().get()
        } catch {
            // It was closed before, which is what is wanted.
            return
        }
    }
}

/// The connections that are open.
private final class ConnectionSet: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    var all: [any Channel] { channels.withLock { Array($0.values) } }

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channels.withLock { $0[id] = channel }
        channel.closeFuture.whenComplete { _ in
            self.channels.withLock { _ = $0.removeValue(forKey: id) }
        }
    }
}
