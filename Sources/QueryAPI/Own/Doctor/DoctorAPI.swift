import HTTPServer
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// `/api/sidelight/doctor?start=&end=&lookback=`: where traces break. `start` and `end` are seconds since
/// 1970, `lookback` is seconds before `end`, 900 unless told.
package struct DoctorAPI: Sendable {
    private let store: any SpanStore
    private let runner: QueryRunner

    private static let lookbackSeconds = 900
    /// Edges and losses of one answer.
    private static let entriesMax = 500
    /// Spans that arrive a little later than others do not count as missing.
    static let settleNanoseconds: Int64 = 10_000_000_000

    package init(store: any SpanStore, runner: QueryRunner) {
        self.store = store
        self.runner = runner
    }

    package func register(on router: inout Router) {
        router.group("/api/sidelight", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on(.get, "/doctor", doctor)
        }
    }

    func doctor(_ request: HTTPRequest) async throws -> HTTPResponse {
        let range = try range(request)
        let spansMax = runner.answerLimits.dependencySpansMax
        let bytes = try await runner.run { [store] context in
            Self.json(
                try TraceDoctor(store, in: range, spansMax: spansMax, context: context))
        }
        return .json(bytes)
    }

    private func range(_ request: HTTPRequest) throws(HTTPError) -> TimeRange {
        let settled = Timestamp(
            nanoseconds: runner.clock.wallNanoseconds - Self.settleNanoseconds)
        let end = try seconds("end", request).map { Timestamp(seconds: $0) } ?? settled
        let lookback = try seconds("lookback", request) ?? Int64(Self.lookbackSeconds)
        let start =
            try seconds("start", request).map { Timestamp(seconds: $0) }
            ?? Timestamp(
                nanoseconds: end.nanoseconds &- Timestamp(seconds: lookback).nanoseconds)
        guard start < end else { throw .badRequest("start must be before end") }
        return TimeRange(start: start, end: end)
    }

    private func seconds(_ name: String, _ request: HTTPRequest) throws(HTTPError) -> Int64? {
        guard let text = request.parameters[name], !text.isEmpty else { return nil }
        guard let number = Int64(text), (0...253_402_300_799).contains(number) else {
            throw .badRequest("\(name) must be whole seconds, not \"\(text)\"")
        }
        return number
    }

    private static func json(_ doctor: TraceDoctor) -> [UInt8] {
        var writer = JSONWriter(capacity: 4_096)
        writer.object {
            $0.key("startUnixNano")
            $0.quotedValue(doctor.judged.start.nanoseconds)
            $0.key("endUnixNano")
            $0.quotedValue(doctor.judged.end.nanoseconds)
            $0.field("spanCount", whole(doctor.spanCount))
            $0.field("examinedSpanCount", doctor.examinedCount)
            $0.field("isPartial", doctor.isPartial)
            $0.key("lostContextStartUnixNano")
            $0.quotedValue(doctor.judgedCalls.start.nanoseconds)
            $0.field("orphanCount", whole(doctor.edges.reduce(0) { $0 + $1.orphans }))
            $0.arrayField("edges") { array in
                for edge in doctor.edges.prefix(entriesMax) {
                    array.object { write(edge, to: &$0) }
                }
            }
            $0.arrayField("lostContext") { array in
                for loss in doctor.lost.prefix(entriesMax) {
                    array.object { write(loss, to: &$0) }
                }
            }
        }
        return writer.bytes
    }

    /// Weights of thinned traces need not be whole.
    private static func whole(_ count: Double) -> Int { Int(min(count, 0x1p53).rounded()) }

    private static func write(_ edge: TraceDoctor.Edge, to object: inout JSONWriter) {
        object.field("client", edge.client)
        object.field("server", edge.server)
        object.field("callCount", whole(edge.calls))
        object.field("orphanCount", whole(edge.orphans))
        object.field("orphanRate", edge.orphanRate)
        if let example = edge.example { object.field("exampleTraceId", example) }
    }

    private static func write(_ loss: TraceDoctor.LostContext, to object: inout JSONWriter) {
        object.field("service", loss.service)
        object.field("route", loss.route)
        object.field("outbound", loss.outbound)
        object.field("lostCount", whole(loss.lost))
        object.field("certainCount", whole(loss.certain))
        object.field("forwardedCount", whole(loss.forwarded))
        object.field("headers", strings: loss.headers)
        object.field("advice", advice(loss))
        object.field("exampleOutboundTraceId", loss.exampleOutbound)
        object.field("exampleInboundTraceId", loss.exampleInbound)
    }

    private static func advice(_ loss: TraceDoctor.LostContext) -> String {
        let headers = loss.headers.joined(separator: ", ")
        let which =
            loss.headers.count == 1
            ? "the header \(headers)" : "those of the headers \(headers) it has"
        return "\(loss.service) got a trace context with \"\(loss.route)\" and called "
            + "\"\(loss.outbound)\" without it: copy from the request to the call \(which), "
            + "or let its HTTP client be instrumented."
    }
}
