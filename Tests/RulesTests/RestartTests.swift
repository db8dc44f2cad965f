import Platform
import Rules
import Store
import Telemetry
import Testing

/// New evaluators on an old catalog.
@Suite struct RestartTests {
    static let rule = "- alert: Busy\n  expr: load > 0\n  for: 2m"
    static let alert = "{alertname=\"Busy\"}"

    @Test("a pending alert goes on waiting where it was")
    func pending() throws {
        let lab = RuleLab()
        lab.set("load", 1, at: 0)
        var first = try lab.group(Self.rule)
        first.evaluate(at: 0)
        first.evaluate(at: 60)
        var second = try lab.group(Self.rule, at: 90)
        second.evaluate(at: 90)
        #expect(second.state == "pending")
        second.evaluate(at: 120)
        #expect(second.state == "firing")
    }

    @Test(
        "time in which nothing was evaluated is no time that the expression held",
        arguments: [(300.0, 359.0, 360.0), (7_200, 7_319, 7_320)])
    func downtime(start: Double, before: Double, end: Double) throws {
        let lab = RuleLab()
        lab.set("load", 1, at: 0)
        var first = try lab.group(Self.rule)
        first.evaluate(at: 0)
        lab.set("load", 1, at: start)
        var second = try lab.group(Self.rule, at: start)
        second.evaluate(at: start)
        #expect(second.state == "pending")
        second.evaluate(at: before)
        #expect(second.state == "pending")
        lab.set("load", 1, at: end)
        second.evaluate(at: end)
        #expect(second.state == "firing")
    }

    @Test("a firing alert is neither forgotten nor told twice")
    func firing() throws {
        let lab = RuleLab()
        lab.set("load", 1, at: 0)
        var first = try lab.group(Self.rule)
        first.evaluate(at: 0)
        first.evaluate(at: 120)
        var second = try lab.group(Self.rule, at: 140)
        second.evaluate(at: 140)
        #expect(second.state == "firing")
        #expect(try lab.told() == ["120 firing \(Self.alert)120-"])
        lab.set("load", 0, at: 150)
        second.evaluate(at: 150)
        #expect(try lab.told().last == "150 resolved \(Self.alert)120-150")
        // The series of the old evaluator is ended by the new one.
        #expect(try lab.query("ALERTS", at: 150).isEmpty)
    }

    @Test("an alert that ended while nothing ran is resolved by the first evaluation")
    func endedMeanwhile() throws {
        let lab = RuleLab()
        lab.set("load", 1, at: 0)
        var first = try lab.group("- alert: Busy\n  expr: load > 0")
        first.evaluate(at: 0)
        lab.set("load", 0, at: 3_000)
        var second = try lab.group("- alert: Busy\n  expr: load > 0", at: 3_000)
        second.evaluate(at: 3_000)
        #expect(try lab.told().last == "3000 resolved \(Self.alert)0-3000")
    }

    @Test("keep_firing_for survives")
    func keepFiring() throws {
        let lab = RuleLab()
        let rule = "- alert: Busy\n  expr: load > 0\n  keep_firing_for: 2m"
        lab.set("load", 1, at: 0)
        var first = try lab.group(rule)
        first.evaluate(at: 0)
        lab.set("load", 0, at: 30)
        first.evaluate(at: 30)
        var second = try lab.group(rule, at: 60)
        second.evaluate(at: 149)
        #expect(second.state == "firing")
        second.evaluate(at: 150)
        #expect(second.state == "inactive")
    }

    @Test("alerts of a rule that is gone are ended and told as resolved")
    func removedRule() throws {
        let lab = RuleLab()
        lab.set("load", 1, at: 0)
        var first = try lab.group("- alert: Busy\n  expr: load > 0")
        first.evaluate(at: 0)
        var second = try lab.group("- alert: Other\n  expr: load > 5", at: 60)
        second.evaluate(at: 60)
        #expect(
            try lab.told() == ["0 firing \(Self.alert)0-", "60 resolved \(Self.alert)0-60"])
        #expect(
            try lab.store.alerts(group: RuleGroupKey(file: "rules.yml", name: "g")).isEmpty)
        #expect(try lab.history() == ["0 inactive>firing", "60 firing>resolved"])
    }

    @Test("of two rules of one name each gets its own alerts back")
    func sameName() throws {
        let lab = RuleLab()
        let rules = """
            - alert: Busy
              expr: load > 0
              for: 1h
              labels: {severity: page}
            - alert: Busy
              expr: load > 0
              labels: {severity: ticket}
            """
        lab.set("load", 1, at: 0)
        var first = try lab.group(rules)
        first.evaluate(at: 0)
        var second = try lab.group(rules, at: 30)
        second.evaluate(at: 30)
        #expect(second.status.rules.map(\.state) == ["pending", "firing"])
        #expect(try lab.history() == ["0 inactive>pending", "0 inactive>firing"])
    }

    @Test("what the catalog did not take has not happened, and happens with the next evaluation")
    func catalogRefuses() throws {
        let lab = RuleLab()
        lab.set("load", 1, at: 0)
        var evaluator = try lab.group("- alert: Busy\n  expr: load > 0")
        lab.catalog.breakDown(true)
        let outcome = evaluator.evaluate(at: 0)
        #expect(outcome.failures.count == 1)
        #expect(evaluator.state == "inactive")
        #expect(lab.events.count("sidelight_alert_state_failures_total") == 1)
        lab.catalog.breakDown(false)
        evaluator.evaluate(at: 60)
        #expect(evaluator.state == "firing")
        #expect(try lab.told() == ["60 firing \(Self.alert)60-"])
    }
}
