import QueryCore
import Telemetry

extension TraceQLEngine {
    /// The rows of one whole trace that a query of spans yields, ascending.
    /// - Throws: `bad_data` for a query that is wrong, that yields series or is not supported.
    package static func rows(
        of query: String, in trace: SpanBatch
    ) throws(QueryError) -> [Int] {
        let expression = try spansets(query)
        let table = SpanTable(trace, hasWholeTraces: true, patterns: PatternCache())
        guard let structure = table.trace else { return [] }
        let sets = try SpansetEvaluation(table, structure).sets(expression)
        return Set(sets.flatMap(\.rows)).sorted()
    }
}
