import Foundation
import HTTPServer
import Platform
import PromQL
import QueryAPI
import Receivers
import Rules
import SQLiteStore
import WebUI

/// The routes of the main port.
enum ServeRoutes {
    static func register(_ parts: ServeParts, on router: inout Router) {
        let ingest = parts.ingest
        OTLPHTTPReceiver(ingest).register(on: &router)
        OTLPHTTPReceiver(ingest).registerPrometheusPath(on: &router)
        OTLPHTTPReceiver(ingest).registerPrometheusPath(on: &router, prefix: "/prometheus")
        ZipkinReceiver(ingest).register(on: &router)
        ZipkinReceiver(ingest).register(on: &router, prefix: "/zipkin")
        JaegerReceiver(ingest).register(on: &router)
        JaegerReceiver(ingest).register(on: &router, prefix: "/jaeger")
        XRayReceiver(ingest, parts.sampling).register(on: &router)
        SamplingReceiver(parts.sampling).register(on: &router)
        RemoteWriteReceiver(ingest).register(on: &router)
        RemoteWriteReceiver(ingest).register(on: &router, prefix: "/prometheus")
        ExpositionPushReceiver(ingest, parts.pushes).register(on: &router)
        let scraping = ScrapeRoutes(parts.scrapeBoard, selecting: PrometheusAPI.labelTest)
        scraping.register(on: &router)
        scraping.register(on: &router, prefix: "/prometheus")
        registerLogs(ingest, on: &router)
        registerQueries(parts, on: &router)
        ExportRoute(
            source: ExportSource(spans: parts.store, logs: parts.store, metrics: parts.store),
            clock: parts.clock, pool: parts.exports
        ).register(on: &router)
        BacktestRoute(
            store: parts.store, sources: ReplaySources(logs: parts.store, spans: parts.store),
            settings: parts.configuration.ruleSettings, clock: parts.clock, pool: parts.exports
        ).register(on: &router)
        SamplingRoute(store: parts.store, clock: parts.clock, pool: parts.exports)
            .register(on: &router)
        SLORoutes(
            board: parts.objectives, store: parts.store, spans: parts.store, logs: parts.store,
            clock: parts.clock, pool: parts.exports, externalURL: parts.configuration.publicURL
        ).register(on: &router)
        registerAlertmanager(parts, on: &router)
        WebUI.register(on: &router)
        registerHealth(parts, on: &router)
    }

    private static func registerLogs(_ ingest: Ingest, on router: inout Router) {
        LogLinesReceiver(ingest).register(on: &router)
        LokiPushReceiver(ingest).register(on: &router)
        LokiPushReceiver(ingest).register(on: &router, prefix: "/loki")
        OTLPHTTPReceiver(ingest).registerLokiPath(on: &router)
        OTLPHTTPReceiver(ingest).registerLokiPath(on: &router, prefix: "/loki")
        ElasticsearchReceiver(ingest).register(on: &router)
    }

    private static func facts(_ parts: ServeParts) -> ServerFacts {
        var server = ServerFacts(
            version: ProgramVersion.current, startedAt: parts.startedAt,
            retention: PromQLDuration.format(
                milliseconds: parts.configuration.metricRetention / 1_000_000),
            settings: parts.configuration.settings)
        server.hostname = ServeConfiguration.hostname ?? ""
        server.workingDirectory = FileManager.default.currentDirectoryPath
        server.threadCount = {
            do {
                return try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
            } catch {
                // Where the system does not tell.
                return 0
            }
        }
        return server
    }

    static func tempo(_ parts: ServeParts) -> TempoAPI {
        TempoAPI(store: parts.store, runner: parts.queries, server: facts(parts))
    }

