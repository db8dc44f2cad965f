import PromQL
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("Error budgets")
struct ErrorBudgetTests {
    private static let day = 86_400

    /// Requests of a route, a hundred each hour of which `bad` fail, over `hours` from `start` on.
    private func fill(_ lab: RuleLab, hours: Range<Int>, bad: (Int) -> Double) {
        var (good, failed) = (0.0, 0.0)
        for hour in hours {
            good += 100 - bad(hour)
            failed += bad(hour)
            for (code, count) in [("200", good), ("500", failed)] where code == "200" || failed > 0
            {
                lab.set("requests_total", ["code": code], count, at: Double(hour * 3_600))
            }
        }
    }

    private func budget(_ lab: RuleLab, objective: String = "99") throws -> ErrorBudget {
        var options = PromQLOptions()
        options.concurrency = 1
        let text = SLOReading.sloth(objective: objective)
        return ErrorBudget(
            of: try #require(SLOReading.read(text).objectives.first), over: lab.store,
            options: options)
    }

    private func reading(_ budget: ErrorBudget, at day: Int) throws -> ErrorBudget.Reading? {
        let readings = try budget.readings(
            at: Int64(day * Self.day) * 1_000, context: QueryContext())
        #expect(readings.count <= 1)
        return readings.first
    }

    @Test("count every event once, however busy its hour was")
    func weighted() throws {
        let lab = RuleLab()
        // A busy hour with a thousand failures in a million, among quiet ones without.
        var (good, failed) = (0.0, 0.0)
        for hour in 0...720 {
            good += hour == 300 ? 999_000 : 100
            failed += hour == 300 ? 1_000 : 0
            lab.set("requests_total", ["code": "200"], good, at: Double(hour * 3_600))
            lab.set("requests_total", ["code": "500"], failed, at: Double(hour * 3_600))
        }
        let budget = try budget(lab)
        let ratio = try #require(try reading(budget, at: 30)?.errorRatio)
        let exact = 1_000 / (good + failed - 100)
        // Rates are extrapolated to the ends of the window, counters that begin at zero a little less.
        #expect(abs(ratio / exact - 1) < 1e-3, "\(ratio) \(exact)")
        // The mean of the hours' ratios would be a thousandth of a seven hundredth.
        #expect(abs(budget.remaining(ratio) - (1 - exact / 0.01)) < 1e-4)
    }

    @Test("a page's statistics say whether it would fire, not the bare burn rates")
    func paging() throws {
        let lab = RuleLab()
        let end = 720
        fill(lab, hours: 0..<end) { _ in 0 }
        lab.set("requests_total", ["code": "500"], 0, at: Double((end - 1) * 3_600))
        lab.set("requests_total", ["code": "200"], Double(end * 100 + 2), at: Double(end * 3_600))
        lab.set("requests_total", ["code": "500"], 1, at: Double(end * 3_600))
        func paging(at hour: Int) throws -> (bare: Bool, paging: Int) {
            let budget = try budget(lab, objective: "99")
            let time = Int64(hour * 3_600_000)
            let readings = try budget.readings(at: time, context: QueryContext())
            let windows = budget.objective.windows
            let paging = try budget.paging(readings, at: time, QueryContext())
            return (readings.contains { $0.burns(windows.pageQuick) }, paging.count)
        }
        #expect(try paging(at: end).paging == 0, "one of some hundred is nothing to wake for")
        lab.set(
            "requests_total", ["code": "200"], Double(end * 100 + 50),
            at: Double(end * 3_600 + 3_600))
        lab.set("requests_total", ["code": "500"], 900, at: Double(end * 3_600 + 3_600))
        #expect(try paging(at: end + 1).paging == 1)
    }

    @Test("have a history from the moment they are asked for")
    func history() throws {
        let lab = RuleLab()
        fill(lab, hours: 0..<1_000) { $0 >= 480 && $0 < 504 ? 50 : 0 }
        let budget = try budget(lab)
        let history = try budget.history(
            from: 0, to: Int64(40 * Self.day) * 1_000, step: Int64(10 * Self.day) * 1_000,
            context: QueryContext())
        let points = try #require(history.first).points
        #expect(history.count == 1)
        #expect(points.count == 5)
        #expect(points[0].remaining == nil, "one sample tells of no event")
        #expect(points[1].remaining == 1, "no series of failures is no failure")
        // Half of a day's events, of thirty days' (some of which are before the first sample).
        let last = try #require(points[3].remaining)
        #expect(last < -0.6 && last > -0.75, "\(last)")
    }

    @Test("without events are neither full nor spent")
    func noEvents() throws {
        let lab = RuleLab()
        #expect(try reading(try budget(lab), at: 30) == nil)
        // Counters that stand still tell of no events.
        for hour in 0...720 {
            lab.set("requests_total", ["code": "200"], 5, at: Double(hour * 3_600))
        }
        let reading = try #require(try reading(try budget(lab), at: 30))
        #expect(reading.errorRatio == nil)
        #expect(reading.exhaustion(of: try budget(lab)) == nil)
        #expect(!reading.burns(try budget(lab).objective.windows.pageSlow))
    }

    @Test("burn by window, and end when they are spent at that speed")
    func burning() throws {
        let lab = RuleLab()
        for minute in stride(from: 0, through: 43_200, by: 5) {
            let isBad = minute > 43_200 - 12 * 60
            let failed = isBad ? Double(minute - 43_200 + 12 * 60) * 0.1 : 0
            lab.set(
                "requests_total", ["code": "200"], Double(minute) - failed, at: Double(minute * 60))
            lab.set("requests_total", ["code": "500"], failed, at: Double(minute * 60))
        }
        let budget = try budget(lab)
        let reading = try #require(try reading(budget, at: 30))
        let rates = Dictionary(
            reading.burnRates.map { (PromQLDuration.format(milliseconds: $0.window), $0.rate) }
        ) { $1 }
        // A tenth of all events fails, of which a hundredth may.
        #expect(abs((try #require(rates["6h"] ?? nil)) - 10) < 0.01)
        #expect(abs((try #require(rates["1d"] ?? nil)) - 5) < 0.05)
        #expect(reading.burns(budget.objective.windows.pageSlow))
        #expect(!reading.burns(budget.objective.windows.ticketSlow) || (rates["3d"] ?? 0) ?? 0 > 1)
        let left = budget.remaining(try #require(reading.errorRatio))
        #expect(abs(left - (1 - 72 / 432.0)) < 0.01, "\(left)")
        let until = try #require(reading.exhaustion(of: budget))
        #expect(abs(until - left * 30 * 86_400_000 / 10) < 1e7)
    }

    @Test("of objectives without a budget are overspent by the first failure")
    func perfect() throws {
        let lab = RuleLab()
        fill(lab, hours: 0..<720) { $0 == 100 ? 1 : 0 }
        let budget = try budget(lab, objective: "100")
        #expect(budget.remaining(0) == 1)
        #expect(budget.remaining(0.001) == -.infinity)
    }
}
