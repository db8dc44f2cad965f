import QueryCore
import Store
import Telemetry

/// Evaluates TraceQL as Tempo does. Blocks the calling thread while it reads and computes: call it on a
/// thread pool.
///
/// The whole grammar is parsed. Hints that are unknown, or of another type than theirs, change nothing. What Tempo parses but does not
/// evaluate is evaluated here: comparisons of pipelines in parentheses, attributes of the parent
/// (`parent.x`) and whether it was received (`parent = nil`). Attributes that are maps or bytes exist, and
/// equal nothing.
package struct TraceQLEngine: Sendable {
    let store: any SpanStore
    let limits: TraceQLLimits

    package init(store: any SpanStore, limits: TraceQLLimits = TraceQLLimits()) {
        self.store = store
        self.limits = limits
    }

    /// Parses and validates `query` without evaluating it.
    /// - Throws: `bad_data` with Tempo's wording, `parse error at line 1, col 5: …`, or
    ///   `not supported yet: NAME`.
    package static func parse(_ query: String) throws(QueryError) -> TraceQLQuery {
        let parsed = try Parser.parse(query)
        try Validator.check(parsed, query)
        return parsed
    }

    /// The query as sets of spans.
    static func spansets(_ query: String) throws(QueryError) -> SpansetExpression {
        switch try parse(query).body {
        case .spansets(let expression): return expression
        case .metrics:
            throw .badData("a query of spans is needed here, and this one yields series")
        }
    }
}

/// What one query may read, each with its reason.
package struct TraceQLLimits: Sendable, Hashable {
    /// Spans of one trace that are judged; of a larger trace only so many are, and the answer says so. About
    /// 1 KB each while a trace is looked at.
    package var traceSpansMax = 100_000
    /// Spans that lists of names and values are collected from, newest first: more would take
    /// seconds for a list that is complete after a few thousand.
    package var listedSpansMax = 2_000_000
    /// Names of attributes in a list.
    package var listedNamesMax = 10_000

    package init() {}
}
