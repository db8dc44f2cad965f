import AsyncHTTPClient
import Logging
import NIOCore
import NIOPosix
import OTLPExport
import Platform
import Synchronization
import Telemetry

/// A function that is being hosted: its child, the endpoint that calls it, and its telemetry.
package final class FunctionHost: Sendable {
    /// What differs between the modes.
    enum Function: Sendable {
        case lambda(LambdaFunction, runtime: HTTPEndpoint)
        case http(HTTPFunction, client: HTTPClient)
    }

    /// Where invocations are taken.
    package let port: Int
    private let configuration: FunctionWrapperConfiguration
    private let function: Function
    private let endpoint: HTTPEndpoint
    private let telemetry: FunctionTelemetry
    private let logger: Logger
    private let metricsTask: Task<Void, Never>
    private let stopped = StopLatch()

    private init(
        configuration: FunctionWrapperConfiguration, function: Function, endpoint: HTTPEndpoint,
        telemetry: FunctionTelemetry, logger: Logger
    ) {
        self.logger = logger
        self.configuration = configuration
        self.function = function
        self.endpoint = endpoint
        self.telemetry = telemetry
        port = endpoint.port
        let interval = configuration.metricsInterval
        metricsTask = Task.detached {
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: interval)
                } catch {
                    return
                }
                telemetry.exportMetrics()
            }
        }
    }

    /// Starts to listen; the child is started as `minInstances` says.
    /// - Parameters:
    ///   - exporter: where telemetry goes instead of to `configuration.otlp`. It is shut down by `stop`.
    ///   - echo: takes the child's output; `nil` writes it to our own.
    /// - Throws: `FunctionWrapperError`, or `ExportConfigurationError` for a bad `otlp`.
    package static func start(
        _ configuration: FunctionWrapperConfiguration, exporter: OTLPExporter? = nil,
        clock: any Clock = SystemClock(), random: any RandomSource = SystemRandom(),
        logger: Logger = Logger(label: "function"),
        echo: (@Sendable (_ isError: Bool, _ bytes: [UInt8]) -> Void)? = nil
    ) async throws -> FunctionHost {
        try configuration.validate()
        var exporter = exporter
        if exporter == nil, let url = configuration.otlp {
            exporter = OTLPExporter(try OTLPExporter.Configuration(endpoint: url))
        }
        var output = FunctionTelemetry.standardEcho
        if let echo { output = { stream, bytes in echo(stream != .out, bytes) } }
        let telemetry = FunctionTelemetry(
            resource: FunctionResource.make(configuration, random: random), exporter: exporter,
            clock: clock, echo: output)
        switch configuration.mode {
        case .lambda:
            return try await lambda(configuration, telemetry, random, logger)
        case .http, .fork:
            return try await http(configuration, telemetry, random, logger)
        }
    }

    private static func lambda(
        _ configuration: FunctionWrapperConfiguration, _ telemetry: FunctionTelemetry,
        _ random: any RandomSource, _ logger: Logger
    ) async throws -> FunctionHost {
        let group = MultiThreadedEventLoopGroup.singleton
        let function = LambdaFunction(
            configuration: configuration, telemetry: telemetry, random: random, logger: logger)
        let runtimeAPI = RuntimeAPI(
            function: function, functionARN: LambdaARN.make(configuration),
            payloadBytesMax: configuration.payloadBytesMax)
        let runtime = try await HTTPEndpoint.listen(
            on: ListenAddress("127.0.0.1:0"), bodyBytesMax: configuration.payloadBytesMax,
            group: group, respond: { await runtimeAPI.respond($0) })
        let invoke = InvokeEndpoint(
            configuration: configuration, function: function, telemetry: telemetry, random: random)
        let endpoint: HTTPEndpoint
        do throws(FunctionWrapperError) {
            endpoint = try await HTTPEndpoint.listen(
                on: ListenAddress(configuration.listen),
                bodyBytesMax: configuration.payloadBytesMax, group: group,
                respond: { await invoke.respond($0) })
        } catch {
            await runtime.close()
            throw error
        }
        await function.open(runtimeAddress: "127.0.0.1:\(runtime.port)")
        return FunctionHost(
            configuration: configuration, function: .lambda(function, runtime: runtime),
            endpoint: endpoint, telemetry: telemetry, logger: logger)
    }

    private static func http(
        _ configuration: FunctionWrapperConfiguration, _ telemetry: FunctionTelemetry,
        _ random: any RandomSource, _ logger: Logger
    ) async throws -> FunctionHost {
        let function = HTTPFunction(
            configuration: configuration, telemetry: telemetry, random: random, logger: logger)
        let client = HTTPForwarder.makeClient(configuration)
        let forwarder = HTTPForwarder(
            configuration: configuration, function: function, telemetry: telemetry,
            random: random, client: client)
        let endpoint: HTTPEndpoint
        do {
            endpoint = try await HTTPEndpoint.listen(
                on: ListenAddress(configuration.listen),
                bodyBytesMax: configuration.payloadBytesMax,
                group: MultiThreadedEventLoopGroup.singleton,
                respond: { await forwarder.respond($0) })
        } catch {
            await close(client, logger)
            throw error
        }
        await function.open()
        return FunctionHost(
            configuration: configuration, function: .http(function, client: client),
            endpoint: endpoint, telemetry: telemetry, logger: logger)
    }

    private static func close(_ client: HTTPClient, _ logger: Logger) async {
        do {
            try await client.shutdown()
        } catch {
            logger.warning("closing the connections to the command failed: \(error)")
        }
    }

    /// Takes no more, lets what runs finish, ends the child and all it started, and sends what telemetry
    /// there is: within `shutdownLimit`. Calls after the first wait for it.
    package func stop() async {
        guard stopped.begin() else { return await stopped.wait() }
        let limit = configuration.shutdownLimit
        let exportLimit = limit / 4
        metricsTask.cancel()
        await endpoint.stopListening()
        switch function {
        case .lambda(let function, let runtime):
            await function.stop(within: limit - exportLimit)
            await runtime.close()
        case .http(let function, _):
            await function.stop(within: limit - exportLimit)
        }
        await telemetry.shutdown(within: exportLimit)
        if let losses = telemetry.losses { logger.warning("not everything was told: \(losses)") }
        await endpoint.close()
        if case .http(_, let client) = function { await Self.close(client, logger) }
        stopped.finish()
    }

    /// Returns when the function has been stopped.
    package func wait() async { await stopped.wait() }
}

