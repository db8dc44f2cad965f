import Logging
import NIOCore
import NIOPosix
import OTLPExport
import Platform
import Synchronization
import Telemetry

/// The running proxy: listeners, event loops, admin address, and the telemetry pipeline.
///
/// `start` returns when every listener is open; `stop` stops accepting, lets requests finish, sends the
/// last metrics, spans and log lines, and returns within its deadline.
package final class ProxyServer: Sendable {
    /// Where time, ids and messages come from and go to.
    package struct Environment: Sendable {
        package var clock: any Clock
        package var random: any RandomSource
        package var logger: Logger

        package init(
            clock: any Clock = SystemClock(), random: any RandomSource = SystemRandom(),
            logger: Logger = Logger(label: "proxy")
        ) {
            self.clock = clock
            self.random = random
            self.logger = logger
        }
    }

    /// An open listener; its port is the real one where the configuration says 0.
    package struct Bound: Sendable, Equatable {
        package var name: String
        package var address: Address
    }

    private struct State {
        var channels: [any Channel] = []
        var reporter: Task<Void, Never>?
        var isStopping = false
    }

    package let configuration: ProxyConfiguration
    package let listeners: [Bound]
    package let admin: Address?
    /// `nil` when telemetry goes nowhere.
    package let exporter: OTLPExporter?
    private let accessLog: AccessLogWriter?
    private let environment: Environment
    private let group: MultiThreadedEventLoopGroup
    private let loops: LoopSet
    private let startWall: Int64
    private let state: Mutex<State>

    private init(
        configuration: ProxyConfiguration, listeners: [Bound], admin: Address?,
        parts: Parts, channels: [any Channel]
    ) {
        self.configuration = configuration
        self.listeners = listeners
        self.admin = admin
        exporter = parts.exporter
        accessLog = parts.accessLog
        environment = parts.environment
        group = parts.group
        loops = parts.loops
        startWall = parts.environment.clock.wallNanoseconds
        state = Mutex(State(channels: channels))
    }

    private struct Parts {
        var environment: Environment
        var group: MultiThreadedEventLoopGroup
        var loops: LoopSet
        var exporter: OTLPExporter?
        var accessLog: AccessLogWriter?
    }

    /// Opens every listener.
    /// - Throws: `ConfigurationError` that names the listener and its address if one cannot be opened,
    ///   or what is wrong with the configuration. Nothing stays open then.
    package static func start(
        _ configuration: ProxyConfiguration, environment: Environment = Environment()
    ) async throws(ConfigurationError) -> ProxyServer {
        let table = try RoutingTable(configuration)
        try checkNames(configuration.workload)
        let accessLog = try AccessLogWriter(configuration.telemetry.accessLog)
        let exporter: OTLPExporter?
        do {
            exporter = try configuration.telemetry.otlp.map { endpoint in
                var settings = try OTLPExporter.Configuration(endpoint: endpoint)
                settings.compressesWithGzip = configuration.telemetry.compressesWithGzip
                return OTLPExporter(
                    settings, random: environment.random, logger: environment.logger)
            }
        } catch {
            throw ConfigurationError("telemetry.otlp: \(error)")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.threads)
        let parts = Parts(
            environment: environment, group: group,
            loops: await LoopSet.make(
                group, table: table, configuration: configuration, environment: environment,
                exporter: exporter, accessLog: accessLog),
            exporter: exporter, accessLog: accessLog)
        do {
            return try await open(configuration, table, parts)
        } catch {
            await close(parts)
            throw error
        }
    }

    private static func open(
        _ configuration: ProxyConfiguration, _ table: RoutingTable, _ parts: Parts
    ) async throws(ConfigurationError) -> ProxyServer {
        var channels: [any Channel] = []
        var bound: [Bound] = []
        var admin: Address?
        do {
            for listener in table.listeners {
                let settings = listener.configuration
                let channel = try await bind(settings.address, "listener \"\(settings.name)\"") {
                    try await parts.loops.bootstrap(listener, group: parts.group)
                        .bind(host: settings.address.host, port: settings.address.port).get()
                }
                channels.append(channel)
                bound.append(Bound(name: settings.name, address: actual(channel, settings.address)))
            }
            if let address = configuration.admin {
                let page = AdminPages(
                    configuration: configuration, loops: parts.loops, exporter: parts.exporter,
                    accessLog: parts.accessLog, listeners: bound)
                let channel = try await bind(address, "admin") {
                    try await page.bootstrap(group: parts.group)
                        .bind(host: address.host, port: address.port).get()
                }
                channels.append(channel)
                admin = actual(channel, address)
            }
        } catch {
            for channel in channels { channel.close(promise: nil) }
            throw error
        }
        let server = ProxyServer(
            configuration: configuration, listeners: bound, admin: admin, parts: parts,
            channels: channels)
        server.startReporting()
        return server
    }

    private static func bind(
        _ address: Address, _ what: String, _ open: () async throws -> any Channel
    ) async throws(ConfigurationError) -> any Channel {
        do {
            return try await open()
        } catch {
            throw ConfigurationError("\(what): cannot listen on \(address): \(error)")
        }
    }

    private static func actual(_ channel: any Channel, _ asked: Address) -> Address {
        Address(host: asked.host, port: channel.localAddress?.port ?? asked.port)
    }

    /// The workload's names travel in a header of their own, separated by slashes.
    private static func checkNames(
        _ workload: ProxyConfiguration.Workload
    ) throws(ConfigurationError) {
        for name in [workload.name, workload.version, workload.namespace]
        where !name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }) {
            throw ConfigurationError(
                "service: \"\(name)\" must consist of visible ASCII characters without \"/\"")
        }
        guard !workload.name.isEmpty else { throw ConfigurationError("service: needs a name") }
    }

    // MARK: Metrics

    /// The request metrics of all loops as of now.
    package func metrics() async -> [RequestSeries] { await loops.metrics(configuration) }

    private func startReporting() {
        guard exporter != nil else { return }
        let interval = configuration.telemetry.metricsInterval
        let task = Task {
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: interval)
                } catch {
                    return
                }
                await self.report()
            }
        }
        state.withLock { $0.reporter = task }
    }

    private func report() async {
        guard let exporter else { return }
        let series = await metrics()
        guard !series.isEmpty else { return }
        exporter.submit(
            RequestMetricsExport.metrics(
                series, workload: configuration.workload,
                start: Timestamp(nanoseconds: startWall),
                now: Timestamp(nanoseconds: environment.clock.wallNanoseconds)))
    }

    // MARK: Stop

    /// Stops accepting, waits for the requests under way, sends all telemetry, and closes.
    /// - Parameter deadline: for everything; what is not done by then is cut off and counted as lost.
    package func stop(within deadline: Duration = .seconds(5)) async {
        let (channels, reporter, isFirst) = state.withLock { state in
            defer {
                state.channels = []
                state.isStopping = true
            }
            return (state.channels, state.reporter, !state.isStopping)
        }
        guard isFirst else { return }
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: deadline)
        for channel in channels { await ProxyServer.closeQuietly(channel, environment.logger) }
        await loops.drain(until: end.advanced(by: deadline * -0.4))
        reporter?.cancel()
        await reporter?.value
        await report()
        await exporter?.shutdown(within: max(.milliseconds(100), end - clock.now))
        await accessLog?.close()
        await ProxyServer.shutdown(group, environment.logger)
    }

    private static func close(_ parts: Parts) async {
        await parts.exporter?.shutdown(within: .zero)
        await parts.accessLog?.close()
        await shutdown(parts.group, parts.environment.logger)
    }

    private static func shutdown(_ group: MultiThreadedEventLoopGroup, _ logger: Logger) async {
        do {
            try await group.shutdownGracefully()
        } catch {
            logger.warning("event loops did not shut down: \(error)")
        }
    }

    private static func closeQuietly(_ channel: any Channel, _ logger: Logger) async {
        do {
            try await channel.close()
        } catch {
            logger.debug("a listener was closed already: \(error)")
        }
    }
}
