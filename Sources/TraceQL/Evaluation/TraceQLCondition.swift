import QueryCore
import Store
import Telemetry

/// A query of spans as a condition on whole traces: it holds of a trace of which the query yields anything.
package struct TraceQLCondition: Sendable {
    private let expression: SpansetExpression
    private let patterns = PatternCache()

    /// - Throws: `bad_data` for a query that is wrong, that yields series or is not supported.
    package init(_ query: String) throws(QueryError) {
        expression = try TraceQLEngine.spansets(query)
    }

    /// - Parameter trace: all spans of one trace by start time.
    /// - Throws: what only the trace shows to be wrong with the query.
    package func holds(of trace: SpanBatch) throws(QueryError) -> Bool {
        let table = SpanTable(trace, hasWholeTraces: true, patterns: patterns)
        guard let structure = table.trace else { return false }
        return try !SpansetEvaluation(table, structure).sets(expression).isEmpty
    }
}
