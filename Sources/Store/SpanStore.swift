import Telemetry

/// Keeps spans. Times in predicates and ranges are span start times.
///
/// Reads block their thread (they touch the disk) and see every acknowledged span exactly once, also
/// while it moves from the head into a file.
package protocol SpanStore: Sendable {
    /// Appends and calls `completion` once it is durable. `digest` identifies a retry of the same
    /// request: within about ten minutes it is acknowledged and dropped.
    func append(
        spans batch: SpanBatch, digest: ContentHash?, completion: @escaping AppendCompletion)

    /// All spans of a trace over all its fragments, equal (span id, kind) collapsed to the most
    /// complete and latest, by start time; an empty batch if there is none.
    func trace(_ id: TraceID) throws(StoreError) -> SpanBatch

    /// Visits the spans that satisfy `predicate` and start in `range`, roughly newest first.
    ///
    /// `visit` gets matching rows and `bound`: no span visited later starts after it. It returns false
    /// to stop.
    func scanSpans(
        _ predicate: SpanPredicate, in range: TimeRange,
        visit: (_ matches: SpanBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError)

    /// The same, of many traces at once, in the order of `ids`; of a trace of more than `spansEach` spans
    /// only about that many.
    func traces(_ ids: [TraceID], spansEach: Int) throws(StoreError) -> [BoundedTrace]

    /// Opens a trace to be read piece by piece, `spansAtOnce` spans each; columns that are not asked for
    /// may hold zeros and empty runs.
    func openTrace(
        _ id: TraceID, fields: SpanFields, spansAtOnce: Int
    ) throws(StoreError) -> TraceCursor

    /// Hands what the scan finds to `read`, part by part and on several threads, and what `read` makes of
    /// it to `visit`, on the caller's and roughly newest first; `bound` and the answer of `visit` are those
    /// of `scanSpans`. Of whole traces `bound` says that no trace visited later has a span that satisfies
    /// the predicate and starts after it.
    func scanSpans<Part: Sendable>(
        _ scan: SpanScan, read: @Sendable (FoundSpans) -> Part,
        visit: (_ part: Part, _ bound: Timestamp) -> Bool
    ) throws(StoreError)

    /// The distinct values of `field` among spans of `range` that satisfy `predicate`, as text, sorted,
    /// at most `limit`.
    func spanValues(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String]
}

extension SpanStore {
    package func traces(_ ids: [TraceID], spansEach: Int) throws(StoreError) -> [BoundedTrace] {
        var found: [BoundedTrace] = []
        for id in ids {
            let trace = try trace(id)
            found.append(
                trace.count <= spansEach
                    ? BoundedTrace(trace)
                    : BoundedTrace(trace.rows(0..<spansEach), cutFrom: trace.count))
        }
        return found
    }

    /// Many traces, whole.
    package func traces(_ ids: [TraceID]) throws(StoreError) -> [SpanBatch] {
        try traces(ids, spansEach: .max).map(\.spans)
    }

    package func openTrace(
        _ id: TraceID, fields: SpanFields, spansAtOnce: Int
    ) throws(StoreError) -> TraceCursor {
        TraceCursor(try trace(id), spansAtOnce: spansAtOnce)
    }
}

/// A trace, or the part of a very large one that a list of traces shows.
package struct BoundedTrace: Sendable {
    package var spans: SpanBatch
    /// The spans of the whole trace where some were left out; duplicates count.
    package var cutFrom: Int?

    package init(_ spans: SpanBatch, cutFrom: Int? = nil) {
        self.spans = spans
        self.cutFrom = cutFrom
    }
}

/// Where an attribute condition looks.
package enum AttributeScope: Sendable, Hashable, CaseIterable {
    /// Span, then resource, event, scope and link attributes.
    case any
    case span, resource, event, scope, link
}

/// A property of a span whose distinct values can be listed.
package enum SpanField: Sendable, Hashable {
    /// `service.name` of the resource; "" where it has none.
    case service
    case name
    /// `unspecified`, `internal`, `server`, `client`, `producer`, `consumer`.
    case kind
    case attribute(AttributeScope, key: String)
    /// The names of attributes in a scope.
    case attributeKeys(AttributeScope)
}

/// What must hold of an attribute.
package enum AttributeTest: Sendable, Hashable {
    case exists
    /// Same type and value.
    case equals(AttributeValue)
    /// The value's text form (`AttributeValue.text`) is this: how untyped tags (Jaeger, Zipkin) match.
    case text(String)
    /// The text form of the value, or of one of an array's elements, is this.
    case textOfAny(String)
}

/// One condition on a span.
package enum SpanCondition: Sendable, Hashable {
    case service(String)
    case name(String)
    case kind(SpanKind)
    case status(SpanStatus)
    /// Nanoseconds, inclusive.
    case durationAtLeast(Int64)
    /// Nanoseconds, inclusive.
    case durationAtMost(Int64)
    case attribute(AttributeScope, key: String, AttributeTest)
    case root
}

/// Conditions that must all hold of one span. No condition: every span.
package struct SpanPredicate: Sendable, Hashable {
    package var conditions: [SpanCondition]

    package init(_ conditions: [SpanCondition] = []) { self.conditions = conditions }
}
