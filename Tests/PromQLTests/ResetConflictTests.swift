import PromQL
import QueryCore
import Telemetry
import Testing

/// Where only counts and sums of histograms are asked for, Prometheus's reader finds out which samples are
/// resets, and what adds them up warns where they contradict each other.
@Suite("sums of histograms know of resets under histogram_count and its like")
struct ResetConflictTests {
    private let warning = "conflicting counter resets during histogram"

    /// One series starts anew in the fourth minute, the other in the second.
    private func store() -> TestStore {
        let store = TestStore()
        func histogram(_ count: Double) -> NativeHistogram {
            NativeHistogram(count: count, sum: 1, [1, 1, 1])
        }
        store.add("h{is=late}", histogram(0), histogram(2), histogram(3), histogram(2))
        store.add("h{is=early}", histogram(3), histogram(2), histogram(2), histogram(3))
        return store
    }

    @Test(
        "a sum of a reset and of what goes on is warned of",
        arguments: [
            ("histogram_count(sum(h))", "{} 5", "aggregation (1:21)"),
            ("histogram_count(avg(h))", "{} 2.5", "aggregation (1:21)"),
            (
                "histogram_count(sum_over_time(h{is=\"late\"}[5m]))", "{is=\"late\"} 7",
                "aggregation (1:31)"
            ),
        ])
    func conflicts(query: String, value: String, place: String) throws {
        let result = try store().result(query, at: 300)
        #expect(TestStore.lines(result.value) == [value])
        #expect(result.warnings == ["\(warning) \(place)"])
    }

    @Test("an addition of both has no result")
    func addition() throws {
        let result = try store().result(
            "histogram_sum(h{is=\"late\"} + ignoring(is) h{is=\"early\"})", at: 300)
        #expect(TestStore.lines(result.value) == [])
        #expect(result.warnings == ["\(warning) addition (1:15)"])
    }

    @Test(
        "the first of a range, rates, subqueries, trimmed and whole histograms say nothing",
        arguments: [
            ("histogram_count(sum(h))", 30.0), ("histogram_count(avg(h))", 30),
            ("histogram_count(rate(h[5m]))", 300), ("sum(h)", 300),
            ("histogram_count(sum(last_over_time(h[5m:1m])))", 300),
            ("histogram_count(sum(h >/ 0))", 300),
            ("histogram_quantile(0.5, sum(h) + 0 * histogram_count(sum(h)))", 300),
        ])
    func silence(query: String, seconds: Double) throws {
        let result = try store().result(query, at: seconds)
        #expect(!result.warnings.contains { $0.hasPrefix(warning) })
    }

    @Test("a range query that reads every sample finds the same resets as one that skips none")
    func steps() throws {
        let engine = PromQLEngine(store: store().store, options: PromQLOptions())
        let result = try engine.range(
            "histogram_count(sum(h))", start: 0, end: 120_000, step: 60_000)
        #expect(TestStore.lines(result.value) == ["{} 3 4 5"])
        // In the second minute `early` fell and `late` rose.
        #expect(result.warnings.count == 1)
    }
}