/// Something that happens once and that many may wait for.
private final class StopLatch: Sendable {
    private struct State {
        var hasBegun = false
        var isOver = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Whether this is the first call.
    func begin() -> Bool {
        state.withLock { state in
            defer { state.hasBegun = true }
            return !state.hasBegun
        }
    }

    func finish() {
        let waiting = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.waiting.append(continuation) }
                return state.isOver
            }
            if isOver { continuation.resume() }
        }
    }
}

/// What telemetry says about where it comes from (OpenTelemetry semantic conventions, "FaaS").
enum FunctionResource {
    static func make(
        _ configuration: FunctionWrapperConfiguration, random: some RandomSource
    ) -> Resource {
        let instance = HexDigits.string(random.next())
        let own: [Attribute] = [
            Attribute("service.name", .string(configuration.name)),
            Attribute("service.version", .string(configuration.version)),
            Attribute("service.instance.id", .string(instance)),
            Attribute("faas.name", .string(configuration.name)),
            Attribute("faas.version", .string(configuration.version)),
            Attribute("faas.instance", .string(instance)),
            Attribute("faas.max_memory", .int(configuration.memoryBytes)),
            Attribute("cloud.region", .string(configuration.region)),
        ]
        let given = Set(configuration.resourceAttributes.map(\.key))
        return Resource(
            attributes: own.filter { !given.contains($0.key) } + configuration.resourceAttributes)
    }
}
