import Telemetry

/// The answer to a search.
package struct TraceQLSearchResult: Sendable {
    package var traces: [TraceMatch] = []
    /// Traces read whole.
    package var inspectedTraces = 0
    package var inspectedSpans = 0
    /// Whether a trace was too large to be judged whole.
    package var isPartial = false
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
}
