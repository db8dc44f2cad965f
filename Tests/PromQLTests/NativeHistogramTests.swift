import PromQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("native histograms are values like numbers")
struct NativeHistogramTests {
    /// `(0.5,1]:1 (1,2]:2 (2,4]:1` and three times that a minute later.
    private func store() -> TestStore {
        let store = TestStore()
        store.add(
            "h{a=1}", NativeHistogram(count: 4, sum: 6, [1, 2, 1]),
            NativeHistogram(count: 12, sum: 18, [3, 6, 3]))
        store.add("h{a=2}", nil, NativeHistogram(count: 2, sum: 3, offset: 1, [2]))
        store.load("x{a=1} 7 8\nx{a=2} 3 4")
        return store
    }

    @Test("a selector finds the latest, number or histogram")
    func selector() throws {
        let store = store()
        #expect(
            try store.instant("h{a=\"1\"}", at: 10) == [
                "h{a=\"1\"} {count:4, sum:6, (0.5,1]:1, (1,2]:2, (2,4]:1}"
            ])
        #expect(
            try store.range("h", 0, 60, step: 60) == [
                "h{a=\"1\"} {count:4, sum:6, (0.5,1]:1, (1,2]:2, (2,4]:1} "
                    + "{count:12, sum:18, (0.5,1]:3, (1,2]:6, (2,4]:3}",
                "h{a=\"2\"} _ {count:2, sum:3, (1,2]:2}",
            ])
        #expect(try store.instant("timestamp(h)", at: 70) == ["{a=\"1\"} 60", "{a=\"2\"} 60"])
        #expect(try store.instant("h{a=\"2\"}[5m]", at: 70).count == 1)
        store.load("h{a=1} _ _ stale")
        #expect(try store.instant("count(h)", at: 130) == ["{} 1"])
    }

    @Test("bounds of buckets are Prometheus's to the last digit")
    func bounds() {
        #expect(HistogramBounds.upper(-1, schema: 1) == 0.7071067811865475)
        #expect(HistogramBounds.upper(-3, schema: 1) == 0.35355339059327373)
        #expect(HistogramBounds.upper(-182, schema: 8) == 0.6109230164863786)
        #expect(HistogramBounds.upper(-56, schema: 8) == 0.8593096490612387)
        #expect(HistogramBounds.upper(-1, schema: 8) == 0.9972960560854698)
        #expect(HistogramBounds.upper(0, schema: 8) == 1)
        #expect(HistogramBounds.upper(3, schema: 0) == 8)
        #expect(HistogramBounds.upper(1_024, schema: 0) == .greatestFiniteMagnitude)
    }

    @Test("what it knows of itself: count, sum, mean, deviation")
    func facts() throws {
        let store = store()
        #expect(try store.instant("histogram_count(h{a=\"1\"})", at: 60) == ["{a=\"1\"} 12"])
        #expect(try store.instant("histogram_sum(h{a=\"1\"})", at: 60) == ["{a=\"1\"} 18"])
        #expect(try store.instant("histogram_avg(h{a=\"1\"})", at: 60) == ["{a=\"1\"} 1.5"])
        // The middle of (1,2] is √2, the mean 1.5.
        let variance = try store.instant("histogram_stdvar(h{a=\"2\"})", at: 60)
        let expected = (2.0.squareRoot() - 1.5) * (2.0.squareRoot() - 1.5)
        #expect(variance == ["{a=\"2\"} \(NumberFormat.decimal(expected))"])
        let deviation = try store.instant("histogram_stddev(h{a=\"2\"})", at: 60)
        #expect(deviation == ["{a=\"2\"} \(NumberFormat.decimal(expected.squareRoot()))"])
        #expect(try store.instant("histogram_count(x)", at: 60) == [])
    }

    @Test("quantiles and fractions interpolate exponentially")
    func quantiles() throws {
        let store = store()
        let half = try store.instant("histogram_quantile(0.5, h{a=\"1\"})", at: 60)
        #expect(half == ["{a=\"1\"} \(NumberFormat.decimal(2.0.squareRoot()))"])
        #expect(
            try store.instant("histogram_quantile(0, h{a=\"1\"})", at: 60) == ["{a=\"1\"} 0.5"])
        #expect(
            try store.instant("histogram_quantile(1, h{a=\"1\"})", at: 60) == ["{a=\"1\"} 4"])
        #expect(
            try store.instant("histogram_fraction(0, 2, h{a=\"1\"})", at: 60) == ["{a=\"1\"} 0.75"])
        #expect(
            try store.instant(
                "round(histogram_fraction(0.5, 2 ^ 0.5, h{a=\"1\"}), 0.001)", at: 60)
                == ["{a=\"1\"} 0.5"])
    }

    @Test("rates extrapolate and count what a reset lost")
    func rates() throws {
        let store = TestStore()
        store.add(
            "h_total", NativeHistogram(count: 4, sum: 6, [1, 2, 1]),
            NativeHistogram(count: 8, sum: 12, [2, 4, 2]),
            NativeHistogram(count: 2, sum: 2, [1, 1]))
        // Of two samples a minute apart, in a window of as much before and behind them as is between.
        #expect(
            try store.instant("increase(h_total[2m] offset -30s)", at: 60) == [
                "{} {count:8, sum:12, (0.5,1]:2, (1,2]:4, (2,4]:2}"
            ])
        #expect(try store.instant("resets(h_total[5m])", at: 120) == ["{} 1"])
        #expect(try store.instant("changes(h_total[5m])", at: 120) == ["{} 2"])
        #expect(
            try store.instant("irate(h_total[5m]) * 60", at: 60) == [
                "{} {count:4, sum:6, (0.5,1]:1, (1,2]:2, (2,4]:1}"
            ])
        let delta = try store.result("delta(h_total[2m1s])", at: 60)
        #expect(
            delta.warnings == [
                "this native histogram metric is not a gauge: \"h_total\" (1:7)"
            ])
    }

    @Test("functions over time sum, average, count and pick them")
    func overTime() throws {
        let store = store()
        #expect(
            try store.instant("sum_over_time(h{a=\"1\"}[5m])", at: 60) == [
                "{a=\"1\"} {count:16, sum:24, (0.5,1]:4, (1,2]:8, (2,4]:4}"
            ])
        #expect(
            try store.instant("avg_over_time(h{a=\"1\"}[5m])", at: 60) == [
                "{a=\"1\"} {count:8, sum:12, (0.5,1]:2, (1,2]:4, (2,4]:2}"
            ])
        #expect(try store.instant("count_over_time(h{a=\"1\"}[5m])", at: 60) == ["{a=\"1\"} 2"])
        #expect(
            try store.instant("first_over_time(h{a=\"1\"}[5m])", at: 60) == [
                "h{a=\"1\"} {count:4, sum:6, (0.5,1]:1, (1,2]:2, (2,4]:1}"
            ])
        #expect(try store.instant("max_over_time(h{a=\"1\"}[5m])", at: 60) == [])
        #expect(
            try store.instant("sum_over_time(h{a=\"1\"}[2m:1m])", at: 60) == [
                "{a=\"1\"} {count:16, sum:24, (0.5,1]:4, (1,2]:8, (2,4]:4}"
            ])
    }

    @Test("numbers and histograms in one window: what cannot be done is said")
    func mixedWindows() throws {
        let store = TestStore("m 1 2 _ _")
        store.add("m", nil, nil, NativeHistogram(count: 1, sum: 1, [1]), nil)
        store.load("m _ _ _ 5")
        #expect(try store.instant("count_over_time(m[5m])", at: 180) == ["{} 4"])
        #expect(try store.instant("abs(last_over_time(m[5m]))", at: 180) == ["{} 5"])
        #expect(try store.instant("changes(m[5m])", at: 180) == ["{} 3"])
        let rate = try store.result("rate(m[5m])", at: 180)
        #expect(TestStore.lines(rate.value) == [])
        #expect(
            rate.warnings == [
                "encountered a mix of histograms and floats for metric name \"m\" (1:6)"
            ])
        let maximum = try store.result("max_over_time(m[5m])", at: 180)
        #expect(TestStore.lines(maximum.value) == ["{} 5"])
        #expect(
            maximum.infos == [
                "ignored histograms in a range containing both floats and histograms for metric "
                    + "name \"m\" (1:15)"
            ])
    }

    @Test("sums and means aggregate histograms; extremes leave them out and say so")
    func aggregations() throws {
        let store = store()
        #expect(
            try store.instant("sum(h)", at: 60) == [
                "{} {count:14, sum:21, (0.5,1]:3, (1,2]:8, (2,4]:3}"
            ])
        #expect(
            try store.instant("avg by (b) (h)", at: 60) == [
                "{} {count:7, sum:10.5, (0.5,1]:1.5, (1,2]:4, (2,4]:1.5}"
            ])
        #expect(try store.instant("count(h)", at: 60) == ["{} 2"])
        #expect(try store.instant("group(h)", at: 60) == ["{} 1"])
        #expect(
            try store.instant("count_values(\"v\", h{a=\"2\"})", at: 60) == [
                "{v=\"{count:2, sum:3, (1,2]:2}\"} 1"
            ])
        let extreme = try store.result("max({__name__=~\"h|x\"})", at: 60)
        #expect(TestStore.lines(extreme.value) == ["{} 8"])
        #expect(extreme.infos == ["ignored histogram in max aggregation (1:5)"])
        let mixed = try store.result("sum({__name__=~\"h|x\"})", at: 60)
        #expect(TestStore.lines(mixed.value) == [])
        #expect(
            mixed.warnings == [
                "encountered a mix of histograms and floats for aggregation (1:5)"
            ])
        #expect(try store.instant("sum by (a) (h) + on (a) h", at: 60).count == 2)
    }

    @Test("operators add, subtract, scale and compare them")
    func operators() throws {
        let store = store()
        #expect(
            try store.instant("h{a=\"2\"} + h{a=\"2\"}", at: 60) == [
                "{a=\"2\"} {count:4, sum:6, (1,2]:4}"
            ])
        #expect(
            try store.instant("h{a=\"1\"} - ignoring (a) h{a=\"2\"}", at: 60) == [
                "{} {count:10, sum:15, (0.5,1]:3, (1,2]:4, (2,4]:3}"
            ])
        #expect(
            try store.instant("h{a=\"2\"} * 2", at: 60) == ["{a=\"2\"} {count:4, sum:6, (1,2]:4}"])
        #expect(
            try store.instant("2 * h{a=\"2\"} / 4", at: 60) == [
                "{a=\"2\"} {count:1, sum:1.5, (1,2]:1}"
            ])
        #expect(
            try store.instant("-h{a=\"2\"}", at: 60) == ["{a=\"2\"} {count:-2, sum:-3, (1,2]:-2}"])
        #expect(try store.instant("h == h", at: 60).count == 2)
        #expect(try store.instant("h != h", at: 60) == [])
        #expect(try store.instant("h == bool h", at: 60) == ["{a=\"1\"} 1", "{a=\"2\"} 1"])
        #expect(try store.instant("h and x", at: 60).count == 2)
        #expect(try store.instant("h and on (a) x{a=\"2\"}", at: 60).count == 1)
        #expect(try store.instant("x or on () h", at: 60).count == 2)
        let sum = try store.result("h + x", at: 60)
        #expect(TestStore.lines(sum.value) == [])
        #expect(
            sum.infos == [
                "incompatible sample types encountered for binary operator \"+\": histogram + float (1:1)"
            ])
        let comparison = try store.result("1 < h", at: 60)
        #expect(
            comparison.infos == [
                "incompatible sample types encountered for binary operator \"<\": float < histogram (1:1)"
            ])
        #expect(try store.instant("abs(h)", at: 60) == [])
        #expect(
            try store.instant(
                "sum by (b) (label_replace(h{a=\"2\"}, \"b\", \"c\", \"\", \"\"))", at: 60)
                == ["{b=\"c\"} {count:2, sum:3, (1,2]:2}"])
    }

    @Test("schemas and zero buckets that differ are reconciled to the coarser")
    func reconciliation() throws {
        let store = TestStore()
        // Schema 1: (1,√2] (√2,2] (2,2√2]; schema 0: (1,2] (2,4].
        store.add("h{a=1}", NativeHistogram(schema: 1, count: 6, sum: 1, offset: 1, [1, 2, 3]))
        store.add("h{a=2}", NativeHistogram(count: 4, sum: 1, offset: 1, [1, 3]))
        #expect(try store.instant("sum(h)") == ["{} {count:10, sum:2, (1,2]:4, (2,4]:6}"])
        // A zero bucket to 0.7 cuts through (0.5,1]: it grows to 1.
        store.add(
            "z{a=1}", NativeHistogram(count: 3, sum: 1, zero: 1, threshold: 0.7, offset: 1, [2]))
        store.add("z{a=2}", NativeHistogram(count: 5, sum: 1, zero: 2, [1, 2]))
        #expect(try store.instant("sum(z)") == ["{} {count:8, sum:2, [-1,1]:4, (1,2]:4}"])
    }

    @Test("custom bounds: those that both have are kept, and the two kinds do not mix")
    func customBounds() throws {
        let store = TestStore()
        store.add("c{a=1}", NativeHistogram(count: 6, sum: 9, [1, 2, 3], bounds: [1, 2]))
        store.add("c{a=2}", NativeHistogram(count: 6, sum: 9, [1, 2, 3], bounds: [1, 3]))
        store.add("h{a=1}", NativeHistogram(count: 1, sum: 1, [1]))
        let sum = try store.result("sum(c)", at: 0)
        #expect(
            TestStore.lines(sum.value) == ["{} {count:12, sum:18, [-Inf,1]:2, (1,+Inf]:10}"])
        #expect(
            sum.infos == ["mismatched custom buckets were reconciled during aggregation (1:5)"])
        #expect(try store.instant("histogram_quantile(0.5, c{a=\"1\"})") == ["{a=\"1\"} 2"])
        #expect(try store.instant("histogram_quantile(0.25, c{a=\"1\"})") == ["{a=\"1\"} 1.25"])
        let mixed = try store.result("c{a=\"1\"} + ignoring () h", at: 0)
        #expect(TestStore.lines(mixed.value) == [])
        #expect(
            mixed.warnings == [
                "incompatible bucket layout encountered for binary operator + (1:1)"
            ])
    }

    @Test("trimming keeps what lies below or above a number")
    func trimming() throws {
        let store = store()
        // √2 is the logarithmic middle of (1,2].
        #expect(
            try store.instant("round(histogram_count(h{a=\"1\"} </ 2 ^ 0.5), 0.001)", at: 60) == [
                "{a=\"1\"} 6"
            ])
        #expect(
            try store.instant("round(histogram_count(h{a=\"1\"} >/ 2 ^ 0.5), 0.001)", at: 60) == [
                "{a=\"1\"} 6"
            ])
        #expect(
            try store.instant("h{a=\"2\"} </ 2", at: 60) == ["h{a=\"2\"} {count:2, sum:3, (1,2]:2}"]
        )
        #expect(try store.instant("h{a=\"2\"} >/ 2", at: 60) == ["h{a=\"2\"} {count:0, sum:0}"])
        store.add("c", nil, NativeHistogram(count: 6, sum: 9, [1, 2, 3], bounds: [1, 2]))
        #expect(try store.instant("histogram_count(c </ 1.5)", at: 60) == ["{} 2"])
        #expect(try store.instant("histogram_sum(c </ 1.5)", at: 60) == ["{} 1.75"])
        let floats = try store.result("x </ 2", at: 60)
        #expect(TestStore.lines(floats.value) == [])
        #expect(floats.infos.count == 1)
        #expect(failure { _ = try store.instant("1 </ 2") }?.kind == .badData)
    }

    @Test("classic buckets and native histograms of one name contest each other")
    func contest() throws {
        let store = TestStore("h{a=1,le=1} 5\nh{a=1,le=+Inf} 10\nh{a=2,le=1} 1\nh{a=2,le=+Inf} 1")
        store.add("h{a=1}", NativeHistogram(count: 4, sum: 6, [1, 2, 1]))
        store.add("h{a=3}", NativeHistogram(count: 4, sum: 6, [1, 2, 1]))
        let result = try store.result("histogram_quantile(1, h)", at: 0)
        #expect(TestStore.lines(result.value) == ["{a=\"2\"} 1", "{a=\"3\"} 4"])
        // The series of the native histogram beside buckets has no `le` and is none of theirs.
        #expect(
            result.warnings == ["vector contains a mix of classic and native histograms (1:23)"])
    }
}
