import PromQL
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("What counters hold when they appear")
struct FirstSampleTests {
    private static let hour = 3_600.0

    /// The share of bad events over 30 days, three hours after the first sample.
    private func share(_ lab: RuleLab, at hours: Double = 3) throws -> Double? {
        var options = PromQLOptions()
        options.concurrency = 1
        let objective = try #require(
            SLOReading.read(SLOReading.sloth(objective: "99")).objectives.first)
        let budget = ErrorBudget(of: objective, over: lab.store, options: options)
        let readings = try budget.readings(
            at: Int64(hours * Self.hour * 1_000), context: QueryContext())
        #expect(readings.count <= 1)
        return readings.first?.errorRatio
    }

    /// Ten good requests a minute, told twice a minute.
    private func good(
        _ lab: RuleLab, _ labels: KeyValuePairs<String, String>, minutes: Range<Double>,
        from first: Double = 0, of name: String = "requests_total"
    ) {
        for minute in stride(from: minutes.lowerBound, to: minutes.upperBound, by: 0.5) {
            lab.set(name, labels, first + 10 * minute, at: minute * 60)
        }
    }

    private func bad(
        _ lab: RuleLab, _ labels: KeyValuePairs<String, String> = ["code": "500"],
        _ value: Double = 30, minutes: Range<Double> = 120..<180.5
    ) {
        for minute in stride(from: minutes.lowerBound, to: minutes.upperBound, by: 0.5) {
            lab.set("requests_total", labels, value, at: minute * 60)
        }
    }

    @Test("count as events where others of the target were there before and go on")
    func appearing() throws {
        let lab = RuleLab()
        good(lab, ["code": "200"], minutes: 0..<180.5)
        bad(lab)
        let found = try #require(try share(lab))
        #expect(abs(found - 30.0 / 1_830) < 2e-4, "\(found)")
    }

    @Test("count once, and in windows that hold the moment only")
    func windows() throws {
        let lab = RuleLab()
        good(lab, ["code": "200"], minutes: 0..<180.5)
        bad(lab)
        let objective = try #require(SLOReading.read(SLOReading.sloth()).objectives.first)
        let counter = try #require(objective.burnCondition(isPage: false))
        // The slow window of tickets is three days, the quick one of pages an hour.
        for (minutes, isHeld) in [(121.0, true), (150.0, true)] {
            let held = try counter.result(
                at: Int64(minutes * 60_000), without: [], store: lab.store,
                options: PromQLOptions(), context: QueryContext())
            #expect(held.isEmpty != isHeld, "\(minutes)")
        }
        let budget = ErrorBudget(of: objective, over: lab.store)
        let reading = try #require(
            try budget.readings(at: 180 * 60_000, context: QueryContext()).first)
        let rates = reading.burnRates.filter { $0.window <= 1_800_000 }
        #expect(!rates.isEmpty)
        #expect(rates.allSatisfy { $0.rate == 0 }, "\(rates)")
    }

    @Test("count with history and backtests as well")
    func history() throws {
        let lab = RuleLab()
        good(lab, ["code": "200"], minutes: 0..<180.5)
        bad(lab)
        let objective = try #require(
            SLOReading.read(SLOReading.sloth(objective: "99")).objectives.first)
        let history = try ErrorBudget(of: objective, over: lab.store).history(
            from: 0, to: 10_800_000, step: 600_000, context: QueryContext())
        let points = try #require(history.first).points
        #expect(points.filter { $0.time < 7_200_000 }.allSatisfy { ($0.remaining ?? 1) == 1 })
        let last = try #require(points.last?.remaining)
        #expect(abs(last - (1 - 30.0 / 1_830 / 0.01)) < 0.03, "\(last)")
    }

    @Test("do not count where the whole target is new: its total may be of years")
    func newTarget() throws {
        let lab = RuleLab()
        good(lab, ["code": "200", "instance": "old"], minutes: 0..<180.5)
        good(lab, ["code": "200", "instance": "new"], minutes: 120..<180.5, from: 1e9)
        bad(lab, ["code": "500", "instance": "new"], 5e8)
        // What comes a moment later than the rest of its target is not new either.
        bad(lab, ["code": "503", "instance": "new"], 5e8, minutes: 121..<180.5)
        #expect(try share(lab) == 0)
    }

    @Test("do not count where a series goes on under other labels")
    func relabelled() throws {
        let lab = RuleLab()
        good(lab, ["code": "200"], minutes: 0..<180.5)
        bad(lab, ["code": "500"], 0, minutes: 0..<1)
        bad(lab, ["code": "500", "zone": "a"], 700, minutes: 1..<120)
        bad(lab, ["code": "500", "zone": "b"], 700)
        #expect(try share(lab) == 0)
    }

    @Test(
        "do not count where a replica begins to write what another one writes",
        arguments: [true, false])
    func replica(isWatched: Bool) throws {
        let lab = RuleLab()
        for (replica, from) in [("a", 0.0), ("b", 120.0)] {
            let target: KeyValuePairs = ["job": "j", "instance": "i", "replica": replica]
            if isWatched {
                for minute in stride(from: from, to: 180.5, by: 0.5) {
                    lab.set("up", target, 1, at: minute * 60)
                }
            }
            good(lab, labels(target, code: "200"), minutes: from..<180.5, from: 5e7)
            bad(lab, labels(target, code: "500"), 5e7, minutes: from..<180.5)
        }
        // Without `up` nothing tells the replica's series from others of the target.
        #expect((try share(lab) == 0) == isWatched)
    }

    @Test("count where `up` with the series' own labels was there before")
    func watched() throws {
        let lab = RuleLab()
        let target: KeyValuePairs = ["job": "j", "instance": "i", "replica": "a"]
        for minute in stride(from: 0, to: 180.5, by: 0.5) {
            lab.set("up", target, 1, at: minute * 60)
        }
        good(lab, labels(target, code: "200"), minutes: 0..<180.5)
        bad(lab, labels(target, code: "500"))
        let found = try #require(try share(lab))
        #expect(abs(found - 30.0 / 1_830) < 2e-4, "\(found)")
    }

    private func labels(
        _ target: KeyValuePairs<String, String>, code: String
    ) -> KeyValuePairs<String, String> {
        [
            "job": target[0].value, "instance": target[1].value, "replica": target[2].value,
            "code": code,
        ]
    }

    @Test("do not count where the series was there before the window")
    func known() throws {
        let lab = RuleLab()
        good(lab, ["code": "200"], minutes: 0..<180.5)
        bad(lab, minutes: 0..<1)
        bad(lab)
        let objective = try #require(SLOReading.read(SLOReading.sloth()).objectives.first)
        let reading = try #require(
            try ErrorBudget(of: objective, over: lab.store).readings(
                at: 150 * 60_000, context: QueryContext()
            ).first)
        #expect(reading.burnRates.first { $0.window == 3_600_000 }?.rate == 0)
    }

    @Test("count where a start timestamp says that all of it is of the window")
    func started() throws {
        for (start, expected) in [(119.5, 30.0 / 1_830), (-60 * 24 * 40, 0)] {
            let lab = RuleLab()
            good(lab, ["code": "200", "instance": "old"], minutes: 0..<180.5)
            bad(lab, ["code": "500", "instance": "new"])
            var batch = MetricBatch()
            let series = batch.append(
                Labels([
                    Labels.metricName: "requests_total", "code": "500", "instance": "new",
                ]))
            batch.starts.append(
                SeriesStart(
                    series: UInt32(series), time: Int64(start * 60_000),
                    firstSampleTime: 7_200_000))
            lab.store.append(metrics: batch, digest: nil) { _ in }
            let found = try #require(try share(lab))
            #expect(abs(found - expected) < 2e-4, "\(found)")
        }
    }

    @Test("PromQL itself counts as Prometheus does")
    func plain() throws {
        let lab = RuleLab()
        good(lab, ["code": "200"], minutes: 0..<180.5)
        bad(lab)
        #expect(
            try lab.query("increase(requests_total{code=\"500\"}[2h])", at: 10_800) == [
                "{code=\"500\"} 0"
            ])
    }

    @Test("events are known since the hour of the first, not the day")
    func coverage() throws {
        let lab = RuleLab()
        let first = 50.4
        good(lab, ["code": "200"], minutes: (first * 60)..<(60 * 80))
        let objective = try #require(SLOReading.read(SLOReading.sloth()).objectives.first)
        let since = try #require(
            try ErrorBudget(of: objective, over: lab.store).coverage(
                at: Int64(79 * Self.hour) * 1_000, context: QueryContext()))
        let hours = Double(since) / 3_600_000
        #expect(hours <= first && hours > first - 1.1, "\(hours)")
    }
}
