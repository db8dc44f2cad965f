import QueryCore
import Telemetry

/// The answer to a search.
package struct TraceQLSearchResult: Sendable {
    package var traces: [TraceMatch] = []
    /// Traces read whole.
    package var inspectedTraces = 0
    package var inspectedSpans = 0
    /// Whether a trace was too large to be judged whole.
    package var isPartial = false
    /// Results in all, those of other pages included.
    package var count = ResultCount(0, isExact: true)
    /// Where the next page goes on; `nil` if there is none.
    package var next: SearchCursor?
}

/// A trace that a query yields spans of.
package struct TraceMatch: Sendable {
    package struct Service: Sendable {
        package var spanCount = 0
        package var errorCount = 0
    }

    package struct SpanSet: Sendable {
        /// The first of those that match.
        package var spans: [Span]
        /// All that match.
        package var matchedCount: Int
        /// What `by` and aggregates found.
        package var attributes: [Attribute]
    }

    package struct Span: Sendable {
        package var id: SpanID
        package var name: String
        package var start: Timestamp
        /// Nanoseconds.
        package var duration: Int64
        /// The fields that the query names, where the span has them.
        package var attributes: [Attribute]
    }

    package var id: TraceID
    /// `nil` while the root has not been received.
    package var rootService: String?
    package var rootName: String?
    package var start: Timestamp
    /// Nanoseconds.
    package var duration: Int64
    package var sets: [SpanSet]
    package var services: [String: Service]
    /// The start of the newest span in the range that may make it a result: what results are ordered by.
    package var newestStart = Timestamp.zero
}
