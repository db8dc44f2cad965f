import Foundation
import HTTPServer
import Logging
import Platform
import QueryAPI
import Receivers

/// The open ports: the main one, and one for each receiver that has a port of its own.
struct ServeListeners {
    private var main: HTTPListener
    private var others: [(name: String, listener: HTTPListener)] = []
    private var grpc: [(name: String, listener: GRPCListener)] = []
    private var datagrams: XRayDatagramListener?
    private var statsD: StatsDListener?
    private var syslog: SyslogListener?
    private var syslogTLS: SyslogListener?
    private var follower: FileFollower?

    /// Opens all listeners or none.
    static func open(_ parts: ServeParts) async throws(ListenError) -> ServeListeners {
        let configuration = parts.configuration
        var router = Router()
        ServeRoutes.register(parts, on: &router)
        var listeners = ServeListeners(
            main: try await HTTPListener.open(
                .init(address: configuration.listen, flag: "--listen", tokens: parts.tokens),
                routes: router.compiled(), events: parts.events))
        do throws(ListenError) {
            try await listeners.openHTTP(parts)
            try await listeners.openGRPC("OTLP/gRPC", configuration.otlpGRPC, "--otlp-grpc", parts)
            try await listeners.openGRPC(
                "Jaeger gRPC", configuration.jaegerGRPC, "--jaeger-grpc", parts)
            try await listeners.openJaegerQueries(parts)
            try await listeners.openXRay(parts)
            if let address = configuration.statsD {
                listeners.statsD = try await StatsDListener.open(
                    address, flag: "--statsd", ingest: parts.ingest)
            }
            try await listeners.openLogs(parts)
        } catch {
            await listeners.close()
            throw error
        }
        return listeners
    }

    private init(main: HTTPListener) { self.main = main }

    /// Syslog and the followed files.
    private mutating func openLogs(_ parts: ServeParts) async throws(ListenError) {
        let logs = parts.configuration.logs
        if let address = logs.syslog {
            syslog = try await SyslogListener.open(
                address, flag: "--syslog", ingest: parts.ingest)
        }
        if let secure = logs.syslogTLS {
            syslogTLS = try await SyslogListener.open(
                secure.address, flag: "--syslog-tls", tls: secure.tls, ingest: parts.ingest)
        }
        guard !logs.followed.isEmpty else { return }
        let checkpoints = "\(parts.configuration.data)/followed-files"
        do throws(FileError) {
            follower = try FileFollower(
                logs.followed, checkpoints: checkpoints, ingest: parts.ingest)
        } catch {
            throw .failed(parts.configuration.listen, flag: "--follow-file", reason: "\(error)")
        }
    }

    private mutating func openHTTP(_ parts: ServeParts) async throws(ListenError) {
        let configuration = parts.configuration
        let ingest = parts.ingest
        try await add("OTLP/HTTP", configuration.otlpHTTP, "--otlp-http", parts) {
            OTLPHTTPReceiver(ingest).register(on: &$0)
        }
        try await add("Zipkin", configuration.zipkin, "--zipkin", parts) { router in
            let api = ZipkinAPI(
                store: parts.store, metrics: parts.store, runner: parts.queries)
            for prefix in ["", "/zipkin"] {
                ZipkinReceiver(ingest).register(on: &router, prefix: prefix)
                api.register(on: &router, prefix: prefix)
            }
        }
        let sampling = SamplingReceiver(parts.sampling)
        try await add("Jaeger HTTP", configuration.jaegerHTTP, "--jaeger-http", parts) {
            JaegerReceiver(ingest).register(on: &$0)
            sampling.register(on: &$0)
        }
        try await add("sampling", configuration.sampling, "--sampling", parts) {
            sampling.register(on: &$0)
        }
    }

    /// Segments come by UDP, all else that senders ask for by HTTP on the same port. Neither shows a
    /// token: what leaves this machine needs `--insecure`.
    private mutating func openXRay(_ parts: ServeParts) async throws(ListenError) {
        guard let address = parts.configuration.xray else { return }
        var router = Router()
        XRayReceiver(parts.ingest, parts.sampling).register(on: &router)
        let listener = try await HTTPListener.open(
            .init(address: address, flag: "--xray"), routes: router.compiled(),
            events: parts.events)
        others.append(("X-Ray HTTP", listener))
        datagrams = try await XRayDatagramListener.open(
            address, flag: "--xray", ingest: parts.ingest)
    }

    private mutating func openJaegerQueries(_ parts: ServeParts) async throws(ListenError) {
        guard let address = parts.configuration.jaegerQueryGRPC else { return }
        let api = JaegerAPI(
            store: parts.store, metrics: parts.store, runner: parts.queries)
        let listener = try await GRPCListener.open(
            .init(address: address, flag: "--jaeger-query-grpc"),
            services: [
                JaegerQueryService(api, tokens: parts.tokens),
                JaegerQueryServiceV2(api, tokens: parts.tokens),
                TempoStreamService(ServeRoutes.tempo(parts), tokens: parts.tokens),
                GRPCHealthService([
                    "jaeger.api_v3.QueryService", "jaeger.api_v2.QueryService",
                    TempoStreamService.name,
                ]),
            ], events: parts.events)
        grpc.append(("Jaeger queries", listener))
    }

    private mutating func openGRPC(
        _ name: String, _ address: ListenAddress?, _ flag: String, _ parts: ServeParts
    ) async throws(ListenError) {
        guard let address else { return }
        let listener = try await GRPCListener.open(
            .init(address: address, flag: flag, tokens: parts.tokens), ingest: parts.ingest,
            sampling: parts.sampling)
        grpc.append((name, listener))
    }

    private mutating func add(
        _ name: String, _ address: ListenAddress?, _ flag: String, _ parts: ServeParts,
        _ register: (inout Router) -> Void
    ) async throws(ListenError) {
        guard let address else { return }
        var router = Router()
        register(&router)
        let listener = try await HTTPListener.open(
            .init(address: address, flag: flag, tokens: parts.tokens), routes: router.compiled(),
            events: parts.events)
        others.append((name, listener))
    }

    /// Says where everything listens; the last line is the one that scripts wait for.
    func announce(_ logger: Logger) {
        for (name, listener) in others { logger.info("\(name) on \(listener.address)") }
        for (name, listener) in grpc { logger.info("\(name) on \(listener.address)") }
        if let datagrams { logger.info("X-Ray UDP on \(datagrams.address)") }
        if let statsD { logger.info("StatsD (UDP) on \(statsD.address)") }
        if let syslog { logger.info("syslog on \(syslog.address)") }
        if let syslogTLS { logger.info("syslog over TLS on \(syslogTLS.address)") }
        FileHandle.standardError.write(Data("ready http://\(main.address)\n".utf8))
    }

    /// Stops accepting and lets requests in progress finish.
    func close() async {
        await withTaskGroup(of: Void.self) { group in
            for listener in [main] + others.map(\.listener) {
                group.addTask { await listener.shutdown() }
            }
            for listener in grpc.map(\.listener) {
                group.addTask { await listener.shutdown() }
            }
            if let datagrams { group.addTask { await datagrams.shutdown() } }
            if let statsD { group.addTask { await statsD.shutdown() } }
            if let syslog { group.addTask { await syslog.shutdown() } }
            if let syslogTLS { group.addTask { await syslogTLS.shutdown() } }
            if let follower { group.addTask { await follower.stop() } }
        }
    }
}
