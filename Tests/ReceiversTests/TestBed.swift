import AsyncHTTPClient
import HTTPServer
import Logging
import NIOCore
import NIOHTTP1
import Pipeline
import Platform
import Receivers
import Telemetry
import WireFormats

/// Receivers on free ports in front of a recording store, at a time that stands still.
struct TestBed {
    static let now = Timestamp(seconds: 1_700_000_000)

    let store = RecordingStore()
    let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let ingest: Ingest

    init(
        limits: IngestLimits = IngestLimits(retention: .seconds(86_400)),
        clock: any Clock = ManualClock(wallNanoseconds: Self.now.nanoseconds),
        redaction: [RedactionRule] = [], lineOptions: LogLineOptions = LogLineOptions()
    ) {
        ingest = Ingest(
            spans: store, logs: store, metrics: store,
            pipeline: Pipeline(limits: limits, redaction: redaction), clock: clock, events: events,
            lineOptions: lineOptions)
    }

    func withHTTP<Result>(
        limits: HTTPLimits = HTTPLimits(), strategies: SamplingStrategies = SamplingStrategies(),
        groups: PushedGroupsBoard = PushedGroupsBoard(),
        _ body: (HTTPListener) async throws -> Result
    ) async throws -> Result {
        var router = Router()
        OTLPHTTPReceiver(ingest).register(on: &router)
        OTLPHTTPReceiver(ingest).registerLokiPath(on: &router)
        ZipkinReceiver(ingest).register(on: &router)
        JaegerReceiver(ingest).register(on: &router)
        let advice = SamplingAdvice(strategies: strategies, clock: ingest.clock)
        XRayReceiver(ingest, advice).register(on: &router)
        SamplingReceiver(advice).register(on: &router)
        RemoteWriteReceiver(ingest, expandedBytesMax: limits.expandedBytesMax)
            .register(on: &router)
        LogLinesReceiver(ingest).register(on: &router)
        ExpositionPushReceiver(ingest, groups).register(on: &router)
        LokiPushReceiver(ingest, expandedBytesMax: limits.expandedBytesMax).register(on: &router)
        ElasticsearchReceiver(ingest).register(on: &router)
        var configuration = HTTPListener.Configuration(
            address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--otlp-http")
        configuration.limits = limits.patient
        let listener = try await HTTPListener.open(
            configuration, routes: router.compiled(), events: events)
        do {
            let result = try await body(listener)
            await listener.shutdown(within: .seconds(2))
            return result
        } catch {
            await listener.shutdown(within: .seconds(2))
            throw error
        }
    }

    func count(_ name: String, _ labels: String...) -> UInt64 {
        events.count(name, labels: labels)
    }
}

extension HTTPLimits {
    /// These limits, but with long ones for the times that the test has not set: whoever stands still for a
    /// minute, client or server, is none of its business.
    fileprivate var patient: HTTPLimits {
        let usual = HTTPLimits()
        var limits = self
        if idleTimeout == usual.idleTimeout { limits.idleTimeout = .seconds(900) }
        if bodyTimeout == usual.bodyTimeout { limits.bodyTimeout = .seconds(900) }
        return limits
    }
}

/// An answer with its body read whole.
struct Answer {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]

    subscript(name: String) -> String? { headers.first(name: name) }
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension HTTPListener {
    func post(
        _ path: String, _ body: [UInt8], type: String? = nil,
        headers: KeyValuePairs<String, String> = [:]
    ) async throws -> Answer {
        try await send(.POST, path, body, type: type, headers: headers)
    }

    func send(
        _ method: NIOHTTP1.HTTPMethod, _ path: String, _ body: [UInt8], type: String? = nil,
        headers: KeyValuePairs<String, String> = [:]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(address.port)\(path)")
        request.method = method
        if let type { request.headers.add(name: "content-type", value: type) }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(bytes: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
        let content = try await response.body.collect(upTo: 16 << 20)
        return Answer(
            status: Int(response.status.code), headers: response.headers,
            body: Array(content.readableBytesView))
    }
}
