import PromQL
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("Alerts on burn rates")
struct BurnConditionTests {
    private typealias Counts = [String: (bad: Double, all: Double)]

    private func condition(
        _ objective: String = "99.9", isPage: Bool = true
    ) throws -> BurnCondition {
        let text = SLOReading.sloth(objective: objective)
        let read = try #require(SLOReading.read(text).objectives.first)
        return try #require(read.burnCondition(isPage: isPage))
    }

    /// Whether the alert holds with these events by window; windows that are not named have none.
    private func holds(_ condition: BurnCondition, _ counts: Counts) throws -> Bool {
        var windows = WindowCounts { window in
            let name = PromQLDuration.format(milliseconds: window)
            return counts[name].map { [.empty: EventCounter.Count(bad: $0.bad, all: $0.all)] }
                ?? [:]
        }
        return try !condition.holds(&windows).isEmpty
    }

    @Test("one failure in a quiet hour wakes nobody, two of ten do")
    func quiet() throws {
        let page = try condition()
        let quiet: Counts = [
            "5m": (1, 1), "1h": (1, 10), "30m": (1, 5), "6h": (1, 60), "30d": (1, 900),
        ]
        #expect(try !holds(page, quiet))
        let worse: Counts = ["5m": (1, 1), "1h": (2, 10), "30d": (2, 900)]
        #expect(try holds(page, worse))
    }

    @Test("an outage of a service that is hardly used wakes somebody")
    func outage() throws {
        // A request every two hours; all of six hours fail, and the last half hour had none.
        let counts: Counts = ["6h": (3, 3), "30d": (3, 360)]
        #expect(try holds(try condition(), counts))
    }

    @Test("a short window without events leaves the verdict to the next longer one")
    func widened() throws {
        let page = try condition("99")
        let bad: Counts = ["30m": (20, 20), "1h": (30, 40), "30d": (30, 9_000)]
        #expect(try holds(page, bad))
        let over: Counts = ["30m": (0, 20), "1h": (30, 40), "30d": (30, 9_000)]
        #expect(try !holds(page, over), "it was over half an hour ago")
    }

    @Test("what costs less than a fiftieth of the budget wakes nobody")
    func share() throws {
        let page = try condition("99")
        var counts: Counts = ["5m": (20, 20), "1h": (30, 40), "30d": (30, 1_000_000)]
        #expect(try !holds(page, counts), "30 of 10,000 that are allowed")
        counts["30d"] = (30, 100_000)
        #expect(try holds(page, counts))
    }

    @Test("no events are neither good nor bad")
    func nothing() throws {
        for isPage in [true, false] {
            #expect(try !holds(try condition(isPage: isPage), [:]))
        }
    }

    @Test("loss that is slow and certain becomes a ticket")
    func slow() throws {
        let ticket = try condition(isPage: false)
        // Twice the budget over the month, never more than three times in a day.
        let lost: Counts = ["1d": (2, 1_000), "3d": (6, 3_000), "30d": (60, 30_000)]
        #expect(try holds(ticket, lost))
        let over: Counts = ["1d": (0, 1_000), "3d": (0, 3_000), "30d": (60, 30_000)]
        #expect(try !holds(ticket, over), "it does not go on")
        let maybe: Counts = ["1d": (0, 1_000), "3d": (4, 3_000), "30d": (31, 30_000)]
        #expect(try !holds(ticket, maybe), "31 of 30 that are allowed may be an accident")
    }

    @Test("random counts are judged as the definition says")
    func property() throws {
        var random = SeededGenerator(seed: 11)
        let objective = try #require(
            SLOReading.read(SLOReading.sloth(objective: "99")).objectives.first)
        let page = try #require(objective.burnCondition(isPage: true))
        let windows = objective.windows
        var held = 0
        for _ in 0..<600 {
            var counts: [Int64: (bad: Int, all: Int)] = [:]
            for window in windows.lengths + [windows.period] {
                let all = Int.random(in: 0...80, using: &random)
                counts[window] = (Int.random(in: 0...all, using: &random) / 3, all)
            }
            let expected = [windows.pageQuick, windows.pageSlow].contains { pair in
                naive(pair, counts, windows, budget: objective.errorBudget)
            }
            var found = WindowCounts { window in
                guard let count = counts[window], count.all > 0 else { return [:] }
                return [
                    .empty: EventCounter.Count(bad: Double(count.bad), all: Double(count.all))
                ]
            }
            #expect(try !page.holds(&found).isEmpty == expected, "\(counts)")
            held += expected ? 1 : 0
        }
        #expect(held > 50 && held < 550, "\(held) of 600 hold: the cases are worth little")
    }

    private func naive(
        _ pair: AlertWindows.Pair, _ counts: [Int64: (bad: Int, all: Int)], _ windows: AlertWindows,
        budget: Double
    ) -> Bool {
        let allowed = pair.factor * budget
        guard let long = counts[pair.long], long.all > 0,
            Double(long.bad) / Double(long.all) > allowed,
            naiveTail(long.bad, of: long.all, share: allowed) < 0.01
        else { return false }
        let shorter = windows.lengths.first { window in
            window >= pair.short && window < pair.long && (counts[window]?.all ?? 0) > 0
        }
        if let shorter, let count = counts[shorter],
            Double(count.bad) / Double(count.all) <= allowed
        {
            return false
        }
        guard let whole = counts[windows.period], whole.all > 0 else { return true }
        return Double(long.bad) >= 0.02 * budget * Double(whole.all)
    }

    @Test("counts come from rates and increases alike")
    func units() throws {
        for function in ["rate", "increase"] {
            let lab = RuleLab()
            let sli = """
                events:
                  error_query: sum(\(function)(bad_total[{{.window}}])) or vector(0)
                  total_query: sum(\(function)(all_total[{{.window}}]))
                """
            let read = SLOReading.read(SLOReading.sloth(objective: "99", sli: sli))
            let objective = try #require(read.objectives.first, "\(read.mistakes)")
            let condition = try #require(objective.burnCondition(isPage: true))
            for minute in 0...120 {
                lab.set("all_total", Double(minute), at: Double(minute * 60))
                lab.set("bad_total", Double(max(0, minute - 90)), at: Double(minute * 60))
            }
            func holds(at minute: Int) throws -> Bool {
                try holds(at: minute, without: [])
            }
            func holds(at minute: Int, without exclusions: [ClosedRange<Int64>]) throws -> Bool {
                try !condition.result(
                    at: Int64(minute) * 60_000, without: exclusions, store: lab.store,
                    options: PromQLOptions(), context: QueryContext()
                ).isEmpty
            }
            #expect(try !holds(at: 90))
            #expect(try !holds(at: 92), "one of sixty")
            #expect(try holds(at: 110))
            #expect(try !holds(at: 110, without: [5_400_000...6_600_000]), "an incident excluded")
            #expect(try holds(at: 110, without: [0...4_200_000]), "another time excluded")
        }
    }

    @Test("a ratio without counts is alerted on as it is")
    func raw() throws {
        let sli = "raw:\n  error_ratio_query: avg_over_time(share[{{.window}}])"
        let objective = try #require(
            SLOReading.read(SLOReading.sloth(sli: sli)).objectives.first)
        #expect(objective.burnCondition(isPage: true) == nil)
    }
}
