import PromQL
import QueryCore
import Rules
import Store
import Telemetry
import Testing

@Suite("OpenSLO's alert policies, calendars and composites")
struct OpenSLOPolicyTests {
    private static let objects = """

        ---
        apiVersion: openslo/v1
        kind: AlertPolicy
        metadata: {name: fast}
        spec:
          description: burns fast
          alertWhenNoData: true
          conditions: [{conditionRef: hour}]
          notificationTargets: [{targetRef: oncall}]
        ---
        apiVersion: openslo/v1
        kind: AlertCondition
        metadata: {name: hour}
        spec:
          severity: page
          condition: {kind: burnrate, op: gt, threshold: 2, lookbackWindow: 1h, alertAfter: 5m}
        ---
        apiVersion: openslo/v1
        kind: AlertNotificationTarget
        metadata: {name: oncall}
        spec: {target: pager}
        """

    private static let indicator = """
        ratioMetric:
          bad: \(SLOReading.source("bad_total"))
          total: \(SLOReading.source("all_total"))
        """

    private func policies(_ change: (String) -> String = { $0 }) -> SLOFiles {
        SLOReading.read(
            SLOReading.openSLO(indicator: Self.indicator, more: "  alertPolicies: [fast]")
                + change(Self.objects))
    }

    @Test("a condition on a burn rate becomes an alert with its targets as a label")
    func alerts() throws {
        let read = policies()
        let objective = try #require(read.objectives.first, "\(read.mistakes)")
        #expect(objective.extraAlerts.map(\.name) == ["fast hour", "fast no data"])
        let alert = objective.extraAlerts[0]
        #expect(alert.expression.hasSuffix(" > (2 * 0.01)"), "\(alert.expression)")
        #expect(alert.holdDuration == 300_000)
        #expect(alert.labels["severity"] == "page")
        #expect(alert.labels["notification_targets"] == "oncall")
        #expect(alert.annotations == ["description": "burns fast"])
        let groups = SlothRules(version: "test").groups(of: objective)
        let text = RuleFileText(groups, comment: "test").text
        #expect(try RuleFile.parse(text, path: "made.yml").groups.count == groups.count)
    }

    @Test(
        "what a policy cannot mean is refused, with its line",
        arguments: [
            ("threshold: 2", "threshold: 200", "could never fire"),
            ("kind: burnrate", "kind: latency", "kind must be burnrate"),
            ("conditionRef: hour", "conditionRef: day", "no AlertCondition named"),
            ("targetRef: oncall", "targetRef: nobody", "no AlertNotificationTarget named"),
            ("op: gt", "op: eq", "op must be"),
            ("alertWhenNoData: true", "alertWhenResolved: maybe", "true or false"),
            ("severity: page", "severety: page", "unknown key \"severety\""),
            ("lookbackWindow: 1h", "lookbackWindow: soon", "must be a duration"),
        ])
    func refusals(old: String, new: String, says: String) {
        let read = policies { $0.replacing(old, with: new) }
        #expect(read.mistakes.count == 1, "\(read.mistakes)")
        #expect(read.mistakes.first?.reason.contains(says) == true, "\(read.mistakes)")
        #expect((read.mistakes.first?.line ?? 0) > 0)
    }

    private static func calendar(_ duration: String, _ start: String, _ zone: String) -> String {
        SLOReading.openSLO(indicator: indicator).replacing(
            "{duration: 28d, isRolling: true}",
            with: "{duration: \(duration), isRolling: false, "
                + "calendar: {startTime: \"\(start)\", timeZone: \(zone)}}")
    }

    @Test("months begin at a place's midnight, whatever clocks do in between")
    func months() throws {
        let text = Self.calendar("1M", "2026-01-31 00:00:00", "Europe/Berlin")
        let read = SLOReading.read(text)
        let window = try #require(read.objectives.first?.calendar, "\(read.mistakes)")
        func beginning(_ text: String) throws -> String {
            let time = try #require(RFC3339.parse(text))
            return RFC3339.string(Timestamp(milliseconds: window.beginning(at: time.milliseconds)))
        }
        #expect(try beginning("2026-02-10T00:00:00Z") == "2026-01-30T23:00:00Z")
        #expect(try beginning("2026-02-28T12:00:00Z") == "2026-02-27T23:00:00Z")
        // A month counted from the first does not drift to the 28th, and summer time begins on March 29.
        #expect(try beginning("2026-04-01T00:00:00Z") == "2026-03-30T22:00:00Z")
        #expect(try beginning("2025-04-01T00:00:00Z") == "2026-01-30T23:00:00Z")
    }

    @Test("any period of four days and more rolls, with windows of the same shares")
    func rolling() throws {
        for duration in ["1w", "2w", "90d"] {
            let text = SLOReading.openSLO(
                indicator: """
                    ratioMetric:
                      counter: true
                      bad: \(SLOReading.source("bad_total"))
                      total: \(SLOReading.source("requests_total"))
                    """
            ).replacing("28d", with: duration)
            let read = SLOReading.read(text)
            #expect(read.mistakes.isEmpty, "\(read.mistakes)")
            let windows = try #require(read.objectives.first?.windows)
            #expect(windows == AlertWindows.workbook(period: windows.period))
            #expect(windows.pageQuick.long < windows.period)
        }
    }

