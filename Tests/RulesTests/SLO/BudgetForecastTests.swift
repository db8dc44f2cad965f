import Platform
import PromQL
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("Forecasts of budgets")
struct BudgetForecastTests {
    private static let day = 86_400_000.0

    private func forecast(bad: Double, all: Double, remaining: Double = 0.5) -> BudgetForecast {
        BudgetForecast(
            .init(bad: bad, all: all), over: 21_600_000, remaining: remaining, errorBudget: 0.01,
            period: Int64(30 * Self.day))
    }

    @Test("end when what is left is spent at the speed seen, sooner or later by chance")
    func interval() throws {
        // Twice as fast as allowed: half of the budget lasts for a quarter of the month.
        let many = forecast(bad: 2_000, all: 100_000)
        #expect(abs(try #require(many.expected) - 7.5 * Self.day) < 1)
        let early = try #require(many.earliest)
        let late = try #require(many.latest)
        #expect(early < 7.5 * Self.day && early > 7 * Self.day)
        #expect(late > 7.5 * Self.day && late < 8 * Self.day)
        let few = forecast(bad: 2, all: 100)
        #expect(try #require(few.earliest) < early)
        #expect(try #require(few.latest) > late)
    }

    @Test("without failures have no end, and may have one all the same")
    func none() {
        let good = forecast(bad: 0, all: 100)
        #expect(good.expected == nil)
        #expect(good.latest == nil)
        #expect(good.earliest != nil)
        #expect(forecast(bad: 1, all: 10, remaining: 0).expected == nil)
        #expect(forecast(bad: 0, all: 0).earliest == nil)
    }

    @Test("cover the true speed about 95 times in a hundred")
    func coverage() {
        var random = SeededGenerator(seed: 31)
        var covered = 0
        for _ in 0..<400 {
            let bad = (0..<300).reduce(0.0) { sum, _ in
                sum + (Double.random(in: 0..<1, using: &random) < 0.05 ? 1 : 0)
            }
            let found = forecast(bad: bad, all: 300)
            let truth = 0.5 * 30 * Self.day * 0.01 / 0.05
            if truth >= found.earliest ?? 0, truth <= found.latest ?? .infinity { covered += 1 }
        }
        #expect((360...396).contains(covered), "\(covered) of 400")
    }
}

@Suite("Incidents that do not count")
struct ExclusionTests {
    private let sli = """
        events:
          error_query: sum(increase(bad_total[{{.window}}]))
          total_query: sum(increase(all_total[{{.window}}]))
        """

    private func fill(_ lab: RuleLab) {
        var bad = 0.0
        for hour in 0...720 {
            if (100..<110).contains(hour) || (500..<505).contains(hour) { bad += 60 }
            lab.set("bad_total", bad, at: Double(hour * 3_600))
            lab.set("all_total", Double(hour * 100), at: Double(hour * 3_600))
        }
    }

    @Test("are taken out of the budget and of its history, overlaps once")
    func excluded() throws {
        let lab = RuleLab()
        fill(lab)
        let objective = try #require(
            SLOReading.read(SLOReading.sloth(objective: "99", sli: sli)).objectives.first)
        var budget = ErrorBudget(of: objective, over: lab.store)
        let end = Int64(720 * 3_600_000)
        func ratio() throws -> Double {
            try #require(try budget.readings(at: end, context: QueryContext()).first?.errorRatio)
        }
        #expect(abs(try ratio() - 900 / 72_000.0) < 2e-4)
        let hour: Int64 = 3_600_000
        budget.exclusions = [(90 * hour)...(105 * hour), (99 * hour)...(112 * hour)]
        #expect(abs(try ratio() - 300 / 69_800.0) < 2e-4)
        let history = try budget.history(
            from: end - 24 * hour, to: end, step: 24 * hour, context: QueryContext())
        let last = try #require(history.first?.points.last?.remaining)
        #expect(abs(last - (1 - 300 / 69_800.0 / 0.01)) < 2e-2)
        budget.exclusions.append((400 * hour)...(600 * hour))
        #expect(abs(try ratio()) < 1e-3)
    }

    @Test("cannot be taken out of a ratio")
    func ratios() throws {
        let lab = RuleLab()
        let raw = "raw:\n  error_ratio_query: avg_over_time(share[{{.window}}])"
        let objective = try #require(
            SLOReading.read(SLOReading.sloth(sli: raw)).objectives.first)
        var budget = ErrorBudget(of: objective, over: lab.store)
        budget.exclusions = [0...1]
        #expect(throws: QueryError.self) { try budget.readings(at: 1, context: QueryContext()) }
    }

    @Test("stay in the log with who made them and who took them back, over restarts")
    func log() throws {
        let files = SimulatedFileSystem(random: SystemRandom())
        try files.createDirectory("/d")
        let log = try ExclusionLog(path: "/d/log", files: files)
        let now = Timestamp(second: 50)
        let one = try log.exclude(
            "a", from: 1, to: 9, reason: "the \"net\"\nwas down", by: "eve", at: now)
        _ = try log.exclude("b", from: 2, to: 3, reason: "other", by: "bob", at: now)
        let two = try log.exclude("a", from: 5, to: 7, reason: "again", by: "eve", at: now)
        #expect([one.number, two.number] == [1, 3])
        _ = try log.revoke(3, of: "a", by: "ann", at: Timestamp(second: 60))
        #expect(throws: ExclusionLog.Failure.self) { try log.revoke(3, of: "a", by: "x", at: now) }
        #expect(throws: ExclusionLog.Failure.self) { try log.revoke(2, of: "a", by: "x", at: now) }
        for (from, to, reason, by) in [(9, 9, "r", "b"), (1, 2, "", "b"), (1, 2, "r", "")] {
            #expect(throws: ExclusionLog.Failure.self) {
                try log.exclude(
                    "a", from: Int64(from), to: Int64(to), reason: reason, by: by, at: now)
            }
        }
        let again = try ExclusionLog(path: "/d/log", files: files)
        #expect(again.all(of: "a") == log.all(of: "a"))
        #expect(again.ranges(of: "a") == [1...9])
        #expect(again.all(of: "a").last?.revokedBy == "ann")
        #expect(again.all(of: "a").first?.reason == "the \"net\"\nwas down")
    }

    @Test("survive a line that was torn, and a full disk")
    func torn() throws {
        let files = SimulatedFileSystem(random: SystemRandom())
        try files.createDirectory("/d")
        let log = try ExclusionLog(path: "/d/log", files: files)
        let now = Timestamp(second: 50)
        _ = try log.exclude("a", from: 1, to: 9, reason: "r", by: "b", at: now)
        files.inject(.init([.append], code: 28))
        #expect(throws: ExclusionLog.Failure.self) {
            try log.exclude("a", from: 2, to: 9, reason: "lost", by: "b", at: now)
        }
        #expect(log.ranges(of: "a") == [1...9])
        _ = try log.exclude("a", from: 3, to: 9, reason: "kept", by: "b", at: now)
        let file = try files.openForAppending("/d/log")
        try file.append(Array("{\"objective\":\"a\",\"by".utf8))
        try file.close()
        let again = try ExclusionLog(path: "/d/log", files: files)
        #expect(again.all(of: "a").map(\.reason) == ["r", "kept"])
        _ = try again.exclude("a", from: 4, to: 9, reason: "after", by: "b", at: now)
        let last = try ExclusionLog(path: "/d/log", files: files)
        #expect(last.all(of: "a").map(\.reason) == ["r", "kept", "after"])
    }

    @Test("in a log that is damaged are told with their line")
    func damaged() throws {
        let files = SimulatedFileSystem(random: SystemRandom())
        try files.createDirectory("/d")
        let file = try files.openForAppending("/d/log")
        try file.append(Array("{\"objective\":\"a\",\"by\":\"x\",\"at\":1}\n".utf8))
        try file.close()
        do {
            _ = try ExclusionLog(path: "/d/log", files: files)
            Issue.record("it was taken")
        } catch {
            #expect("\(error)".hasPrefix("/d/log:1: "))
        }
    }
}

