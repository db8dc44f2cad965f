import NIOCore
import NIOPosix
import OTLPExport

/// The event loops of a proxy with what each of them owns.
final class LoopSet: Sendable {
    private let loops: [NIOLoopBound<ProxyLoop>]
    private let byEventLoop: [ObjectIdentifier: NIOLoopBound<ProxyLoop>]

    /// What one loop knows about its connections and requests.
    struct Census: Sendable {
        struct Upstream: Sendable {
            var open: Int
            var idle: Int
        }

        var clients = 0
        var activeExchanges = 0
        var finishedExchanges: UInt64 = 0
        /// By endpoint.
        var upstreams: [Upstream] = []
    }

    private init(_ loops: [(any EventLoop, NIOLoopBound<ProxyLoop>)]) {
        self.loops = loops.map(\.1)
        byEventLoop = Dictionary(
            uniqueKeysWithValues: loops.map { (ObjectIdentifier($0.0), $0.1) })
    }

    static func make(
        _ group: MultiThreadedEventLoopGroup, table: RoutingTable,
        configuration: ProxyConfiguration, environment: ProxyServer.Environment,
        exporter: OTLPExporter?, accessLog: AccessLogWriter?
    ) async -> LoopSet {
        var loops: [(any EventLoop, NIOLoopBound<ProxyLoop>)] = []
        for eventLoop in group.makeIterator() {
            let bound = await LoopSet.on(eventLoop) {
                NIOLoopBound(
                    ProxyLoop(
                        eventLoop: eventLoop, table: table, configuration: configuration,
                        environment: environment, exporter: exporter, accessLog: accessLog),
                    eventLoop: eventLoop)
            }
            loops.append((eventLoop, bound))
        }
        return LoopSet(loops)
    }

    /// Runs `body` on the loop and waits for it.
    private static func on<T: Sendable>(
        _ eventLoop: any EventLoop, _ body: @escaping @Sendable () -> T
    ) async -> T {
        await withCheckedContinuation { continuation in
            eventLoop.execute { continuation.resume(returning: body()) }
        }
    }

    /// Accepts connections of `listener`, spread over the loops.
    func bootstrap(
        _ listener: ListenerRuntime, group: MultiThreadedEventLoopGroup
    ) -> ServerBootstrap {
        let byEventLoop = self.byEventLoop
        return ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1_024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = byEventLoop[ObjectIdentifier(channel.eventLoop)] else {
                        preconditionFailure("BUG: a connection is on a foreign event loop")
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ClientConnection(loop: loop.value, listener: listener))
                }
            }
    }

    func metrics(_ configuration: ProxyConfiguration) async -> [RequestSeries] {
        var merger = SeriesMerger(configuration)
        for loop in loops {
            let (rows, peers) = await LoopSet.on(loop.eventLoop) {
                (loop.value.metrics.rows, loop.value.peers.peers)
            }
            merger.add(rows, peers: peers)
        }
        return merger.series
    }

    func census() async -> Census {
        var sum = Census()
        for loop in loops {
            let one = await LoopSet.on(loop.eventLoop) { LoopSet.census(of: loop.value) }
            sum.clients += one.clients
            sum.activeExchanges += one.activeExchanges
            sum.finishedExchanges += one.finishedExchanges
            if sum.upstreams.isEmpty {
                sum.upstreams = one.upstreams
            } else {
                for (index, upstream) in one.upstreams.enumerated() {
                    sum.upstreams[index].open += upstream.open
                    sum.upstreams[index].idle += upstream.idle
                }
            }
        }
        return sum
    }

    private static func census(of loop: ProxyLoop) -> Census {
        Census(
            clients: loop.clients.count, activeExchanges: loop.activeExchanges,
            finishedExchanges: loop.finishedExchanges,
            upstreams: loop.pools.map {
                Census.Upstream(open: $0.openCount, idle: $0.idleCount)
            })
    }

    /// Lets requests under way finish, until `end`; then closes what is left and hands over telemetry.
    func drain(until end: ContinuousClock.Instant) async {
        for loop in loops { await LoopSet.on(loop.eventLoop) { loop.value.drain() } }
        while ContinuousClock.now < end, await census().activeExchanges > 0 {
            do {
                try await Task.sleep(for: .milliseconds(10))
            } catch {
                break
            }
        }
        for loop in loops { await LoopSet.on(loop.eventLoop) { loop.value.close() } }
        // What closing cut off has been recorded by now; it goes with the rest.
        for loop in loops { await LoopSet.on(loop.eventLoop) { loop.value.handOver() } }
    }
}
