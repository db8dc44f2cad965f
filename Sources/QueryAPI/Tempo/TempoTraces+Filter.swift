import HTTPServer
import QueryCore
import Store
import Telemetry
import TraceQL
import WireFormats

/// `/api/v2/traces/{id}?q={…}`: the spans of a trace that a query yields, with those around them if
/// `keep_hierarchy`, `ancestor_depth` and `match_depth` ask for them, marked as a part of it.
extension TempoTraces {
    /// Spans that a query is evaluated on: a whole trace is held meanwhile.
    private static let filteredSpansMax = 100_000

    /// Some spans of a trace, or all.
    struct Part: Sendable {
        var spans: SpanBatch
        /// Of the whole trace.
        var count: Int

        var isWhole: Bool { spans.count == count }
        var status: String { isWhole ? "COMPLETE" : "PARTIAL" }
        var message: String {
            isWhole ? "" : "\(spans.count) of \(count) spans are what the query asks for"
        }
    }

    /// - Returns: `nil` where no query is given.
    func filtered(_ id: TraceID, _ request: HTTPRequest) async throws -> HTTPResponse? {
        guard let query = request.parameters["q"], !query.isEmpty else { return nil }
        let part = try await part(of: id, request)
        guard !Self.acceptsProtobuf(request) else {
            var writer = ProtobufWriter()
            OTLPTraces.encode(part.spans).withUnsafeBytes { writer.presentBytes(1, $0) }
            // TraceByIDResponse: status 3 (PARTIAL is 1), message 4.
            writer.varint(3, part.isWhole ? 0 : 1)
            writer.string(4, part.message)
            return HTTPResponse(status: 200, contentType: Self.protobuf, body: writer.bytes)
        }
        var writer = JSONWriter(capacity: 1_024 * (part.spans.count + 1))
        writer.object {
            $0.objectField("trace") {
                $0.key("resourceSpans")
                OTLPTraces.writeResourceSpans(part.spans, to: &$0)
            }
            $0.field("status", part.status)
            $0.field("message", part.message)
        }
        return .json(writer.bytes)
    }

    /// What the request's query yields of a trace; all of it without one.
    func part(of id: TraceID, _ request: HTTPRequest) async throws -> Part {
        let query = request.parameters["q"] ?? ""
        let around = query.isEmpty ? TraceSurroundings() : try Self.surroundings(request)
        let part = try await runner.run { [store] context in
            let trace = try Self.whole(id, store, context)
            guard !query.isEmpty else { return Part(spans: trace, count: trace.count) }
            let rows = try TraceQLEngine.rows(of: query, in: trace, with: around)
            return Part(spans: trace.rows(rows), count: trace.count)
        }
        guard part.count > 0 else { throw HTTPError(.notFound, message: "trace not found") }
        return part
    }

    private static func whole(
        _ id: TraceID, _ store: any SpanStore, _ context: QueryContext
    ) throws -> SpanBatch {
        let cursor = try store.openTrace(
            id, fields: .all, spansAtOnce: JaegerTraceStream.spansAtOnce)
        guard cursor.spanCount <= filteredSpansMax else {
            throw QueryError.execution(
                "the trace has \(cursor.spanCount) spans, and this form takes at most"
                    + " \(filteredSpansMax)")
        }
        var merger = SpanBatchMerger()
        while let some = try cursor.next() {
            try context.check()
            let source = merger.add(some)
            for row in 0..<some.count { merger.append(row: row, of: source) }
        }
        return merger.take()
    }

    /// `ancestor_depth` is read with `keep_hierarchy` only; -1 is all levels.
    private static func surroundings(_ request: HTTPRequest) throws(HTTPError) -> TraceSurroundings
    {
        func depth(_ name: String, _ usual: Int) throws(HTTPError) -> Int? {
            let text = request.parameters[name] ?? ""
            guard let depth = text.isEmpty ? usual : Int(text), depth >= -1 else {
                throw .badRequest("invalid \(name): \"\(text)\" is not -1 or a number of levels")
            }
            return depth == -1 ? nil : depth
        }
        let keeps: Bool
        switch request.parameters["keep_hierarchy"] ?? "" {
        case "", "0", "f", "F", "false", "False", "FALSE": keeps = false
        case "1", "t", "T", "true", "True", "TRUE": keeps = true
        case let text: throw .badRequest("invalid keep_hierarchy: \"\(text)\" is not a truth")
        }
        return TraceSurroundings(
            ancestors: keeps ? try depth("ancestor_depth", -1) : 0,
            descendants: try depth("match_depth", 0))
    }
}
