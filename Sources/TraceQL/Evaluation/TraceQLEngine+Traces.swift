import QueryCore
import Store
import Telemetry

/// Searches that have to look at whole traces: the traces of a block are judged together, by columns.
extension TraceQLEngine {
    func searchTraces(
        _ expression: SpansetExpression, _ matcher: TraceMatcher, _ search: TraceQLSearch,
        _ context: QueryContext
    ) throws(QueryError) -> TraceQLSearchResult {
        let judge = TraceJudge(expression, search)
        let scan = SpanScan(
            judge.driver, in: search.range, reading: expression.fields,
            unit: .traces(spansEach: limits.traceSpansMax))
        var ranking = MatchRanking(limit: search.limit, page: search.page)
        var isExhausted = true
        var result = TraceQLSearchResult()
        var failure: QueryError?
        do throws(StoreError) {
            try store.scanSpans(scan) { found -> Result<TraceJudge.Verdict, QueryError> in
                Result { () throws(QueryError) in
                    try context.check()
                    return try judge.judge(found)
                }
            } visit: { verdict, bound in
                do throws(QueryError) {
                    let verdict = try verdict.get()
                    result.inspectedTraces += verdict.traces
                    result.inspectedSpans += verdict.spans
                    result.isPartial = result.isPartial || verdict.isCut
                    ranking.add(verdict.matches)
                    if ranking.isSettled(below: bound) { isExhausted = false }
                    return isExhausted
                } catch {
                    failure = error
                    return false
                }
            }
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
        result.count = ResultCount(ranking.count, isExact: isExhausted)
        let best = ranking.best()
        for first in stride(from: 0, to: best.count, by: 128) {
            try context.check()
            let some = Array(best[first..<min(first + 128, best.count)])
            for (place, trace) in zip(some, try read(some.map(\.id))) where !trace.spans.isEmpty {
                guard var match = try matcher.match(trace.spans) else { continue }
                match.newestStart = place.start
                result.traces.append(match)
            }
        }
        return result
    }
}

extension SpansetExpression {
    /// Whether a span that satisfies the driver makes its trace a result, whatever else is in it.
    var judgesSpansAlone: Bool {
        switch self {
        case .filter(let condition, _): condition.fields.allSatisfy { !$0.needsTrace }
        case .pipeline(let stages, _): stages.spanConditions != nil
        case .operation, .comparison: false
        }
    }
}

/// Judges traces, many at once.
private struct TraceJudge: Sendable {
    struct Verdict: Sendable {
        var matches: NewestSpans
        var traces: Int
        var spans: Int
        var isCut: Bool
    }

    let driver: Driver
    private let expression: SpansetExpression
    private let search: TraceQLSearch
    private let patterns = PatternCache()

    init(_ expression: SpansetExpression, _ search: TraceQLSearch) {
        driver = Driver(expression)
        self.expression = expression
        self.search = search
    }

    func judge(_ found: FoundSpans) throws(QueryError) -> Verdict {
        let batch = found.batch
        let table = SpanTable(batch, hasWholeTraces: true, patterns: patterns)
        let inRange = found.rows.filter { search.range.contains(batch.starts[$0]) }
        var verdict = Verdict(
            matches: NewestSpans(table, driver, among: inRange), traces: 0, spans: batch.count,
            isCut: found.isCut)
        guard let structure = table.trace else { return verdict }
        verdict.traces = structure.traces.count
        var yielding = Set<TraceID>()
        var last: UInt32?
        for row in try SpansetEvaluation(table, structure).rows(expression)
        where structure.traceOfRow[row] != last {
            let number = structure.traceOfRow[row]
            last = number
            if search.traceDuration.contains(structure.traces[Int(number)].duration) {
                yielding.insert(batch.traceIDs[row])
            }
        }
        verdict.matches.keep(yielding)
        return verdict
    }
}

/// The newest of the traces that match; each is added once.
private struct MatchRanking {
    private let limit: Int
    private let page: SearchPage
    private var matches: [(id: TraceID, start: Timestamp)] = []
    /// All matches, those of other pages too.
    private(set) var count = 0

    init(limit: Int, page: SearchPage) {
        self.limit = limit
        self.page = page
    }

    mutating func add(_ found: NewestSpans) {
        count += found.traces.count
        matches += found.traces.filter { page.after?.precedes($0.id, $0.start) ?? true }
        matches.sort { $0.start != $1.start ? $0.start > $1.start : $0.id < $1.id }
        if matches.count > limit { matches.removeLast(matches.count - limit) }
    }

    /// Whether traces whose spans start at `bound` or before cannot change the answer. At equal times the
    /// id decides.
    func isSettled(below bound: Timestamp) -> Bool {
        guard !page.wantsCount, matches.count == limit, let last = matches.last else {
            return false
        }
        return bound < last.start
    }

    func best() -> [(id: TraceID, start: Timestamp)] { matches }
}
