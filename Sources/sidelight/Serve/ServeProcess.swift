import Foundation
import HTTPServer
import Journal
import Logging
import Pipeline
import Platform
import QueryAPI
import Receivers
import SQLiteStore
import Store
import Telemetry

/// The running server: puts the parts together, opens the listeners and takes them down again.
enum ServeProcess {
    static func run(_ configuration: ServeConfiguration, logger: Logger) async throws {
        let signals = Signals([SIGTERM, SIGINT, SIGHUP])
        let clock = SystemClock()
        let events = EventLog(logger: logger)
        let tokens = try loadTokens(configuration)
        try checkExposure(configuration, hasTokens: tokens != nil)
        let strategies = try loadStrategies(configuration)
        for warning in strategies.warnings { logger.warning("--sampling-strategies: \(warning)") }
        let deriver = configuration.spanMetrics.map { SpanDeriver(naming: $0) }
        let logDeriver = configuration.accessLogMetrics.map { AccessLogDeriver(services: $0) }
        let store = try openStore(
            configuration, deriver, logDeriver, clock: clock, events: events)
        let thinning = try ServeSampling.start(configuration, store: store, events: events)
        let pool = ServeParts.queryPool()
        defer { pool.stop() }
        let exports = BlockingPool(
            name: "export", threads: ExportRoute.threads, capacity: ExportRoute.waitingMax)
        defer { exports.stop() }
        let alerting: ServeAlerting
        do {
            alerting = try ServeAlerting.start(
                configuration, store: store, clock: clock, events: events)
        } catch {
            try store.close()
            try Failure.exit(.usage, "\(error)")
        }
        var parts = ServeParts(
            configuration: configuration, store: store, clock: clock, events: events,
            tokens: tokens, queries: QueryRunner(pool: pool, clock: clock), exports: exports,
            startedAt: Timestamp(nanoseconds: clock.wallNanoseconds), rules: alerting.rules,
            objectives: alerting.objectives, alerting: alerting,
            sampling: SamplingMemory.advice(
                strategies, catalog: store.catalog, clock: clock, events: events),
            tails: LogTails(clock: clock, events: events),
            deltaRecovery: DeltaRecovery(
                store: store, startedAt: clock.wallNanoseconds / 1_000_000))
        do throws(FileError) {
            parts.queryLog = try openQueryLog(parts)
        } catch {
            await alerting.stop()
            try store.close()
            try Failure.exit(.unreachable, "cannot open --query-log: \(error)")
        }
        let scraping: ServeScraping?
        do throws(ScrapeFileError) {
            scraping = try startScraping(parts, logger)
        } catch {
            await alerting.stop()
            try store.close()
            try Failure.exit(.usage, error.description)
        }
        parts.scrapeBoard = scraping?.board
        let reload = reload(parts, scraping, thinning, logger)
        parts.reload = reload
        let listeners: ServeListeners
        do {
            listeners = try await ServeListeners.open(parts)
        } catch {
            await scraping?.stop()
            await alerting.stop()
            try store.close()
            try Failure.exit(.unreachable, error.description)
        }
        let loops = ServeLoops(
            configuration, deriver, logDeriver, sampling: parts.sampling, store: store,
            clock: clock, events: events)
        let pushes = PushedGroupsLoop(parts.pushes, parts.ingest)
        listeners.announce(logger)
        for await signal in signals.received {
            if signal == SIGHUP {
                // What is wrong is in the log.
                _ = await reload.run()
            } else {
                break
            }
        }
        logger.info("stopping")
        await listeners.close()
        await scraping?.stop()
        await pushes.stop()
        await alerting.stop()
        loops.stop()
        do {
            try store.close()
        } catch {
            try Failure.exit(.unreachable, error.description)
        }
    }

    /// All files that may be read again.
    private static func reload(
        _ parts: ServeParts, _ scraping: ServeScraping?, _ thinning: ServeSampling,
        _ logger: Logger
    ) -> ServeReload {
        let (alerting, tokens, configuration) = (parts.alerting, parts.tokens, parts.configuration)
        let advice = parts.sampling
        return ServeReload([
            { alerting.reload(logger) },
            { await scraping?.reload(logger).map { [$0] } ?? [] },
            { reload(tokens, configuration, logger).map { [$0] } ?? [] },
            { reload(advice, configuration, logger).map { [$0] } ?? [] },
            { thinning.reload(logger).map { [$0] } ?? [] },
        ])
    }

