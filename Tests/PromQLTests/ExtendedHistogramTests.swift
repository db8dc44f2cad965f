import PromQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("anchored and smoothed selectors over native histograms")
struct ExtendedHistogramTests {
    /// Counts 0, 12, 24 and so on every minute, a third and two thirds of them in `(0.5,1]` and `(1,2]`.
    private func store() -> TestStore {
        let store = TestStore()
        store.add(
            "h", Self.histogram(0), Self.histogram(1), Self.histogram(2), Self.histogram(3),
            Self.histogram(4))
        return store
    }

    private static func histogram(_ times: Double) -> NativeHistogram {
        NativeHistogram(count: 12 * times, sum: 18 * times, [4 * times, 8 * times])
    }

    @Test("an anchored increase goes from the sample before the window to the last one in it")
    func anchored() throws {
        // From 60 s to 180 s.
        #expect(
            try store().instant("increase(h[90s] anchored)", at: 190) == [
                "{} {count:24, sum:36, (0.5,1]:8, (1,2]:16}"
            ])
        #expect(
            try store().instant("histogram_count(rate(h[90s] anchored))", at: 190) == [
                "{} \(NumberFormat.decimal(24.0 / 90))"
            ])
    }

    @Test("a smoothed increase goes from bound to bound, on the line between samples")
    func smoothed() throws {
        // 90 s at 0.2 a second.
        #expect(
            try store().instant("histogram_count(increase(h[90s] smoothed))", at: 190) == ["{} 18"])
        #expect(
            try store().instant("histogram_sum(rate(h[1m] smoothed))", at: 150) == ["{} 0.3"])
        #expect(
            try store().instant("h smoothed", at: 90) == [
                "h {count:18, sum:27, (0.5,1]:6, (1,2]:12}"
            ])
        // Nothing follows: as it was.
        #expect(
            try store().instant("histogram_count(h smoothed)", at: 300) == ["{} 48"])
    }

    @Test("a counter that began anew counts on")
    func resets() throws {
        let store = TestStore()
        store.add(
            "h", Self.histogram(3), Self.histogram(5), Self.histogram(1), Self.histogram(2))
        // 3 to 5, 0 to 2: four times twelve.
        #expect(
            try store.instant("histogram_count(increase(h[3m] anchored))", at: 180) == ["{} 48"])
        // Between 60 and 120 it went from zero to 12: at 90 six.
        #expect(
            try store.instant("histogram_count(increase(h[90s] smoothed))", at: 180) == ["{} 18"])
        #expect(try store.instant("resets(h[2m] anchored)", at: 180) == ["{} 1"])
        #expect(try store.instant("changes(h[2m] anchored)", at: 180) == ["{} 2"])
        #expect(try store.instant("resets(h[1m] anchored)", at: 180) == ["{} 0"])
    }

    @Test("numbers and histograms together have no rate, and a gauge warns")
    func mixture() throws {
        let store = store()
        store.load("h _ _ _ _ _ 7")
        let result = try store.result("rate(h[2m] anchored)", at: 300)
        #expect(TestStore.lines(result.value) == [])
        #expect(
            result.warnings == [
                "encountered a mix of histograms and floats for metric name \"h\" (1:6)"
            ])
        #expect(
            try self.store().result("delta(h[2m] anchored)", at: 180).warnings == [
                "this native histogram metric is not a gauge: \"h\" (1:7)"
            ])
    }
}
