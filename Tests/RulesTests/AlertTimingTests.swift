import Rules
import Store
import Telemetry
import Testing

/// Alerts over time: a value a minute, the state after each evaluation.
@Suite struct AlertTimingTests {
    static let rule = """
        - alert: Busy
          expr: load > 0
        """

    /// States after each minute of `values`; `nil` is a series that has vanished.
    func states(
        _ values: [Double?], _ options: String, lab: RuleLab = RuleLab(), interval: Double = 60
    ) throws -> [String] {
        var evaluator = try lab.group(Self.rule + options)
        return values.enumerated().map { index, value in
            let time = Double(index) * interval
            lab.set("load", ["host": "a"], value ?? Sample.staleMarker, at: time)
            evaluator.evaluate(at: time)
            return evaluator.state
        }
    }

    @Test("an alert fires once its expression has held for as long as `for` says")
    func hold() throws {
        #expect(
            try states([1, 1, 1, 1], "\n  for: 2m") == ["pending", "pending", "firing", "firing"])
    }

    @Test("without `for` an alert fires at once")
    func immediate() throws {
        let lab = RuleLab()
        #expect(try states([1], "", lab: lab) == ["firing"])
        #expect(try lab.history() == ["0 inactive>firing"])
    }

    @Test("a pause of one evaluation starts the wait anew")
    func flapping() throws {
        let lab = RuleLab()
        #expect(
            try states([1, 1, 0, 1, 1, 1], "\n  for: 2m", lab: lab)
                == ["pending", "pending", "inactive", "pending", "pending", "firing"])
        #expect(
            try lab.history() == [
                "0 inactive>pending", "120 pending>inactive", "180 inactive>pending",
                "300 pending>firing",
            ])
        #expect(try lab.told().count == 1)
    }

    @Test("a series that vanishes ends its alert")
    func vanished() throws {
        #expect(try states([1, nil], "") == ["firing", "inactive"])
    }

    @Test("keep_firing_for holds an alert from the first evaluation without it")
    func keepFiring() throws {
        let lab = RuleLab()
        #expect(
            try states([1, 0, 0, 0, 0], "\n  keep_firing_for: 2m", lab: lab)
                == ["firing", "firing", "firing", "inactive", "inactive"])
        #expect(try lab.told().last == "180 resolved {alertname=\"Busy\", host=\"a\"}0-180")
    }

    @Test("keep_firing_for begins anew when the expression holds in between")
    func keepFiringAgain() throws {
        #expect(
            try states([1, 0, 1, 0, 0, 0], "\n  keep_firing_for: 2m")
                == ["firing", "firing", "firing", "firing", "firing", "inactive"])
    }

    @Test("keep_firing_for does not keep what is only pending")
    func keepPending() throws {
        #expect(
            try states([1, 0], "\n  for: 5m\n  keep_firing_for: 5m") == ["pending", "inactive"])
    }

    @Test("a firing alert is told again after the resend time, a resolved one once")
    func resend() throws {
        let lab = RuleLab()
        _ = try states([1, 1, 1, 1, 0, 0, 0], "", lab: lab, interval: 30)
        let alert = "{alertname=\"Busy\", host=\"a\"}"
        #expect(
            try lab.told() == [
                "0 firing \(alert)0-", "60 firing \(alert)0-", "120 resolved \(alert)0-120",
            ])
    }

    @Test("a resolved alert is kept for fifteen minutes")
    func retention() throws {
        let lab = RuleLab()
        var evaluator = try lab.group(Self.rule)
        let key = RuleGroupKey(file: "rules.yml", name: "g")
        lab.set("load", 1, at: 0)
        evaluator.evaluate(at: 0)
        lab.set("load", 0, at: 60)
        evaluator.evaluate(at: 60)
        evaluator.evaluate(at: 960)
        #expect(try lab.store.alerts(group: key).map(\.state.name) == ["resolved"])
        evaluator.evaluate(at: 961)
        #expect(try lab.store.alerts(group: key).isEmpty)
    }

    @Test("an alert that comes back is a new one")
    func again() throws {
        let lab = RuleLab()
        _ = try states([1, 0, 1], "", lab: lab)
        #expect(
            try lab.told() == [
                "0 firing {alertname=\"Busy\", host=\"a\"}0-",
                "60 resolved {alertname=\"Busy\", host=\"a\"}0-60",
                "120 firing {alertname=\"Busy\", host=\"a\"}120-",
            ])
    }

    @Test("NaN is a value: it alerts where the expression yields it")
    func notANumber() throws {
        let lab = RuleLab()
        lab.set("load", .nan, at: 0)
        var plain = try lab.group("- alert: Any\n  expr: load")
        var compared = try lab.group("- alert: Busy\n  expr: load > 0")
        plain.evaluate(at: 0)
        compared.evaluate(at: 0)
        #expect(plain.state == "firing")
        #expect(plain.status.rules[0].alerts[0].value.isNaN)
        #expect(compared.state == "inactive")
    }

    @Test("an expression without labels alerts as well")
    func scalar() throws {
        let lab = RuleLab()
        var evaluator = try lab.group("- alert: DeadMan\n  expr: vector(1)")
        evaluator.evaluate(at: 0)
        #expect(evaluator.state == "firing")
        #expect(try lab.told() == ["0 firing {alertname=\"DeadMan\"}0-"])
    }

    @Test("after the clock was set back an alert waits `for` once more, not until it has caught up")
    func clockBack() throws {
        let lab = RuleLab()
        var evaluator = try lab.group(Self.rule + "\n  for: 1m")
        for (time, state) in [
            (10_000.0, "pending"), (100, "pending"), (130, "pending"), (160, "firing"),
        ] {
            lab.set("load", 1, at: time)
            evaluator.evaluate(at: time)
            #expect(evaluator.state == state)
        }
        // The reminder counts from the new time too.
        lab.set("load", 1, at: 50)
        evaluator.evaluate(at: 50)
        lab.set("load", 1, at: 110)
        evaluator.evaluate(at: 110)
        #expect(
            try lab.told()
                == [
                    "160 firing {alertname=\"Busy\"}160-", "110 firing {alertname=\"Busy\"}50-",
                ].sorted())
    }

    @Test("alerts are series: ALERTS with the state, ALERTS_FOR_STATE with the time")
    func series() throws {
        let lab = RuleLab()
        _ = try states([1, 1, 0], "\n  for: 1m", lab: lab)
        let common = "alertname=\"Busy\""
        #expect(
            try lab.query("ALERTS", at: 0) == [
                "ALERTS{\(common), alertstate=\"pending\", host=\"a\"} 1"
            ])
        #expect(
            try lab.query("ALERTS", at: 60) == [
                "ALERTS{\(common), alertstate=\"firing\", host=\"a\"} 1"
            ])
        #expect(
            try lab.query("ALERTS_FOR_STATE", at: 60) == [
                "ALERTS_FOR_STATE{\(common), host=\"a\"} 0"
            ])
        #expect(try lab.query("{__name__=~\"ALERTS.*\"}", at: 120).isEmpty)
    }
}