    /// Each API answers at the root and below a prefix of its own, for clients that need a base URL.
    private static func registerQueries(_ parts: ServeParts, on router: inout Router) {
        let store = parts.store
        let server = facts(parts)
        var options = PromQLOptions()
        options.features = parts.configuration.features
        var prometheus = PrometheusAPI(
            store: store, runner: parts.queries, server: server, options: options,
            rules: parts.rules,
            events: parts.events, queryLog: parts.queryLog,
            admin: parts.configuration.isAdminAllowed ? store : nil)
        prometheus.lifecycle = lifecycle(parts)
        prometheus.register(on: &router)
        prometheus.register(on: &router, prefix: "/prometheus")
        let jaeger = JaegerAPI(
            store: store, metrics: store, runner: parts.queries)
        jaeger.register(on: &router)
        jaeger.register(on: &router, prefix: "/jaeger")
        let zipkin = ZipkinAPI(
            store: store, metrics: store, runner: parts.queries)
        zipkin.register(on: &router)
        zipkin.register(on: &router, prefix: "/zipkin")
        TraceTreeAPI(store: store, runner: parts.queries).register(on: &router)
        let loki = LokiAPI(
            store: store, runner: parts.queries, server: server, tails: parts.tails)
        TraceComparisonAPI(store: store, runner: parts.queries).register(on: &router)
        DoctorAPI(store: store, runner: parts.queries).register(on: &router)
        loki.register(on: &router)
        loki.register(on: &router, prefix: "/loki")
        let tempo = tempo(parts)
        tempo.register(on: &router)
        tempo.register(on: &router, prefix: "/tempo")
        LogExploreAPI(store: store, runner: parts.queries).register(on: &router)
        SidelightAPI(
            spans: store, logs: store, catalog: store.catalog, events: parts.events,
            runner: parts.queries, server: server
        ).register(on: &router)
    }

    private static func lifecycle(_ parts: ServeParts) -> PrometheusLifecycle? {
        guard parts.configuration.hasLifecycle, let reload = parts.reload else { return nil }
        return PrometheusLifecycle(
            reload: { await reload.run() }, quit: { kill(getpid(), SIGTERM) })
    }

    /// At the root and below a prefix, where Prometheus's clients do not meet it.
    private static func registerAlertmanager(_ parts: ServeParts, on router: inout Router) {
        let alerting = parts.alerting
        let api = AlertmanagerAPI(
            alertmanager: alerting.alertmanager, runner: parts.queries,
            server: ServerFacts(
                version: ProgramVersion.current, startedAt: parts.startedAt))
        api.register(on: &router)
        api.register(on: &router, prefix: "/alertmanager")
        router.on(.post, "/alertmanager/-/reload") { _ in
            do {
                try alerting.reloadAlertmanager()
                return HTTPResponse(status: 200)
            } catch {
                return .text("failed to reload config: \(error)\n", status: 500)
            }
        }
        NotificationRoutes(alertmanager: alerting.alertmanager, runner: parts.queries)
            .register(on: &router)
    }

    private static func registerHealth(_ parts: ServeParts, on router: inout Router) {
        var open = RouteOptions()
        open.needsToken = false
        router.on(.get, "/healthz", options: open) { _ in .text("ok\n") }
        router.on(.get, "/readyz", options: open) { _ in .text("ready\n") }
        let events = parts.events
        router.on(.get, "/metrics") { _ in
            HTTPResponse(
                status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
                body: Array(Exposition.text(events.readings()).utf8))
        }
    }
}

/// The program's own counters and gauges in Prometheus's text format.
enum Exposition {
    static func text(_ readings: [EventLog.Reading]) -> String {
        var text = ""
        var previous = ""
        for reading in readings {
            if reading.family != previous {
                text += "# HELP \(reading.family) \(reading.help)\n"
                text += "# TYPE \(reading.family) \(reading.type)\n"
                previous = reading.family
            }
            let labels = reading.labels.map { "\($0.name)=\"\(escaped($0.value))\"" }
            let value =
                reading.value == reading.value.rounded() && abs(reading.value) < 1e15
                ? String(Int64(reading.value)) : "\(reading.value)"
            text += reading.name
            if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
            text += " \(value)\n"
        }
        return text
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        return text
    }
}