    private static func openQueryLog(_ parts: ServeParts) throws(FileError) -> QueryLog? {
        guard let path = parts.configuration.queryLog else { return nil }
        let log = QueryLog(path: path, clock: parts.clock, events: parts.events)
        try log.open()
        return log
    }

    private static func startScraping(
        _ parts: ServeParts, _ logger: Logger
    ) throws(ScrapeFileError) -> ServeScraping? {
        guard let path = parts.configuration.scrapeConfig else { return nil }
        return try ServeScraping.start(path, ingest: parts.ingest, logger: logger)
    }

    private static func loadTokens(_ configuration: ServeConfiguration) throws -> TokenSet? {
        guard let path = configuration.tokenFile else { return nil }
        do {
            return try TokenSet.load(path: path)
        } catch {
            try Failure.exit(.usage, error.description)
        }
    }

    private static func loadStrategies(
        _ configuration: ServeConfiguration
    ) throws -> SamplingStrategies {
        guard let path = configuration.samplingStrategies else { return SamplingStrategies() }
        do { return try strategies(of: path) } catch { try Failure.exit(.usage, "\(error)") }
    }

    private static func strategies(of path: String) throws(ConfigurationError) -> SamplingStrategies
    {
        let file: Data
        do { file = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
            throw ConfigurationError(
                description:
                    "cannot read --sampling-strategies \(path): \(error.localizedDescription)")
        }
        do throws(SamplingStrategies.Mistake) {
            return try SamplingStrategies(json: Array(file))
        } catch {
            throw ConfigurationError(description: "\(path): \(error)")
        }
    }

    /// Reads the strategies again; a mistake in them, which is returned, leaves the old ones in force.
    private static func reload(
        _ advice: SamplingAdvice, _ configuration: ServeConfiguration, _ logger: Logger
    ) -> String? {
        guard let path = configuration.samplingStrategies else { return nil }
        do throws(ConfigurationError) {
            let strategies = try strategies(of: path)
            advice.replace(strategies)
            for warning in strategies.warnings { logger.warning("\(path): \(warning)") }
            logger.info("read the sampling strategies again")
            return nil
        } catch {
            logger.error("the old sampling strategies stay: \(error)")
            return error.description
        }
    }

    /// Reads the token file again; a mistake in it, which is returned, leaves the old tokens in force.
    private static func reload(
        _ tokens: TokenSet?, _ configuration: ServeConfiguration, _ logger: Logger
    ) -> String? {
        guard let tokens, let path = configuration.tokenFile else { return nil }
        do {
            try tokens.reload(path: path)
            logger.info("read the token file again")
            return nil
        } catch {
            logger.error("the old tokens stay: \(error)")
            return "\(error)"
        }
    }

    private static func checkExposure(
        _ configuration: ServeConfiguration, hasTokens: Bool
    ) throws {
        let listeners: [(String, ListenAddress?)] = [
            ("--listen", configuration.listen), ("--otlp-grpc", configuration.otlpGRPC),
            ("--otlp-http", configuration.otlpHTTP), ("--zipkin", configuration.zipkin),
            ("--jaeger-http", configuration.jaegerHTTP),
            ("--jaeger-grpc", configuration.jaegerGRPC),
            ("--jaeger-query-grpc", configuration.jaegerQueryGRPC),
            ("--sampling", configuration.sampling),
        ]
        do {
            // Syslog has no tokens.
            try configuration.logs.syslog?.checkExposure(
                flag: "--syslog", hasTokens: false,
                isInsecureAllowed: configuration.isInsecureAllowed)
            // Over TLS a sender may have to show a certificate.
            try configuration.logs.syslogTLS?.address.checkExposure(
                flag: "--syslog-tls",
                hasTokens: configuration.logs.syslogTLS?.needsCertificates == true,
                isInsecureAllowed: configuration.isInsecureAllowed)
            for (flag, address) in listeners {
                try address?.checkExposure(
                    flag: flag, hasTokens: hasTokens,
                    isInsecureAllowed: configuration.isInsecureAllowed)
            }
            // A datagram shows no token.
            try configuration.statsD?.checkExposure(
                flag: "--statsd", hasTokens: false,
                isInsecureAllowed: configuration.isInsecureAllowed)
            try configuration.xray?.checkExposure(
                flag: "--xray", hasTokens: false,
                isInsecureAllowed: configuration.isInsecureAllowed)
        } catch {
            try Failure.exit(.usage, "\(error)")
        }
    }

