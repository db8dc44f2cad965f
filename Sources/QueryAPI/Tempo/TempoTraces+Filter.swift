import HTTPServer
import QueryCore
import Store
import Telemetry
import TraceQL
import WireFormats

/// `/api/v2/traces/{id}?q={…}`: the spans of a trace that a query yields, marked as a part of it.
extension TempoTraces {
    /// Spans that a query is evaluated on: a whole trace is held meanwhile.
    private static let filteredSpansMax = 100_000

    /// - Returns: `nil` where no query is given.
    func filtered(_ id: TraceID, _ request: HTTPRequest) async throws -> HTTPResponse? {
        for name in ["keep_hierarchy", "match_depth"] where request.parameters[name] != nil {
            throw HTTPError.badRequest("\(name) is not supported; q filters without it")
        }
        guard let query = request.parameters["q"], !query.isEmpty else { return nil }
        let (spans, count) = try await runner.run { [store] context in
            let cursor = try store.openTrace(
                id, fields: .all, spansAtOnce: JaegerTraceStream.spansAtOnce)
            guard cursor.spanCount <= Self.filteredSpansMax else {
                throw QueryError.execution(
                    "the trace has \(cursor.spanCount) spans, and a query takes at most"
                        + " \(Self.filteredSpansMax)")
            }
            var merger = SpanBatchMerger()
            while let some = try cursor.next() {
                try context.check()
                let source = merger.add(some)
                for row in 0..<some.count { merger.append(row: row, of: source) }
            }
            let trace = merger.take()
            return (trace.rows(try TraceQLEngine.rows(of: query, in: trace)), trace.count)
        }
        guard count > 0 else { throw HTTPError(.notFound, message: "trace not found") }
        let message = "\(spans.count) of \(count) spans satisfy the query"
        guard !Self.acceptsProtobuf(request) else {
            var writer = ProtobufWriter()
            OTLPTraces.encode(spans).withUnsafeBytes { writer.presentBytes(1, $0) }
            // TraceByIDResponse: status 3 (PARTIAL is 1), message 4.
            writer.presentVarint(3, 1)
            writer.presentString(4, message)
            return HTTPResponse(status: 200, contentType: Self.protobuf, body: writer.bytes)
        }
        var writer = JSONWriter(capacity: 1_024 * (spans.count + 1))
        writer.object {
            $0.objectField("trace") {
                $0.key("resourceSpans")
                OTLPTraces.writeResourceSpans(spans, to: &$0)
            }
            $0.field("status", "PARTIAL")
            $0.field("message", message)
        }
        return .json(writer.bytes)
    }
}
