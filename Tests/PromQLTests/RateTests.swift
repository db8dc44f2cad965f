import Telemetry
import Testing

/// Expected values follow from Prometheus's documented extrapolation: difference plus resets, times
/// (sampled + to start + to end) / sampled, where each stretch is the full distance to the bound below
/// 1.1 average intervals and half an interval otherwise.
@Suite("rate, increase, delta and their instant forms")
struct RateTests {
    @Test("a counter that rises evenly has its slope as rate at every step")
    func evenCounter() throws {
        let store = TestStore("http_requests_total{job=\"a\"} 0+60x20")
        #expect(
            try store.range("rate(http_requests_total[5m])", 630, 750, step: 60)
                == ["{job=\"a\"} 1 1 1"])
    }

    @Test("an increase reaches to both bounds of the range")
    func increase() throws {
        // Window (300, 600]: samples 360…600, 5 of them, 240 s apart in all; 60 s to the start, 0 to the end.
        let store = TestStore("c_total 0+60x20")
        #expect(try store.instant("increase(c_total[5m])", at: 600) == ["{} 300"])
    }

    @Test("the left bound of a range is open")
    func leftOpen() throws {
        let store = TestStore("x 1 2 3 4")
        #expect(try store.instant("count_over_time(x[2m])", at: 120) == ["{} 2"])
        #expect(try store.instant("x[2m]", at: 120) == ["x 2@60 3@120"])
    }

    @Test("a reset adds what the counter had reached")
    func reset() throws {
        // Window (0, 300]: 60…300 hold 10 20 5 15 25; 25 - 10 + 20 = 35 over 240 s; 60 s to the start
        // (below 66), but zero lies 240 * 10 / 35 = 68.6 s back; so 35 * 300 / 240.
        let store = TestStore("c_total 0 10 20 5 15 25")
        #expect(try store.instant("increase(c_total[5m])", at: 300) == ["{} 43.75"])
    }

    @Test("late scrapes and another interval leave each window's rate what it is by itself")
    func irregular() throws {
        let store = TestStore()
        var batch = MetricBatch()
        let series = batch.append(Labels(["__name__": "c_total"]))
        var time: Int64 = 0
        for number in 0..<200 {
            time += number < 100 ? 15_000 : 10_000
            let delay: Int64 = number % 7 == 3 || number % 31 < 2 ? 4 : 0
            let value = Double(number * 1_000 % 37_000 + (number < 120 ? 900_000 : 3))
            batch.append(series: series, time: time + delay, value: value)
        }
        store.add(batch)
        for function in ["rate", "increase", "delta"] {
            let query = "\(function)(c_total[1m])"
            let times = stride(from: 30.0, through: 2_700, by: 15)
            let alone = try times.map { time in
                try store.instant(query, at: time).first.map { String($0.dropFirst(3)) } ?? "_"
            }
            #expect(
                try store.range(query, 30, 2_700, step: 15)
                    == ["{} " + alone.joined(separator: " ")])
        }
    }

    @Test("a counter is not extrapolated below zero")
    func zeroPoint() throws {
        // Window (0, 300]: 1 5 9 13 17 at 60…300; 16 over 240 s; zero is 240 * 1 / 16 = 15 s back.
        let store = TestStore("c_total _ 1 5 9 13 17")
        #expect(try store.instant("increase(c_total[5m])", at: 300) == ["{} 17"])
        // A gauge is: 60 s to the start.
        #expect(try store.instant("delta(c_total[5m])", at: 300) == ["{} 20"])
    }

    @Test("far from a bound the series is taken to end half an interval on")
    func farFromBounds() throws {
        // Window (0, 600]: samples at 240, 300, 360; 120 s sampled; 240 to both bounds, so 30 each.
        let store = TestStore("g _ _ _ _ 10 20 30")
        #expect(try store.instant("delta(g[10m])", at: 600) == ["{} 30"])
    }

    @Test("one sample gives no rate")
    func oneSample() throws {
        let store = TestStore("c_total 5")
        #expect(try store.instant("rate(c_total[5m])", at: 60).isEmpty)
    }

    @Test("irate and idelta look at the last two samples")
    func instantForms() throws {
        let store = TestStore("c 0 10 30 6")
        #expect(try store.instant("irate(c[5m])", at: 120) == ["{} \(TestStore.text(20.0 / 60))"])
        #expect(try store.instant("irate(c[5m])", at: 180) == ["{} 0.1"])
        #expect(try store.instant("idelta(c[5m])", at: 180) == ["{} -24"])
    }

    @Test("resets and changes count")
    func transitions() throws {
        let store = TestStore("c 1 2 2 1 NaN NaN 0 5")
        #expect(try store.instant("resets(c[10m])", at: 480) == ["{} 1"])
        #expect(try store.instant("changes(c[10m])", at: 480) == ["{} 5"])
    }

    @Test("a stale marker is no sample of a range")
    func staleInRange() throws {
        let store = TestStore("c 1 2 stale 4")
        #expect(try store.instant("count_over_time(c[10m])", at: 180) == ["{} 3"])
        #expect(try store.instant("sum_over_time(c[10m])", at: 180) == ["{} 7"])
    }
}