    private static func openStore(
        _ configuration: ServeConfiguration, _ deriver: SpanDeriver?,
        _ logDeriver: AccessLogDeriver?, clock: any Clock, events: EventLog
    ) throws -> SQLiteTelemetryStore {
        var store = StoreConfiguration(directory: "\(configuration.data)/tenants/default")
        store.durability = configuration.durability
        store.forgetsDerivedState = deriver == nil
        store.forgetsDerivedLogState = logDeriver == nil
        store.spanRetention = configuration.traceRetention
        store.logRetention = configuration.logRetention
        store.metricRetention = configuration.metricRetention
        store.metricRollups = configuration.downsampling
        store.spanBytesMax = configuration.traceBytesMax
        store.logBytesMax = configuration.logBytesMax
        store.metricBytesMax = configuration.metricBytesMax
        store.seriesPerTargetMax = configuration.seriesPerTarget
        do {
            let opened = try SQLiteTelemetryStore(
                configuration: store, clock: clock, events: events, derivation: deriver,
                logDerivation: logDeriver)
            if opened.replay.records > 0 {
                events.logger.info("replayed \(opened.replay.records) records of the journal")
            }
            return opened
        } catch {
            try Failure.exit(
                .unreachable, "cannot open the data directory \(configuration.data): \(error)")
        }
    }
}

/// What the listeners serve.
struct ServeParts: Sendable {
    var configuration: ServeConfiguration
    var store: SQLiteTelemetryStore
    var clock: any Clock
    var events: EventLog
    var tokens: TokenSet?
    var queries: QueryRunner
    var exports: BlockingPool
    var startedAt: Timestamp
    var rules: any RulesSource
    var objectives: ObjectiveBoard
    var alerting: ServeAlerting
    var sampling: SamplingAdvice
    /// Who watches log records arrive, whichever listener they come by.
    var tails: LogTails
    /// Running totals of what comes as increments, whichever listener it comes by.
    let deltas = DeltaSums()
    let pushes = PushedGroupsBoard()
    /// What they were when the server ended last.
    let deltaRecovery: DeltaRecovery
    /// `nil` if nothing is scraped.
    var scrapeBoard: ScrapeBoard?
    /// `nil` if queries are not logged.
    var queryLog: QueryLog?
    /// What reads the files again.
    var reload: ServeReload?

    /// Queries that run at once; more than cores, because some wait for the disk.
    private static let queriesAtOnce = 6
    /// Of those that take long besides them: about the cores of a small machine.
    private static let longQueriesAtOnce = 2
    /// Queries that take long and wait for their next turn; each holds what it has found so far, so that with
    /// many of them memory runs short. More keep their places.
    private static let longQueriesWaitingMax = 6
    /// Queries that wait for a place; beyond it the answer is 503.
    private static let queriesWaitingMax = 256

    /// Threads for queries, of which those that take long give way to the others.
    static func queryPool() -> BlockingPool {
        BlockingPool(
            name: "query", places: queriesAtOnce, longTurns: longQueriesAtOnce,
            longWaiting: longQueriesWaitingMax, capacity: queriesWaitingMax)
    }

    var ingest: Ingest {
        var limits = IngestLimits()
        limits.spanRetention = .nanoseconds(configuration.traceRetention)
        limits.logRetention = .nanoseconds(configuration.logRetention)
        limits.metricRetention = .nanoseconds(configuration.metricRetention)
        var ingest = Ingest(
            spans: store, logs: store, metrics: store,
            pipeline: Pipeline(limits: limits, redaction: configuration.logs.redaction),
            clock: clock, events: events, translation: configuration.otlpTranslation,
            deltas: deltas, lineOptions: configuration.logs.lineOptions)
        ingest.deltaRecovery = deltaRecovery
        ingest.observeSpans = { [sampling] in sampling.observe($0) }
        ingest.observeLogs = { [tails] in tails.publish($0) }
        return ingest
    }
}
