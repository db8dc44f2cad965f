import PromQL
import QueryCore
import Store
import Synchronization
import Telemetry
import Testing

@Suite("limits")
struct LimitTests {
    private func run(_ query: String, _ context: QueryContext, _ store: TestStore) -> QueryError? {
        failure {
            _ = try PromQLEngine(store: store.store).range(
                query, start: 0, end: 600_000, step: 60_000, context: context)
        }
    }

    @Test("a cancelled query stops")
    func cancelled() {
        let context = QueryContext()
        context.cancel()
        #expect(
            run("x", context, TestStore("x 1"))
                == QueryError(.canceled, "query was canceled in expression evaluation"))
    }

    @Test("a query past its deadline stops")
    func deadline() {
        let now = Mutex<Int64>(0)
        var limits = QueryLimits()
        limits.duration = .seconds(1)
        let context = QueryContext(limits: limits) {
            now.withLock { now in
                now += 600_000_000
                return now
            }
        }
        #expect(
            run("x + x + x", context, TestStore("x 1"))
                == QueryError(.timeout, "query timed out in expression evaluation"))
    }

    @Test("a query that would hold too many samples fails")
    func samples() {
        var limits = QueryLimits()
        limits.samplesMax = 15
        let store = TestStore("x{a=\"1\"} 0x10\nx{a=\"2\"} 0x10")
        #expect(
            run("x", QueryContext(limits: limits), store)?.message
                == "query processing would load too many samples into memory in query execution")
        #expect(run("x{a=\"1\"}", QueryContext(limits: limits), store) == nil)
    }

    @Test("samples that are no longer held do not count")
    func released() throws {
        let store = TestStore("x 0x10")
        let context = QueryContext()
        let query = "sum(x) + sum(abs(x)) + sum(rate(x[5m])) + sum(max_over_time(x[5m:1m]))"
        _ = try PromQLEngine(store: store.store).range(
            query, start: 0, end: 600_000, step: 60_000, context: context)
        // The result alone is left: 11 steps.
        #expect(context.heldSampleCount == 11)
        #expect(context.peakSamples <= 5 * 11)
    }

    @Test("too many series, steps or a wrong step")
    func others() {
        var limits = QueryLimits()
        limits.seriesMax = 1
        let store = TestStore("x{a=\"1\"} 1\nx{a=\"2\"} 1")
        #expect(
            run("x", QueryContext(limits: limits), store)
                == .execution("x selects 2 series; the limit is 1"))
        let engine = PromQLEngine(store: store.store)
        #expect(
            failure { _ = try engine.range("1", start: 0, end: 11_001, step: 1) }
                == .badData(
                    "exceeded maximum resolution of 11,000 points per timeseries. "
                        + "Try decreasing the query resolution (?step=XX)"))
        #expect(failure { _ = try engine.range("1", start: 0, end: 11_000, step: 1) } == nil)
        #expect(
            failure { _ = try engine.range("1", start: 1, end: 0, step: 1) }
                == .badData("end timestamp must not be before start time"))
    }

    @Test("histograms weigh as many samples as they have buckets, and more")
    func nativeHistograms() {
        let store = TestStore()
        let counts = [Double](repeating: 1, count: 20)
        let histogram = NativeHistogram(count: 20, sum: 1, counts)
        store.add("h", histogram, histogram)
        var limits = QueryLimits()
        limits.samplesMax = 50
        #expect(
            run("count_over_time(h[10m:1m])", QueryContext(limits: limits), store)?.message
                .contains(
                    "too many samples") == true)
        limits.samplesMax = 500
        #expect(run("count_over_time(h[10m:1m])", QueryContext(limits: limits), store) == nil)
    }

    @Test("a bad pattern is a mistake of the query")
    func pattern() {
        let error = failure { _ = try TestStore().instant("x{a=~\"(\"}") }
        #expect(error?.kind == .badData)
        #expect(error?.message.hasPrefix("1:3: parse error: error parsing regexp: ") == true)
    }

    @Test("notes tell of quantiles out of range and of rates over what is no counter")
    func notes() throws {
        let store = TestStore("x 1 2 3")
        let engine = PromQLEngine(store: store.store)
        let result = try engine.instant("quantile(2, rate(x[5m]))", at: 120_000)
        #expect(
            result.warnings == ["quantile value should be between 0 and 1, got 2 (1:10)"])
        #expect(
            result.infos == [
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"x\" (1:18)"
            ])
    }
}
