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
        guard search.limit > 0, !search.range.isEmpty else { return TraceQLSearchResult() }
        // Where one span makes its trace a result, traces are read as they are found; else they are judged
        // many at once, and read when it is known which are shown.
        let isAlone = search.traceDuration == 0...Int64.max && expression.judgesSpansAlone
        return isAlone
            ? try searchSpans(expression, matcher, search, context)
            : try searchTraces(expression, matcher, search, context)
    }

    private func searchSpans(
        _ expression: SpansetExpression, _ matcher: TraceMatcher, _ search: TraceQLSearch,
        _ context: QueryContext
    ) throws(QueryError) -> TraceQLSearchResult {
        var result = TraceQLSearchResult()
        // Often every candidate is a result, so the first reading is small.
        var reading = TraceReading(first: max(8, min(128, search.limit)))
        try candidates(Driver(expression), in: search.range, context: context) {
            (ids) throws(QueryError) in
            var next = 0
            while next < ids.count {
                try context.check()
                let some = Array(ids[next..<min(next + reading.count, ids.count)])
                next += some.count
                let before = result.inspectedSpans
                for trace in try read(some) where !trace.spans.isEmpty {
                    try result.add(trace, matcher)
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
    private func candidates(
        _ driver: Driver, in range: TimeRange, context: QueryContext,
        take: ([TraceID]) throws(QueryError) -> Bool
    ) throws(QueryError) {
        var queue = CandidateQueue()
        let patterns = PatternCache()
        var failure: QueryError?
        var isStopped = false
        let scan = SpanScan(driver, in: range, reading: [])
        do throws(StoreError) {
            try store.scanSpans(scan) { found in
                let table = SpanTable(found.batch, hasWholeTraces: false, patterns: patterns)
                return NewestSpans(table, driver, among: found.rows)
            } visit: { found, bound in
                do throws(QueryError) {
                    try context.check()
                    queue.add(found)
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

extension TraceQLSearchResult {
    mutating func add(_ trace: BoundedTrace, _ matcher: TraceMatcher) throws(QueryError) {
        inspectedTraces += 1
        inspectedSpans += trace.spans.count
        if trace.cutFrom != nil { isPartial = true }
        if let match = try matcher.match(trace.spans) { traces.append(match) }
    }
}

/// The start of the newest span of each trace that satisfies a driver.
struct NewestSpans: Sendable {
    private(set) var traces: [(id: TraceID, start: Timestamp)] = []

    init(_ table: SpanTable, _ driver: Driver, among rows: [Int]) {
        let batch = table.batch
        let rows = driver.condition.map { table.select($0, rows) } ?? rows
        // Spans of a trace mostly stand together.
        for row in rows {
            let (id, start) = (batch.traceIDs[row], batch.starts[row])
            if let last = traces.indices.last, traces[last].id == id {
                traces[last].start = max(traces[last].start, start)
            } else {
                traces.append((id, start))
            }
        }
    }

    mutating func keep(_ ids: Set<TraceID>) { traces.removeAll { !ids.contains($0.id) } }
}

/// Traces found by a scan that goes back in time, until no later span can change their place.
struct CandidateQueue {
    private var newest: [TraceID: Timestamp] = [:]
    private var taken: Set<TraceID> = []

    mutating func add(_ found: NewestSpans) {
        for (id, start) in found.traces {
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