    @Test("every period contains its time and begins where the last one ended")
    func periods() throws {
        var random = SeededGenerator(seed: 17)
        for duration in ["1w", "1M", "2M", "1Q", "1Y", "14d"] {
            let text = Self.calendar(duration, "2020-01-01 00:00:00", "America/New_York")
            let window = try #require(SLOReading.read(text).objectives.first?.calendar)
            for _ in 0..<50 {
                let time = Int64.random(in: 1_640_000_000_000...2_200_000_000_000, using: &random)
                let begin = window.beginning(at: time)
                #expect(begin <= time && time - begin <= window.nominal * 11 / 10 + 90_000_000)
                #expect(window.beginning(at: begin) == begin)
                #expect(window.beginning(at: begin - 1) < begin)
            }
        }
    }

    @Test("a calendar's budget is full again when a period begins")
    func renewed() throws {
        let lab = RuleLab()
        for hour in 0...1_440 {
            lab.set("all_total", Double(hour * 100), at: Double(hour * 3_600))
            lab.set("bad_total", Double(min(hour, 700)), at: Double(hour * 3_600))
        }
        let text = Self.calendar("1M", "1970-01-01 00:00:00", "UTC")
        let objective = try #require(SLOReading.read(text).objectives.first)
        let budget = ErrorBudget(of: objective, over: lab.store)
        func remaining(_ hour: Int64) throws -> Double? {
            try budget.readings(at: hour * 3_600_000, context: QueryContext())
                .first?.errorRatio.map { budget.remaining($0) }
        }
        #expect(abs(try #require(try remaining(720))) < 0.05, "all of it is spent")
        // January has 744 hours.
        #expect(try remaining(800) == 1)
        let history = try budget.history(
            from: 740 * 3_600_000, to: 800 * 3_600_000, step: 20 * 3_600_000,
            context: QueryContext())
        let points = try #require(history.first).points.compactMap(\.remaining)
        #expect(points.first.map { $0 < 0.1 } == true && points.last == 1, "\(points)")
    }

    @Test(
        "calendars that are none are refused",
        arguments: [
            ("1M", "2026-02-30 00:00:00", "UTC", "startTime must be"),
            ("1M", "soon", "UTC", "startTime must be"),
            ("1M", "2026-01-01 00:00:00", "Mars/Olympus", "timeZone a place"),
            ("1X", "2026-01-01 00:00:00", "UTC", "one of m, h, d"),
            ("1h", "2026-01-01 00:00:00", "UTC", "four days at least"),
        ])
    func wrong(duration: String, start: String, zone: String, says: String) {
        let mistakes = SLOReading.mistakes(Self.calendar(duration, start, zone))
        #expect(mistakes.count == 1, "\(mistakes)")
        #expect(mistakes.first?.contains(says) == true, "\(mistakes)")
    }

    @Test("a composite burns at the weighted mean of its parts")
    func composite() throws {
        func part(_ name: String, _ target: String, _ weight: Int) -> String {
            let bad = SLOReading.source("\(name)_bad_total")
            let total = SLOReading.source("\(name)_total")
            return
                "{target: \(target), compositeWeight: \(weight), indicator: {metadata: {name: x}, "
                + "spec: {ratioMetric: {bad: \(bad), total: \(total)}}}}"
        }
        let text = """
            apiVersion: openslo/v1
            kind: SLO
            metadata: {name: both}
            spec:
              service: shop
              timeWindow: [{duration: 30d, isRolling: true}]
              budgetingMethod: Occurrences
              objectives:
                - \(part("a", "0.99", 3))
                - \(part("b", "0.9", 1))
            """
        let read = SLOReading.read(text)
        #expect(read.mistakes.isEmpty, "\(read.mistakes)")
        #expect(read.objectives.map(\.id) == ["shop-both-0", "shop-both-1", "shop-both-composite"])
        let lab = RuleLab()
        for hour in 0...720 {
            let time = Double(hour * 3_600)
            lab.set("a_total", Double(hour * 1_000), at: time)
            lab.set("a_bad_total", Double(hour * 20), at: time)
            lab.set("b_total", Double(hour * 1_000), at: time)
            lab.set("b_bad_total", Double(hour * 50), at: time)
        }
        let composite = read.objectives[2]
        let budget = ErrorBudget(of: composite, over: lab.store)
        let reading = try #require(
            try budget.readings(at: 720 * 3_600_000, context: QueryContext()).first)
        let rate = try #require(reading.errorRatio) / composite.errorBudget
        // Burn rates 2 and 0.5, three to one.
        #expect(abs(rate - 1.625) < 0.01, "\(rate)")
        #expect(abs(composite.errorBudget - 0.0325) < 1e-9)
    }
}
