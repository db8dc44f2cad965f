import QueryCore
import Store
import Telemetry

/// Finds the newest traces that have one span satisfying all conditions, and reads traces whole. Shared
/// by every API that searches traces.
struct TraceSearch: Sendable {
    /// A trace with the start of its newest matching span.
    struct Hit: Hashable, Sendable {
        var trace: TraceID
        var newestStart: Timestamp
    }

    let store: any SpanStore
    let limits: AnswerLimits

    /// Traces read together share the reading of blocks; between, the limits are looked at.
    private static let tracesAtOnce = 128

    /// At most `limit` traces with a span that satisfies any of `predicates` and all `tags`, newest matching
    /// span first, traces of equal times by id: the same question on the same data has one answer.
    ///
    /// The scan ends as soon as no later span can change the answer.
    func newest(
        _ limit: Int, matching predicates: [SpanPredicate], in range: TimeRange,
        checking tags: [ShownTag] = [], context: QueryContext
    ) throws -> [Hit] {
        guard limit > 0, !range.isEmpty else { return [] }
        var ranking = TraceRanking(limit: limit)
        var failure: QueryError?
        for predicate in predicates {
            let scan = SpanScan(
                predicate, in: range, fields: tags.isEmpty ? .times : ShownTag.fields)
            try store.scanSpans(scan) {
                Self.newest(of: $0, tags)
            } visit: { spans, bound in
                do throws(QueryError) { try context.check() } catch {
                    failure = error
                    return false
                }
                for (trace, start) in spans { ranking.add(trace, start: start) }
                return !ranking.isSettled(below: bound)
            }
            if let failure { throw failure }
        }
        return ranking.best()
    }

    /// The newest start in each run of spans of one trace.
    @Sendable
    private static func newest(
        of spans: FoundSpans, _ tags: [ShownTag]
    ) -> [(TraceID, Timestamp)] {
        var newest: [(TraceID, Timestamp)] = []
        for row in spans.rows where tags.allSatisfy({ $0.passes(row, of: spans.batch) }) {
            let (trace, start) = (spans.batch.traceIDs[row], spans.batch.starts[row])
            if let last = newest.indices.last, newest[last].0 == trace {
                newest[last].1 = max(newest[last].1, start)
            } else {
                newest.append((trace, start))
            }
        }
        return newest
    }

    func newest(of query: TraceQuery, context: QueryContext) throws -> [Hit] {
        try newest(
            query.limit, matching: query.predicates, in: query.range, checking: query.shownTags,
            context: context)
    }

    /// The traces that a search form asks for.
    func traces(of query: TraceQuery, context: QueryContext) throws -> [BoundedTrace] {
        let hits = try newest(of: query, context: context)
        return try traces(hits.map(\.trace), context: context)
    }

    /// Each trace, in the order given; traces that are not there are left out, and of one that is larger
    /// than the limit of a list only a part is read.
    /// - Throws: `execution` when the answer would hold more spans than the limit.
    func traces(_ ids: [TraceID], context: QueryContext) throws -> [BoundedTrace] {
        var found: [BoundedTrace] = []
        var spans = 0
        for first in stride(from: 0, to: ids.count, by: Self.tracesAtOnce) {
            try context.check()
            let some = ids[first..<min(first + Self.tracesAtOnce, ids.count)]
            let traces = try store.traces(Array(some), spansEach: limits.listedSpansMax)
            for trace in traces where !trace.spans.isEmpty {
                spans += trace.spans.count
                guard spans <= limits.spansMax else {
                    throw QueryError.execution(
                        "the traces hold more than \(limits.spansMax) spans; ask for fewer traces")
                }
                found.append(trace)
            }
        }
        return found
    }
}

/// The newest `limit` traces of those added.
struct TraceRanking {
    private let limit: Int
    private var newest: [TraceID: Timestamp] = [:]
    /// The start of the trace that stands last in the answer, of those seen when it was computed; grows
    /// only, so what lies below can never enter. `nil` until `limit` traces have been seen.
    private var threshold: Timestamp?

    init(limit: Int) { self.limit = limit }

    mutating func add(_ trace: TraceID, start: Timestamp) {
        if let threshold, start < threshold { return }
        if let known = newest[trace], known >= start { return }
        newest[trace] = start
        // Twice the answer at least, so that the cost of sorting is shared by as many additions.
        if newest.count >= 2 * limit + 1_024 { prune() }
    }

    /// Whether spans that start at `bound` or before cannot change the answer. At equal times the id
    /// decides, so only a bound truly below is enough.
    mutating func isSettled(below bound: Timestamp) -> Bool {
        guard newest.count >= limit else { return false }
        prune()
        guard let threshold else { return false }
        return bound < threshold
    }

    func best() -> [TraceSearch.Hit] {
        newest.map { TraceSearch.Hit(trace: $0.key, newestStart: $0.value) }
            .sorted(by: Self.precedes).prefix(limit).map { $0 }
    }

    /// Forgets all but the best. A trace that comes back with a newer span is added again; with an older
    /// one it stands where it could not have entered.
    private mutating func prune() {
        guard newest.count >= limit else { return }
        let kept = best()
        threshold = kept.last?.newestStart
        guard newest.count > limit else { return }
        newest = Dictionary(uniqueKeysWithValues: kept.map { ($0.trace, $0.newestStart) })
    }

    private static func precedes(_ a: TraceSearch.Hit, _ b: TraceSearch.Hit) -> Bool {
        a.newestStart != b.newestStart ? a.newestStart > b.newestStart : a.trace < b.trace
    }
}
