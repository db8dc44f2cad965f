import QueryCore
import Store
import Telemetry

/// What to search for, and how much to show of it.
package struct TraceQLSearch: Sendable {
    package var query: String
    /// A span that may make its trace a result starts in it.
    package var range: TimeRange
    package var limit: Int
    /// Spans shown of each set.
    package var spansPerSet: Int
    /// Nanoseconds that a whole trace took.
    package var traceDuration: ClosedRange<Int64>

    package init(
        query: String, range: TimeRange = .all, limit: Int = 20, spansPerSet: Int = 3,
        traceDuration: ClosedRange<Int64> = 0...Int64.max
    ) {
        self.query = query
        self.range = range
        self.limit = limit
        self.spansPerSet = spansPerSet
        self.traceDuration = traceDuration
    }
}

extension TraceQLEngine {
    /// The traces of which the query yields spans, at most `limit`: newest first by the newest of their
    /// spans in the range that may make them a result, equal times by id. The same question on the same
    /// data has one answer.
    /// - Throws: `bad_data` for a query that is wrong, that yields series or is not supported; what the
    ///   store throws; what `context` throws when the query is cancelled or late.
    package func search(
        _ search: TraceQLSearch, context: QueryContext = QueryContext()
    ) throws(QueryError) -> TraceQLSearchResult {
        let expression = try Self.spansets(search.query)
        let matcher = TraceMatcher(expression, search)
        var result = TraceQLSearchResult()
        guard search.limit > 0, !search.range.isEmpty else { return result }
        // Often every candidate is a result, so the first reading is small.
        var reading = TraceReading(first: max(8, min(128, 2 * search.limit)))
        try candidates(Driver(expression), in: search.range, context: context) {
            (ids) throws(QueryError) in
            var next = 0
            while next < ids.count {
                try context.check()
                let some = Array(ids[next..<min(next + reading.count, ids.count)])
                next += some.count
                let before = result.inspectedSpans
                for trace in try read(some) where !trace.spans.isEmpty {
                    result.inspectedTraces += 1
                    result.inspectedSpans += trace.spans.count
                    if trace.cutFrom != nil { result.isPartial = true }
                    if let match = try matcher.match(trace.spans) { result.traces.append(match) }
                    if result.traces.count == search.limit { return false }
                }
                reading.took(traces: some.count, spans: result.inspectedSpans - before)
            }
            return true
        }
        return result
    }

    func read(_ ids: [TraceID]) throws(QueryError) -> [BoundedTrace] {
        do throws(StoreError) {
            return try store.traces(ids, spansEach: limits.traceSpansMax)
        } catch {
            throw QueryError(error)
        }
    }

    /// Hands on the traces that have a span in `range` satisfying the driver, newest such span first,
    /// each once. `take` returns false to stop.
    func candidates(
        _ driver: Driver, in range: TimeRange, context: QueryContext,
        take: ([TraceID]) throws(QueryError) -> Bool
    ) throws(QueryError) {
        var queue = CandidateQueue()
        let patterns = PatternCache()
        var failure: QueryError?
        var isStopped = false
        do throws(StoreError) {
            try store.scanSpans(driver.predicate, in: range, fields: driver.fields) {
                batch, bound in
                do throws(QueryError) {
                    try context.check()
                    queue.add(batch, driver, patterns)
                    let ready = queue.ready(above: bound)
                    if !ready.isEmpty, try !take(ready) { isStopped = true }
                } catch {
                    failure = error
                }
                return failure == nil && !isStopped
            }
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
        if !isStopped {
            let rest = queue.ready(above: nil)
            if !rest.isEmpty { _ = try take(rest) }
        }
    }
}

/// Traces found by a scan that goes back in time, until no later span can change their place.
struct CandidateQueue {
    private var newest: [TraceID: Timestamp] = [:]
    private var taken: Set<TraceID> = []

    mutating func add(_ batch: SpanBatch, _ driver: Driver, _ patterns: PatternCache) {
        var rows = Array(0..<batch.count)
        if let condition = driver.condition {
            rows = SpanTable(batch, isWholeTrace: false, patterns: patterns)
                .select(condition, rows)
        }
        for row in rows {
            let (id, start) = (batch.traceIDs[row], batch.starts[row])
            if taken.contains(id) { continue }
            if let known = newest[id], known >= start { continue }
            newest[id] = start
        }
    }

    /// Those whose place is settled: no span found later starts after `bound`. `nil`: the scan is over.
    mutating func ready(above bound: Timestamp?) -> [TraceID] {
        let settled = newest.filter { entry in bound.map { entry.value > $0 } ?? true }
        for id in settled.keys {
            newest[id] = nil
            taken.insert(id)
        }
        return settled.sorted {
            $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key
        }.map(\.key)
    }
}
