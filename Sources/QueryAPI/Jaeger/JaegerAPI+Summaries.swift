import QueryCore
import Store
import Telemetry

extension JaegerAPI {
    /// Traces that are read together, and held until their summaries are written.
    private static var summariesAtOnce: Int { 20 }

    /// Summarises traces in their order. A very large one is read piece by piece.
    func summaries(
        _ hits: [TraceSearch.Hit], _ context: QueryContext,
        visit: (TraceSummary) throws -> Void
    ) throws {
        for first in stride(from: 0, to: hits.count, by: Self.summariesAtOnce) {
            let some = hits[first..<min(first + Self.summariesAtOnce, hits.count)].map(\.trace)
            for trace in try searcher.traces(some, context: context) {
                guard trace.cutFrom != nil else {
                    try visit(TraceSummary(trace.spans))
                    continue
                }
                let id = trace.spans.traceIDs[0]
                let cursor = try store.openTrace(
                    id, fields: [.identity, .core], spansAtOnce: JaegerTraceStream.spansAtOnce)
                try visit(TraceSummary(id, try TraceTree(cursor) { try context.check() }))
            }
        }
    }
}
