import HTTPServer
import QueryCore
import Store
import Telemetry

/// Reads a trace as a tree, for every route that looks at the shape of a trace.
struct TraceTreeReader: Sendable {
    let store: any SpanStore

    /// Spans that a tree is built from, some 60 bytes each.
    private static let spansMax = 4_000_000
    private static let spansAtOnce = 16_384
    /// Spans whose attributes are read to tell the proxies among them.
    private static let meshSpansMax = 100_000

    /// - Parameter tellsProxies: reads what tells proxies, unless the trace is very large.
    /// - Throws: `HTTPError` 404 if there is no such trace; `QueryError` if it is too large or time is up.
    func tree(
        of trace: TraceID, tellsProxies: Bool = false, context: QueryContext
    ) throws -> TraceTree {
        var cursor = try store.openTrace(
            trace, fields: [.identity, .core], spansAtOnce: Self.spansAtOnce)
        if tellsProxies, cursor.spanCount <= Self.meshSpansMax {
            cursor = try store.openTrace(
                trace, fields: [.identity, .core, .attributes], spansAtOnce: Self.spansAtOnce)
        }
        guard cursor.spanCount > 0 else {
            throw HTTPError(.notFound, message: "trace not found")
        }
        guard cursor.spanCount <= Self.spansMax else {
            throw QueryError.execution(
                "the trace has \(cursor.spanCount) spans; trees are made of at most "
                    + "\(Self.spansMax)")
        }
        return try TraceTree(cursor) { try context.check() }
    }

    /// The id in a part of the path.
    static func trace(_ part: String, _ request: HTTPRequest) throws(HTTPError) -> TraceID {
        do throws(IdentifierError) {
            return try TraceID(hex: request.pathParameters[part] ?? "")
        } catch {
            throw .badRequest("the trace and span must be hexadecimal ids: \(error)")
        }
    }
}
