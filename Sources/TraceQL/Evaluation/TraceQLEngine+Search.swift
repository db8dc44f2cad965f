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
    package var page: SearchPage

    package init(
        query: String, range: TimeRange = .all, limit: Int = 20, spansPerSet: Int = 3,
        traceDuration: ClosedRange<Int64> = 0...Int64.max, page: SearchPage = SearchPage()
    ) {
        self.page = page
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
        var result =
            isAlone
            ? try searchSpans(expression, matcher, search, context)
            : try searchTraces(expression, matcher, search, context)
        if let last = result.traces.last {
            let shown = (search.page.after?.count ?? 0) + result.traces.count
            if !result.count.isExact || result.count.value > shown {
                result.next = SearchCursor(
                    newestStart: last.newestStart, trace: last.id, count: shown)
            }
        }
        return result
    }

    private func searchSpans(
        _ expression: SpansetExpression, _ matcher: TraceMatcher, _ search: TraceQLSearch,
        _ context: QueryContext
    ) throws(QueryError) -> TraceQLSearchResult {
        var result = TraceQLSearchResult()
        var count = ResultCount(0, isExact: true)
        // Often every candidate is a result, so the first reading is small.
        var reading = TraceReading(first: max(8, min(128, search.limit)))
        try candidates(Driver(expression), in: search.range, context: context) {
            (found) throws(QueryError) in
            let behind = found.filter { search.page.after?.precedes($0.id, $0.start) ?? true }
            count.value += found.count
            var next = 0
            while next < behind.count, result.traces.count < search.limit {
                try context.check()
                let some = Array(behind[next..<min(next + reading.count, behind.count)])
                next += some.count
                let before = result.inspectedSpans
                for (place, trace) in zip(some, try read(some.map(\.id)))
                where !trace.spans.isEmpty && result.traces.count < search.limit {
                    try result.add(trace, matcher, newestStart: place.start)
                }
                reading.took(traces: some.count, spans: result.inspectedSpans - before)
            }
            guard result.traces.count == search.limit, !search.page.wantsCount else { return true }
            count.isExact = false
            return false
        }
        result.count = count
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
        take: ([CandidateQueue.Candidate]) throws(QueryError) -> Bool
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
    /// - Parameter newestStart: of its spans that may make it a result.
    mutating func add(
        _ trace: BoundedTrace, _ matcher: TraceMatcher, newestStart: Timestamp
    ) throws(QueryError) {
        inspectedTraces += 1
        inspectedSpans += trace.spans.count
        if trace.cutFrom != nil { isPartial = true }
        if var match = try matcher.match(trace.spans) {
            match.newestStart = newestStart
            traces.append(match)
        }
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
    /// With the start of its newest span that satisfies the driver.
    typealias Candidate = (id: TraceID, start: Timestamp)

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
    mutating func ready(above bound: Timestamp?) -> [Candidate] {
        let settled = newest.filter { entry in bound.map { entry.value > $0 } ?? true }
        for id in settled.keys {
            newest[id] = nil
            taken.insert(id)
        }
        return settled.sorted {
            $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key
        }.map { ($0.key, $0.value) }
    }
}
