import PromQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("what is experimental in Prometheus 3.14")
struct ExperimentalTests {
    private let store = TestStore("x{a=1} 1 5 3 8\nx{a=2} 2 2 2 2\nx{a=10} 4 NaN 0 1")

    @Test("times of extremes and edges of a window")
    func times() throws {
        #expect(
            try store.instant("ts_of_max_over_time(x{a=\"1\"}[5m])", at: 180) == ["{a=\"1\"} 180"])
        #expect(
            try store.instant("ts_of_min_over_time(x{a=\"2\"}[5m])", at: 180) == ["{a=\"2\"} 180"])
        #expect(
            try store.instant("ts_of_first_over_time(x{a=\"1\"}[3m])", at: 180)
                == ["{a=\"1\"} 60"])
        #expect(
            try store.instant("ts_of_last_over_time(x{a=\"1\"}[5m])", at: 200) == ["{a=\"1\"} 180"])
    }

    @Test("the median of the distances to the median")
    func medianDeviation() throws {
        // 1 3 5 8: the median is 4, the distances are 3 1 1 4.
        #expect(
            try store.instant("mad_over_time(x{a=\"1\"}[5m])", at: 180) == ["{a=\"1\"} 2"])
        #expect(
            try store.instant("mad_over_time(x{a=\"10\"}[5m])", at: 180) == ["{a=\"10\"} NaN"])
    }

    @Test("double exponential smoothing weighs the newest and the trend")
    func smoothing() throws {
        // s: 1; then 0.5·5 + 0.5·(1 + 4) = 5; trend 0.5·4 + 0.5·4 = 4; 0.5·3 + 0.5·(5 + 4) = 6.
        #expect(
            try store.instant("double_exponential_smoothing(x{a=\"1\"}[5m], 0.5, 0.5)", at: 120)
                == ["{a=\"1\"} 6"])
        #expect(
            failure {
                _ = try store.instant("double_exponential_smoothing(x[5m], 1, 0.5)", at: 120)
            }?.message == "invalid smoothing factor. Expected: 0 < sf < 1, got: 1")
    }

    @Test("sorting by label takes numbers in names as numbers")
    func sorting() throws {
        #expect(
            try store.instant("sort_by_label(x, \"a\")", at: 0).map { $0.suffix(1) } == [
                "1", "2", "4",
            ])
        #expect(
            try store.instant("sort_by_label_desc(x, \"a\")", at: 0).map { $0.suffix(1) } == [
                "4", "2", "1",
            ])
    }

    @Test("limits take the first series, ratios complement each other")
    func limits() throws {
        #expect(try store.instant("count(limitk(2, x))", at: 0) == ["{} 2"])
        #expect(try store.instant("limitk(0, x)", at: 0) == [])
        #expect(try store.instant("count(limitk by (a) (1, x))", at: 0) == ["{} 3"])
        for ratio in ["0.3", "0.5", "0.9"] {
            let query = "count(limit_ratio(\(ratio), x) or limit_ratio(\(ratio) - 1, x))"
            #expect(try store.instant(query, at: 0) == ["{} 3"])
            #expect(
                try store.instant(
                    "limit_ratio(\(ratio), x) and limit_ratio(\(ratio) - 1, x)", at: 0) == [])
        }
        #expect(
            try store.result("limit_ratio(1.5, x)", at: 0).warnings == [
                "ratio value should be between -1 and 1, got 1.5, capping to 1 (1:13)"
            ])
    }

    @Test("several quantiles at once, told apart by a label")
    func quantiles() throws {
        let store = TestStore("h{le=1} 5\nh{le=2} 10\nh{le=+Inf} 10")
        #expect(
            try store.instant("histogram_quantiles(h, \"q\", 0.5, 1, 0.75)") == [
                "{q=\"0.5\"} 1", "{q=\"0.75\"} 1.5", "{q=\"1.0\"} 2",
            ])
    }

    @Test("the query's own bounds and step")
    func facts() throws {
        #expect(
            try store.range("vector(end() - start() + step() + range())", 60, 180, step: 30)
                == ["{} 270 270 270 270 270"])
        #expect(try store.instant("start() + step() + range()", at: 60) == ["60"])
        #expect(try store.instant("max_of(2, min_of(7, 5))") == ["5"])
    }

    @Test("durations are computed, also from the query's step and range")
    func durations() throws {
        #expect(
            try store.instant("count_over_time(x{a=\"1\"}[1m * 2 + 30s])", at: 180)
                == ["{a=\"1\"} 3"])
        #expect(
            try store.range("count_over_time(x{a=\"1\"}[step() + 1])", 120, 180, step: 60)
                == ["{a=\"1\"} 2 2"])
        #expect(try store.instant("x{a=\"1\"} offset (1m - 30s * 2)", at: 180) == ["x{a=\"1\"} 8"])
        #expect(try store.instant("sum(x{a=\"1\"} offset -1m ^ 2)", at: 60) == ["{} 9"])
        #expect(
            failure { _ = try store.instant("count_over_time(x[step()])", at: 180) }?.kind
                == .badData)
        for text in [
            "x[1m * 2]", "x[(step() + 1) / 2:max_of(1s, range())]", "x offset -step()",
            "x[5m] anchored offset 1m", "x smoothed", "a + fill (0) b",
            "a * on (x) group_left () fill_left (1) fill_right (-2) b",
        ] {
            let parsed = try PromQLEngine.parse(text)
            #expect(
                try PromQLEngine.parse(parsed.description).description == parsed.description)
        }
    }

    @Test("anchored windows begin at the sample before, smoothed ones on the line between samples")
    func edges() throws {
        let store = TestStore("c_total 0 60 120 180 240")
        // From the sample at 60 s to the one at 180 s.
        #expect(try store.instant("increase(c_total[90s] anchored)", at: 190) == ["{} 120"])
        // Exactly from 100 to 190.
        #expect(try store.instant("increase(c_total[90s] smoothed)", at: 190) == ["{} 90"])
        #expect(try store.instant("rate(c_total[90s] smoothed)", at: 190) == ["{} 1"])
        #expect(try store.instant("c_total smoothed", at: 90).map { $0.suffix(2) } == ["90"])
        #expect(
            failure { _ = try store.instant("sum_over_time(c_total[1m] anchored)", at: 90) }?
                .message
                == "anchored modifier can only be used with: changes, delta, increase, rate, resets "
                + "- not with sum_over_time")
    }

    @Test("missing partners are filled in")
    func filling() throws {
        let store = TestStore("l{a=1} 1\nl{a=2} 2\nr{a=2} 10\nr{a=3} 20")
        #expect(try store.instant("l + r") == ["{a=\"2\"} 12"])
        #expect(
            try store.instant("l + fill (0) r") == [
                "{a=\"1\"} 1", "{a=\"2\"} 12", "{a=\"3\"} 20",
            ])
        #expect(
            try store.instant("l - fill_left (5) r") == ["{a=\"2\"} -8", "{a=\"3\"} -15"])
        #expect(
            try store.instant("l - fill_right (5) r") == ["{a=\"1\"} -4", "{a=\"2\"} -8"])
        #expect(failure { _ = try store.instant("1 + fill (0) 2") }?.kind == .badData)
    }
}
