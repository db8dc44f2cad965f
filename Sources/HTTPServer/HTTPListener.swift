import Glibc
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Platform

/// An open port that answers HTTP/1.1 requests by a table of routes.
package final class HTTPListener: Sendable {
    package struct Configuration: Sendable {
        package var address: ListenAddress
        /// The flag that moves this listener, for messages: `--listen`.
        package var flag: String
        package var limits = HTTPLimits()
        /// `nil` serves everybody who can reach the port.
        package var tokens: TokenSet?
        /// Of the answers' `Date`.
        package var clock: any Clock = SystemClock()

        package init(address: ListenAddress, flag: String, tokens: TokenSet? = nil) {
            self.address = address
            self.flag = flag
            self.tokens = tokens
        }
    }

    /// The address it listens on, with the real port.
    package let address: ListenAddress
    private let server: Server<UpgradableChannel>
    private let running: Task<Void, Never>
    private let exchanges: OpenExchanges
    private let events: EventLog

    private init(
        address: ListenAddress, server: Server<UpgradableChannel>, running: Task<Void, Never>,
        exchanges: OpenExchanges, events: EventLog
    ) {
        self.address = address
        self.server = server
        self.running = running
        self.exchanges = exchanges
        self.events = events
    }

    /// Binds and begins to accept connections.
    package static func open(
        _ configuration: Configuration, routes: RouteTable, events: EventLog
    ) async throws(ListenError) -> HTTPListener {
        let exchanges = OpenExchanges()
        let responder = Responder(
            table: routes, limits: configuration.limits, tokens: configuration.tokens,
            events: events, budget: BodyBudget(limit: configuration.limits.bodyBytesInFlightMax),
            exchanges: exchanges, date: HTTPDate(configuration.clock))
        let (bound, binding) = AsyncStream.makeStream(
            of: Result<SocketAddress?, any Error>.self, bufferingPolicy: .bufferingOldest(1))
        let server = server(configuration, responder, exchanges, events.logger) { address in
            binding.yield(.success(address))
        }
        let running = Task.detached {
            do {
                try await server.run()
                binding.finish()
            } catch {
                binding.yield(.failure(error))
                binding.finish()
            }
        }
        let local = try await localAddress(bound, configuration)
        return HTTPListener(
            address: ListenAddress(host: configuration.address.host, port: local.port ?? 0),
            server: server, running: running, exchanges: exchanges, events: events)
    }

    /// Stops accepting, lets requests in progress finish, and closes what is left after `grace`.
    package func shutdown(within grace: Duration = .seconds(4)) async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let deadline = loop.scheduleTask(in: TimeAmount(grace)) { [exchanges, events] in
            let count = exchanges.closeAll()
            events.emit(ConnectionAborted(reason: .shutdown, count: UInt64(count)))
        }
        defer { deadline.cancel() }
        do { try await server.shutdownGracefully() } catch {
            events.logger.warning("closing \(address) failed: \(error)")
        }
        running.cancel()
    }

    private static func server(
        _ configuration: Configuration, _ responder: Responder, _ exchanges: OpenExchanges,
        _ logger: Logger,
        onBound: @escaping @Sendable (SocketAddress?) -> Void
    ) -> Server<UpgradableChannel> {
        let limits = configuration.limits
        // Only what an operator must know; the requests' own errors are counted.
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return Server(
            childChannelSetup: UpgradableChannel(
                http: HTTP1Channel(
                    responder: { request, writer, channel in
                        try await responder.respond(to: request, writer, on: channel)
                    },
                    configuration: .init(
                        additionalChannelHandlers: [ClientWatch(exchanges)],
                        idleTimeout: TimeAmount(limits.idleTimeout),
                        httpDecoderConfiguration: .init(
                            maxHeaderFieldSize: limits.headerBytesMax,
                            maxHeaderListSize: limits.headerBytesMax, maxHeaderFieldCount: 200))),
                responder: responder),
            configuration: ServerConfiguration(
                address: .hostname(configuration.address.host, port: configuration.address.port),
                backlog: 1_024,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    limits.connectionsMax, logger: logger)),
            onServerRunning: { onBound($0.localAddress) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }

    private static func localAddress(
        _ bound: AsyncStream<Result<SocketAddress?, any Error>>, _ configuration: Configuration
    ) async throws(ListenError) -> SocketAddress {
        let (address, flag) = (configuration.address, configuration.flag)
        for await outcome in bound {
            switch outcome {
            case .success(let local?): return local
            case .success(nil): break
            case .failure(let error): throw ListenError(error, address, flag: flag)
            }
        }
        throw .failed(address, flag: flag, reason: "the server stopped at once")
    }
}

extension ListenError {
    /// From what binding a socket threw.
    package init(_ error: any Error, _ address: ListenAddress, flag: String) {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE: self = .taken(address, flag: flag)
        case EACCES, EPERM: self = .notPermitted(address, flag: flag)
        case EADDRNOTAVAIL: self = .unknownHost(address, flag: flag)
        default:
            if case .unknown = error as? SocketAddressError {
                self = .unknownHost(address, flag: flag)
            } else {
                self = .failed(address, flag: flag, reason: "\(error)")
            }
        }
    }
}
