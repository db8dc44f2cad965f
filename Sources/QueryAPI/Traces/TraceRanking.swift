import QueryCore
import Telemetry

/// The newest `limit` traces behind a cursor of those added.
struct TraceRanking {
    /// Traces that are counted one by one, 16 bytes each; of more it is only known that there are more.
    private static let countedMax = 1_000_000

    private let limit: Int
    private let page: SearchPage
    private var newest: [TraceID: Timestamp] = [:]
    /// Traces that stand on earlier pages.
    private var shown: Set<TraceID> = []
    /// All traces, if they are to be counted.
    private var counted: Set<TraceID> = []
    private var isCountCut = false
    /// Whether no span added later can move a trace to an earlier page.
    private var isPageSettled: Bool
    /// The start of the trace that stands last in the answer, of those seen when it was computed; grows
    /// only, so what lies below can never enter. `nil` until `limit` traces have been seen.
    private var threshold: Timestamp?

    init(limit: Int, page: SearchPage) {
        self.limit = limit
        self.page = page
        isPageSettled = page.after == nil
    }

    mutating func add(_ trace: TraceID, start: Timestamp) {
        if page.wantsCount { count(trace) }
        if let after = page.after {
            if shown.contains(trace) { return }
            guard after.precedes(trace, start) else {
                shown.insert(trace)
                newest[trace] = nil
                return
            }
        }
        if let threshold, start < threshold { return }
        if let known = newest[trace], known >= start { return }
        newest[trace] = start
        // Twice the answer at least, so that the cost of sorting is shared by as many additions.
        if newest.count >= 2 * limit + 1_024 { prune() }
    }

    private mutating func count(_ trace: TraceID) {
        if counted.count < Self.countedMax {
            counted.insert(trace)
        } else if !counted.contains(trace) {
            isCountCut = true
        }
    }

    /// Takes note that no span added later starts after `bound`.
    mutating func settle(below bound: Timestamp) {
        if let after = page.after, bound < after.newestStart { isPageSettled = true }
    }

    /// Whether spans that start at `bound` or before cannot change the answer. At equal times the id
    /// decides, so only a bound truly below is enough.
    mutating func isSettled(below bound: Timestamp) -> Bool {
        guard !page.wantsCount, newest.count >= limit else { return false }
        prune()
        guard let threshold else { return false }
        return bound < threshold
    }

    /// The answer.
    /// - Parameter isExhausted: whether all spans have been added.
    func page(isExhausted: Bool) -> TraceSearch.Page {
        let hits = best()
        let count = count(isExhausted: isExhausted)
        let shown = (page.after?.count ?? 0) + hits.count
        var next: SearchCursor?
        if let last = hits.last, hits.count == limit, !count.isExact || count.value > shown {
            next = SearchCursor(newestStart: last.newestStart, trace: last.trace, count: shown)
        }
        return TraceSearch.Page(hits: hits, count: count, next: next)
    }

    private func best() -> [TraceSearch.Hit] {
        newest.map { TraceSearch.Hit(trace: $0.key, newestStart: $0.value) }
            .sorted(by: Self.precedes).prefix(limit).map { $0 }
    }

    private func count(isExhausted: Bool) -> ResultCount {
        if page.wantsCount {
            return ResultCount(counted.count, isExact: isExhausted && !isCountCut)
        }
        let before = max(page.after?.count ?? 0, shown.count)
        let isWhole = isExhausted && threshold == nil
        return isWhole
            ? ResultCount(shown.count + newest.count, isExact: true)
            : ResultCount(before + newest.count, isExact: false)
    }

    /// Forgets all but the best. A trace that comes back with a newer span is added again; with an older
    /// one it stands where it could not have entered.
    private mutating func prune() {
        // A trace among the best may still turn out to stand on an earlier page.
        guard isPageSettled, newest.count >= limit else { return }
        let kept = best()
        threshold = kept.last?.newestStart
        guard newest.count > limit else { return }
        newest = Dictionary(uniqueKeysWithValues: kept.map { ($0.trace, $0.newestStart) })
    }

    private static func precedes(_ a: TraceSearch.Hit, _ b: TraceSearch.Hit) -> Bool {
        a.newestStart != b.newestStart ? a.newestStart > b.newestStart : a.trace < b.trace
    }
}
