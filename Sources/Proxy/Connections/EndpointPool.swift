import DequeModule
import NIOCore
import NIOPosix

/// The upstream connections of one event loop to one endpoint: idle ones last in, first out, a bound on
/// their number, and a bounded line of requests that wait for one.
final class EndpointPool {
    enum Acquisition {
        case ready(UpstreamConnection)
        /// The client will be told by `upstreamReady` or `connectFailed`.
        case waiting
        /// All connections are in use and the line is full.
        case overflow
    }

    /// A place in the line; empty when its client has gone.
    final class Waiter {
        var client: ClientConnection?
        init(_ client: ClientConnection) { self.client = client }
    }

    let endpoint: EndpointRuntime
    let cluster: ClusterRuntime
    unowned let loop: ProxyLoop
    private var idle: [UpstreamConnection] = []
    private var waiters: Deque<Waiter> = []
    private var connecting = 0
    private(set) var openCount = 0

    init(_ endpoint: EndpointRuntime, cluster: ClusterRuntime, loop: ProxyLoop) {
        self.endpoint = endpoint
        self.cluster = cluster
        self.loop = loop
    }

    var idleCount: Int { idle.count }

    /// - Parameter fresh: pass over idle connections if a new one may be opened: one of them has just
    ///   proved to be dead.
    func acquire(for client: ClientConnection, fresh: Bool) -> Acquisition {
        let mayConnect = openCount + connecting < cluster.configuration.connectionsMax
        if !fresh || !mayConnect {
            while let connection = idle.popLast() {
                guard connection.isOpen else { continue }
                return .ready(connection)
            }
        }
        guard mayConnect || waiters.count < cluster.configuration.pendingMax else {
            return .overflow
        }
        let waiter = Waiter(client)
        waiters.append(waiter)
        client.waiter = waiter
        if mayConnect { connect() }
        return .waiting
    }

    /// Takes back a connection whose exchange is over and that can carry another.
    func release(_ connection: UpstreamConnection) {
        if let client = nextWaiting() {
            client.upstreamReady(connection)
            return
        }
        guard !loop.isDraining else { return connection.close() }
        connection.idleSince = loop.coarseNow
        idle.append(connection)
        loop.keepTicking()
    }

    func closed(_ connection: UpstreamConnection) {
        openCount -= 1
        if let index = idle.firstIndex(where: { $0 === connection }) { idle.remove(at: index) }
        connectForWaiting()
    }

    /// A place is free: whoever waits because of the bound gets a connection of its own.
    private func connectForWaiting() {
        guard waiters.count > connecting, !loop.isClosed,
            openCount + connecting < cluster.configuration.connectionsMax
        else { return }
        connect()
    }

    func closeIdle(olderThan limit: Int64) {
        while let first = idle.first, first.idleSince <= limit {
            idle.removeFirst()
            first.close()
        }
    }

    private func nextWaiting() -> ClientConnection? {
        while let waiter = waiters.popFirst() {
            guard let client = waiter.client else { continue }
            waiter.client = nil
            client.waiter = nil
            return client
        }
        return nil
    }

    private func connect() {
        connecting += 1
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let bootstrap = ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(cluster.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = UpstreamConnection(pool: bound.value)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        let future =
            if let address = endpoint.socketAddress {
                bootstrap.connect(to: address)
            } else {
                bootstrap.connect(host: endpoint.address.host, port: endpoint.address.port)
            }
        future.assumeIsolated().whenComplete { self.connected($0) }
    }

    private func connected(_ result: Result<any Channel, any Error>) {
        connecting -= 1
        switch result {
        case .success(let channel):
            openCount += 1
            do {
                let handler = try channel.pipeline.syncOperations.handler(
                    type: UpstreamConnection.self)
                handler.isCounted = true
                // The channel tells its handler that it is active only after this.
                guard channel.isActive else { return handler.countAsClosed() }
                handler.opened(channel)
                release(handler)
            } catch {
                // The channel died before its handler was there; it cannot be used or counted.
                openCount -= 1
                nextWaiting()?.connectFailed(error)
            }
        case .failure(let error):
            nextWaiting()?.connectFailed(error)
            connectForWaiting()
        }
    }
}
