import QueryCore
import Store
import Telemetry
import TraceQL

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

    /// Hits with how many there are in all.
    struct Page: Sendable {
        var hits: [Hit]
        var count: ResultCount
        /// Where the next page goes on; `nil` if there is none.
        var next: SearchCursor?
    }

    /// Traces with how many there are in all.
    struct Found: Sendable {
        var traces: [BoundedTrace]
        var count: ResultCount
        /// Where the next page goes on, as text; `nil` if there is none.
        var next: String?
    }

    /// At most `limit` traces with a span that satisfies any of the query's predicates, newest matching span
    /// first, traces of equal times by id: the same question on the same data has one answer.
    func hits(_ query: TraceQuery, context: QueryContext) throws -> Page {
        let page = try query.paging.page(of: query.identity)
        guard let traceQL = query.traceQL else {
            return try newest(
                query.limit, matching: query.predicates, in: query.range,
                checking: query.shownTags, page, context: context)
        }
        let search = TraceQLSearch(
            query: traceQL, range: query.range, limit: query.limit, spansPerSet: 0, page: page)
        let result = try TraceQLEngine(store: store).search(search, context: context)
        let hits = result.traces.map { Hit(trace: $0.id, newestStart: $0.newestStart) }
        return Page(hits: hits, count: result.count, next: result.next)
    }

    /// The scan ends as soon as no later span can change the answer, unless all are to be counted.
    func newest(
        _ limit: Int, matching predicates: [SpanPredicate], in range: TimeRange,
        checking tags: [ShownTag] = [], _ page: SearchPage = SearchPage(), context: QueryContext
    ) throws -> Page {
        guard limit > 0, !range.isEmpty else {
            return Page(hits: [], count: ResultCount(0, isExact: limit > 0))
        }
        var ranking = TraceRanking(limit: limit, page: page)
        var failure: QueryError?
        var isExhausted = true
        for (number, predicate) in predicates.enumerated() {
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
                // Of several predicates each is scanned from the newest span on.
                if number == predicates.count - 1 { ranking.settle(below: bound) }
                guard ranking.isSettled(below: bound) else { return true }
                isExhausted = false
                return false
            }
            if let failure { throw failure }
        }
        return ranking.page(isExhausted: isExhausted)
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

    /// The traces that a search form asks for.
    func traces(of query: TraceQuery, context: QueryContext) throws -> Found {
        let page = try hits(query, context: context)
        let traces = try traces(page.hits.map(\.trace), context: context)
        return Found(
            traces: traces, count: page.count, next: page.next?.text(of: query.identity))
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