@Suite("Suggested objectives")
struct SLOSuggestionTests {
    /// Five days of a request a second, of which some fail, every five minutes a sample.
    private func fill(_ lab: RuleLab, failed: (Int) -> Double) {
        var (good, bad) = (0.0, 0.0)
        for step in 0...1_440 {
            let time = Double(step * 300)
            bad += failed(step)
            good += 300 - failed(step)
            for (code, count) in [("200", good), ("503", bad)] {
                lab.set(
                    "istio_requests_total",
                    [
                        "reporter": "destination", "destination_service": "shop",
                        "response_code": code,
                    ], count, at: time)
            }
            for (le, share) in [("100", 0.9), ("250", 0.998), ("+Inf", 1)] {
                lab.set(
                    "istio_request_duration_milliseconds_bucket",
                    ["reporter": "destination", "destination_service": "shop", "le": le],
                    (good + bad) * share, at: time)
            }
            lab.set(
                "istio_request_duration_milliseconds_count",
                ["reporter": "destination", "destination_service": "shop"], good + bad, at: time)
        }
    }

    private func suggest(_ lab: RuleLab) throws -> [SLOSuggestion] {
        try SLOSuggestions(over: lab.store).suggest(
            at: 1_440 * 300_000, period: 4 * 86_400_000, limit: 5, context: QueryContext())
    }

    @Test("are the strictest that the past kept with room to spare")
    func kept() throws {
        let lab = RuleLab()
        // A failure in 4,000: half of the budget of 99.95 %.
        fill(lab) { $0 % 14 == 0 ? 1 : 0 }
        let found = try suggest(lab)
        #expect(found.map(\.kind) == [.availability, .latency])
        #expect(found.map(\.service) == ["shop", "shop"])
        #expect(found[0].objective == 99.95)
        #expect(found[0].pages == 0)
        #expect(abs(found[0].events - 345_600) < 1_000)
        #expect(found[1].latencyBound == 0.25)
        #expect(found[1].objective == 99.5)
        for suggestion in found {
            let read = SLOReading.read(suggestion.specification)
            #expect(read.mistakes.isEmpty, "\(read.mistakes)")
            #expect(read.objectives.count == 1)
        }
    }

    @Test("count the pages that they would have sent")
    func pages() throws {
        let lab = RuleLab()
        // Two outages of an hour, in which a fifth fails.
        fill(lab) { (700..<712).contains($0) || (1_000..<1_012).contains($0) ? 60 : 0 }
        let found = try #require(try suggest(lab).first { $0.kind == .availability })
        // 99 % would have been kept with room, and would have paged twice in four days.
        #expect(found.objective < 99, "\(found.objective) with \(found.pages) pages")
        #expect(found.pages <= 1 || found.objective == 95)
    }

    @Test("are none without traffic")
    func nothing() throws {
        #expect(try suggest(RuleLab()).isEmpty)
    }
}
