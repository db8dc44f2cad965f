import AsyncHTTPClient
import Compression
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Telemetry
import Testing
import WireFormats

/// Produces requests of all three signals and remembers which of them were acknowledged.
final class Ledger: Sendable {
    enum Signal: Sendable, CaseIterable {
        case spans, logs, samples
    }

    struct Request: Sendable {
        var signal: Signal
        /// Names the request's trace, line prefix or series.
        var id: TraceID
        /// The time of its first item, since 1970.
        var milliseconds: Int64
        var body: [UInt8]
    }

    enum Extent {
        case unverified, all
    }

    private struct State {
        var acknowledged: [Request] = []
        var verified = 0
        var unanswered: [Request] = []
        var repeated = 0
        var next: UInt64 = 1
        /// Resumed when so many requests are acknowledged.
        var awaited = 0
        var waiting: CheckedContinuation<Void, Never>?
    }

    static let itemsPerRequest = 12
    private let state = Mutex(State())

    var totals: (acknowledged: Int, repeated: Int) {
        state.withLock { ($0.acknowledged.count, $0.repeated) }
    }

    func takeUnanswered() -> [Request] {
        state.withLock { state in
            defer { state.unanswered = [] }
            state.repeated += state.unanswered.count
            return state.unanswered
        }
    }

    /// Sends one request after the other until the server is gone.
    func produce(worker: Int, round: Int, to url: String, with client: HTTPClient) async {
        var isServed = true
        while isServed {
            let number = state.withLock { state in
                defer { state.next += 1 }
                return state.next
            }
            let signal = Signal.allCases[Int(number) % Signal.allCases.count]
            let request = Ledger.request(signal, TraceID(high: UInt64(round), low: number))
            do {
                try await send(request, to: url, with: client)
            } catch {
                // No answer: it may or may not have been stored, and must be accepted again.
                state.withLock { $0.unanswered.append(request) }
                isServed = false
            }
        }
    }

    /// Sends and notes the acknowledgement.
    func send(_ request: Request, to url: String, with client: HTTPClient) async throws {
        var message = HTTPClientRequest(url: url + Ledger.path(request.signal))
        message.method = .POST
        switch request.signal {
        case .spans: message.headers.add(name: "content-type", value: "application/x-protobuf")
        case .logs: message.headers.add(name: "content-type", value: "application/x-ndjson")
        case .samples:
            message.headers.add(name: "content-type", value: "application/x-protobuf")
            message.headers.add(name: "content-encoding", value: "snappy")
            message.headers.add(name: "x-prometheus-remote-write-version", value: "0.1.0")
        }
        message.body = .bytes(ByteBuffer(bytes: request.body))
        let response = try await client.execute(message, timeout: .seconds(300))
        guard (200..<300).contains(response.status.code) else {
            throw ServerProcess.Failure(description: "\(request.signal): \(response.status)")
        }
        let waiting = state.withLock { state in
            state.acknowledged.append(request)
            let isReached = state.acknowledged.count >= state.awaited
            defer { if isReached { state.waiting = nil } }
            return isReached ? state.waiting : nil
        }
        waiting?.resume()
    }

    /// Returns when so many requests have been acknowledged.
    func reached(requests: Int) async {
        await withCheckedContinuation { continuation in
            let isReached = state.withLock { state in
                if state.acknowledged.count >= requests { return true }
                state.awaited = requests
                state.waiting = continuation
                return false
            }
            if isReached { continuation.resume() }
        }
    }

    private static func path(_ signal: Signal) -> String {
        switch signal {
        case .spans: "/v1/traces"
        case .logs: "/api/sidelight/logs?service=crash"
        case .samples: "/api/v1/write"
        }
    }

    private static func request(_ signal: Signal, _ id: TraceID) -> Request {
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        switch signal {
        case .spans:
            return Request(
                signal: signal, id: id, milliseconds: now, body: spans(id, now))
        case .logs:
            let stamp = RFC3339.string(Timestamp(milliseconds: now))
            let lines = (0..<itemsPerRequest).map {
                "{\"time\":\"\(stamp)\",\"line\":\($0),\"trace_id\":\"\(id.hex)\"}\n"
            }
            return Request(
                signal: signal, id: id, milliseconds: now, body: Array(lines.joined().utf8))
        case .samples:
            var batch = MetricBatch()
            let series = batch.append(Labels(["__name__": "crash_samples", "request": id.hex]))
            for index in 0..<itemsPerRequest {
                batch.append(
                    series: series, time: now - 60_000 + Int64(index), value: Double(index) + 0.5)
            }
            return Request(
                signal: signal, id: id, milliseconds: now - 60_000,
                body: Snappy.compress(RemoteWrite.encode(batch)))
        }
    }

    private static func spans(_ id: TraceID, _ now: Int64) -> [UInt8] {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string("crash"))]))
        let scope = batch.append(Scope(name: "ledger"))
        for index in 0..<itemsPerRequest {
            var span = SpanRecord(
                traceID: id, spanID: SpanID(id.low << 8 | UInt64(index + 1)), name: "step \(index)",
                start: Timestamp(milliseconds: now + Int64(index)), duration: 1_000)
            if index > 0 { span.parentID = SpanID(id.low << 8 | 1) }
            batch.append(span, resource: resource, scope: scope)
        }
        return OTLPTraces.encode(batch)
    }

    /// What was acknowledged and is to be asked for.
    func due(_ extent: Extent) -> [Request] {
        state.withLock { state in
            let first = extent == .all ? 0 : state.verified
            state.verified = state.acknowledged.count
            return Array(state.acknowledged[first...])
        }
    }
}
