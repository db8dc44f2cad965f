import AsyncHTTPClient
import HTTPServer
import Logging
import NIOCore
import NIOHTTP1
import Platform
import QueryAPI
import QueryCore
import Store
import Telemetry

/// All query APIs over one store, on a free port, with the time standing still.
struct APIServer {
    /// 2026-01-02T03:04:05Z.
    static let now: Int64 = 1_767_323_045

    let listener: HTTPListener
    let store: MemoryStore
    let events: EventLog
    let tails: LogTails

    /// What a test may want to be different.
    struct Setup {
        var store = MemoryStore.withRegex
        var clock: any Clock = ManualClock(wallNanoseconds: APIServer.now * 1_000_000_000)
        var pool = BlockingPool(name: "queries", threads: 2, capacity: 64)
        var limits = QueryLimits()
        var answerLimits = AnswerLimits()
        var rules: (any RulesSource)?
        var tokens: TokenSet?
        /// Where queries are logged.
        var queryLogPath: String?
        var admin: (any MetricAdministration)?

        func queryLog(_ events: EventLog) -> QueryLog? {
            queryLogPath.map { QueryLog(path: $0, clock: clock, events: events) }
        }
    }

    static func run<Result>(
        _ setup: Setup = Setup(), _ body: (APIServer) async throws -> Result
    ) async throws -> Result {
        let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let runner = QueryRunner(
            pool: setup.pool, clock: setup.clock, limits: setup.limits,
            answerLimits: setup.answerLimits)
        var facts = ServerFacts(
            version: "1.2.3", revision: "abc",
            startedAt: Timestamp(seconds: APIServer.now - 60), retention: "30d",
            settings: [("data", "/d"), ("listen", "127.0.0.1:0")])
        facts.hostname = "here"
        facts.workingDirectory = "/there"
        var router = Router()
        let prometheus = PrometheusAPI(
            store: setup.store, runner: runner, server: facts, rules: setup.rules,
            events: events, queryLog: setup.queryLog(events), admin: setup.admin)
        let jaeger = JaegerAPI(
            store: setup.store, metrics: setup.store, runner: runner)
        for prefix in ["", "/prometheus"] { prometheus.register(on: &router, prefix: prefix) }
        for prefix in ["", "/jaeger"] { jaeger.register(on: &router, prefix: prefix) }
        let zipkin = ZipkinAPI(
            store: setup.store, metrics: setup.store, runner: runner)
        for prefix in ["", "/zipkin"] { zipkin.register(on: &router, prefix: prefix) }
        TraceTreeAPI(store: setup.store, runner: runner).register(on: &router)
        let tails = LogTails(clock: setup.clock, events: events)
        let loki = LokiAPI(store: setup.store, runner: runner, server: facts, tails: tails)
        TraceComparisonAPI(store: setup.store, runner: runner).register(on: &router)
        DoctorAPI(store: setup.store, runner: runner).register(on: &router)
        for prefix in ["", "/loki"] { loki.register(on: &router, prefix: prefix) }
        let tempo = TempoAPI(store: setup.store, runner: runner, server: facts)
        for prefix in ["", "/tempo"] { tempo.register(on: &router, prefix: prefix) }
        LogExploreAPI(store: setup.store, runner: runner).register(on: &router)
        SidelightAPI(
            spans: setup.store, logs: setup.store, catalog: setup.store, events: events,
            runner: runner, server: facts
        ).register(on: &router)
        var configuration = HTTPListener.Configuration(
            address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen",
            tokens: setup.tokens)
        // Clients that stand still for a minute are none of these tests' business.
        configuration.limits.idleTimeout = .seconds(900)
        configuration.limits.bodyTimeout = .seconds(900)
        configuration.limits.socketPingInterval = .seconds(900)
        let listener = try await HTTPListener.open(
            configuration, routes: router.compiled(), events: events)
        let server = APIServer(
            listener: listener, store: setup.store, events: events, tails: tails)
        do {
            let result = try await body(server)
            await listener.shutdown(within: .seconds(2))
            return result
        } catch {
            await listener.shutdown(within: .seconds(2))
            throw error
        }
    }

    /// Over a store that `fill` has filled.
    static func run<Result>(
        filledBy fill: (MemoryStore) -> Void, _ body: (APIServer) async throws -> Result
    ) async throws -> Result {
        let setup = Setup()
        fill(setup.store)
        return try await run(setup, body)
    }
}

/// An answer with its body read whole.
struct Answer {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    subscript(name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Leaves compressed bodies as they come. Lives as long as the process, as `HTTPClient.shared` does.
private let rawBodyClient = HTTPClient(
    eventLoopGroupProvider: .singleton,
    configuration: .init(timeout: .init(connect: .minutes(5)), decompression: .disabled))

extension APIServer {
    func get(
        _ path: String, headers: KeyValuePairs<String, String> = [:]
    ) async throws -> Answer {
        try await send("GET", path, headers: headers)
    }

    func post(form: String, to path: String) async throws -> Answer {
        try await send(
            "POST", path, headers: ["content-type": "application/x-www-form-urlencoded"],
            body: Array(form.utf8))
    }

    func send(
        _ method: String, _ path: String, headers: KeyValuePairs<String, String> = [:],
        body: [UInt8]? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(listener.address.port)\(path)")
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await rawBodyClient.execute(request, timeout: .minutes(5))
        let content = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: response.headers.map { (name: $0.name, value: $0.value) },
            body: Array(content.readableBytesView))
    }
}

extension MemoryStore {
    /// Patterns by Swift's regular expressions, which agree with RE2 on what tests use.
    static var withRegex: MemoryStore {
        MemoryStore { pattern, value throws(StoreError) in
            do { return try Regex(pattern).wholeMatch(in: value) != nil } catch {
                throw .invalidPattern(pattern: pattern, reason: "\(error)")
            }
        }
    }

    /// Adds a series with values `step` seconds apart, the last at `APIServer.now`.
    func add(_ labels: KeyValuePairs<String, String>, step: Int64 = 15, _ values: Double...) {
        var batch = MetricBatch()
        let series = batch.append(Labels(labels))
        for (index, value) in values.enumerated() {
            let back = Int64(values.count - 1 - index) * step
            batch.append(series: series, time: (APIServer.now - back) * 1_000, value: value)
        }
        append(metrics: batch, digest: nil) { _ in }
    }
}
