import GRPCCore
import GRPCNIOTransportHTTP2
import HTTPServer
import NIOCore
import NIOPosix
import Platform

/// An open port that speaks gRPC (HTTP/2 without TLS). It receives telemetry, OTLP's, Jaeger's, Zipkin's and
/// Envoy's access logs, or serves what it is given.
package final class GRPCListener: Sendable {
    private typealias Transport = HTTP2ServerTransport.Posix

    package struct Configuration: Sendable {
        package var address: ListenAddress
        /// The flag that moves this listener, for messages: `--otlp-grpc`.
        package var flag: String
        package var tokens: TokenSet?
        /// One message, expanded: as much as a body over HTTP as sent.
        package var messageBytesMax = 16 << 20
        /// What the transport reads of one message at all, as sent and expanded.
        package var transportBytesMax = 64 << 20
        /// Calls at once on one connection; exporters use one to ten.
        package var streamsMax = 100
        /// A connection without calls for this long is closed.
        package var idleTimeout = Duration.seconds(3_600)

        package init(address: ListenAddress, flag: String, tokens: TokenSet? = nil) {
            self.address = address
            self.flag = flag
            self.tokens = tokens
        }
    }

    /// The address it listens on, with the real port.
    package let address: ListenAddress
    private let server: GRPCServer<Transport>
    private let running: Task<Void, Never>
    /// Ends when the server has.
    private let ended: AsyncStream<Never>
    private let ending: AsyncStream<Never>.Continuation

    private init(
        address: ListenAddress, server: GRPCServer<Transport>, running: Task<Void, Never>,
        ended: AsyncStream<Never>, ending: AsyncStream<Never>.Continuation
    ) {
        self.address = address
        self.server = server
        self.running = running
        self.ended = ended
        self.ending = ending
    }

    /// Binds and begins to receive telemetry.
    /// - Parameter sampling: what Jaeger's clients are told when they ask how much to trace.
    package static func open(
        _ configuration: Configuration, ingest: Ingest, sampling: SamplingAdvice? = nil
    ) async throws(ListenError) -> GRPCListener {
        let advice = sampling.map {
            SamplingGRPCService(advice: $0, tokens: configuration.tokens)
        }
        return try await open(
            configuration,
            services: (advice.map { [$0] } ?? []) + [
                OTLPGRPCService(
                    ingest: ingest, tokens: configuration.tokens,
                    messageBytesMax: configuration.messageBytesMax),
                TraceGRPCService(
                    ingest: ingest, tokens: configuration.tokens,
                    messageBytesMax: configuration.messageBytesMax),
                EnvoyALSService(
                    ingest: ingest, tokens: configuration.tokens,
                    messageBytesMax: configuration.messageBytesMax),
                GRPCHealthService(received + (advice == nil ? [] : [SamplingGRPCService.name])),
            ], events: ingest.events)
    }

    /// The services of a port that receives telemetry.
    private static let received =
        OTLPGRPCService.names + TraceGRPCService.names + [EnvoyALSService.name]

    /// Binds and begins to serve. Tokens are the services' own matter.
    package static func open(
        _ configuration: Configuration, services: [any RegistrableRPCService], events: EventLog
    ) async throws(ListenError) -> GRPCListener {
        let (address, flag) = (configuration.address, configuration.flag)
        let transport = Transport(
            address: try resolve(address, flag: flag), transportSecurity: .plaintext,
            config: transportConfiguration(configuration, events))
        let server = GRPCServer(transport: transport, services: services)
        let (ended, ending) = AsyncStream.makeStream(of: Never.self)
        let (failures, failing) = AsyncStream.makeStream(of: (any Error).self)
        let running = Task.detached {
            do { try await server.serve() } catch { failing.yield(error) }
            failing.finish()
            ending.finish()
        }
        let port: Int
        do {
            let bound = try await transport.listeningAddress
            port = bound.ipv4?.port ?? bound.ipv6?.port ?? address.port
        } catch {
            var cause: any Error = error
            for await failure in failures { cause = failure }
            while let inner = (cause as? RuntimeError)?.cause { cause = inner }
            throw ListenError(cause, address, flag: flag)
        }
        return GRPCListener(
            address: ListenAddress(host: address.host, port: port), server: server,
            running: running, ended: ended, ending: ending)
    }

    /// Stops accepting, lets calls in progress finish, and ends what is left after `grace`.
    package func shutdown(within grace: Duration = .seconds(4)) async {
        server.beginGracefulShutdown()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let deadline = loop.scheduleTask(in: TimeAmount(grace)) { [running, ending] in
            running.cancel()
            ending.finish()
        }
        for await _ in ended {}
        deadline.cancel()
    }

    private static func resolve(
        _ address: ListenAddress, flag: String
    ) throws(ListenError) -> GRPCNIOTransportHTTP2.SocketAddress {
        do {
            let resolved = try NIOCore.SocketAddress.makeAddressResolvingHost(
                address.host, port: address.port)
            let host = resolved.ipAddress ?? address.host
            return host.contains(":")
                ? .ipv6(host: host, port: address.port) : .ipv4(host: host, port: address.port)
        } catch {
            throw ListenError(error, address, flag: flag)
        }
    }

    private static func transportConfiguration(
        _ configuration: Configuration, _ events: EventLog
    ) -> Transport.Config {
        let transportBytesMax = configuration.transportBytesMax
        return .defaults { config in
            config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { stream in
                stream.eventLoop.makeCompletedFuture {
                    try stream.pipeline.syncOperations.addHandler(
                        GRPCExpansion(events: events, messageBytesMax: transportBytesMax),
                        position: .first)
                }
            }
            config.rpc.maxRequestPayloadSize = configuration.transportBytesMax
            config.compression.enabledAlgorithms = .none  // GRPCExpansion does it.
            config.connection.maxIdleTime = configuration.idleTimeout
            config.http2.maxConcurrentStreams = configuration.streamsMax
            // A batch of a few hundred kilobytes travels without waiting for window updates.
            config.http2.targetWindowSize = 1 << 20
            // Collectors ping every ten seconds or more, also between batches.
            config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(10)
            config.connection.keepalive.clientBehavior.allowWithoutCalls = true
        }
    }
}
