import Platform
import Rules
import Store
import Telemetry
import Testing

@Suite struct RuleGroupTests {
    @Test("a recording rule stores its result under its name with its labels")
    func recording() throws {
        let lab = RuleLab()
        lab.set("requests", ["job": "a", "zone": "x", "drop": "me"], 3, at: 60)
        var evaluator = try lab.group(
            """
            - record: job:requests
              expr: requests * 2
              labels: {zone: y, drop: "", team: blue}
            """, head: "labels: {team: red, site: north}")
        let outcome = evaluator.evaluate(at: 60)
        #expect(outcome.sampleCount == 1)
        #expect(
            try lab.query("job:requests", at: 60) == [
                "job:requests{job=\"a\", site=\"north\", team=\"blue\", zone=\"y\"} 6"
            ])
    }

    @Test("a rule sees what the rules before it have stored at the same instant")
    func order() throws {
        let lab = RuleLab()
        var evaluator = try lab.group(
            "- record: one\n  expr: vector(1)\n- record: two\n  expr: one + one")
        evaluator.evaluate(at: 60)
        #expect(try lab.query("two", at: 60) == ["two 2"])
    }

    @Test("a scalar and NaN are recorded as they are")
    func scalarAndNaN() throws {
        let lab = RuleLab()
        var evaluator = try lab.group("- record: nothing\n  expr: 0 / 0")
        evaluator.evaluate(at: 0)
        #expect(try lab.query("nothing", at: 0) == ["nothing NaN"])
    }

    @Test("a recorded series that vanishes ends at once, not after the lookback")
    func vanished() throws {
        let lab = RuleLab()
        lab.set("load", ["host": "a"], 1, at: 0)
        lab.set("load", ["host": "b"], 1, at: 0)
        var evaluator = try lab.group("- record: r\n  expr: load")
        evaluator.evaluate(at: 0)
        lab.set("load", ["host": "b"], Sample.staleMarker, at: 60)
        evaluator.evaluate(at: 60)
        #expect(try lab.query("r", at: 60) == ["r{host=\"a\"} 1"])
        #expect(try lab.query("r", at: 59).count == 2)
    }

    @Test("query_offset looks back and stores at the time looked at")
    func queryOffset() throws {
        let lab = RuleLab()
        lab.set("load", 1, at: 30)
        lab.set("load", 2, at: 60)
        var evaluator = try lab.group("- record: r\n  expr: load", head: "query_offset: 10s")
        evaluator.evaluate(at: 60)
        #expect(try lab.query("timestamp(r)", at: 60) == ["{} 50"])
        #expect(try lab.query("r", at: 50) == ["r 1"])
    }

    @Test("a recording rule that yields more series than the limit stores none")
    func recordingLimit() throws {
        let lab = RuleLab()
        for host in ["a", "b", "c"] { lab.set("load", ["host": host], 1, at: 0) }
        var evaluator = try lab.group("- record: r\n  expr: load", head: "limit: 2")
        let outcome = evaluator.evaluate(at: 0)
        #expect(outcome.failures == ["r: exceeded limit of 2 with 3 series"])
        #expect(evaluator.status.rules[0].health == .failing)
        #expect(try lab.query("r", at: 0).isEmpty)
        #expect(lab.events.count("sidelight_rule_evaluation_failures_total") == 1)
    }

    @Test("more alerts than the limit end all of them")
    func alertLimit() throws {
        let lab = RuleLab()
        for host in ["a", "b"] { lab.set("load", ["host": host], 1, at: 0) }
        var evaluator = try lab.group("- alert: Busy\n  expr: load", head: "limit: 2")
        evaluator.evaluate(at: 0)
        #expect(evaluator.state == "firing")
        lab.set("load", ["host": "c"], 1, at: 60)
        evaluator.evaluate(at: 60)
        #expect(evaluator.state == "exceeded limit of 2 with 3 alerts")
        #expect(evaluator.status.rules[0].alerts.isEmpty)
        #expect(try lab.told().last?.hasPrefix("60 resolved") == true)
        #expect(try lab.history().suffix(2) == ["60 firing>resolved", "60 firing>resolved"])
        for host in ["a", "b", "c"] {
            lab.set("load", ["host": host], host == "c" ? Sample.staleMarker : 1, at: 120)
        }
        evaluator.evaluate(at: 120)
        #expect(evaluator.status.rules[0].alerts.count == 2)
    }

    @Test("series that become equal by the rule's labels are an error")
    func equalLabels() throws {
        let lab = RuleLab()
        for host in ["a", "b"] { lab.set("load", ["host": host], 1, at: 0) }
        var evaluator = try lab.group(
            """
            - alert: Busy
              expr: load
              labels: {host: all}
            - record: r
              expr: load
              labels: {host: all}
            """)
        let outcome = evaluator.evaluate(at: 0)
        #expect(outcome.failures.count == 2)
        #expect(outcome.failures.allSatisfy { $0.contains("same labelset") })
    }

    @Test("a failing query leaves alerts as they are, and other rules go on")
    func failingQuery() throws {
        let lab = RuleLab()
        lab.set("load", ["host": "a"], 1, at: 0)
        var evaluator = try lab.group(
            """
            - alert: Busy
              expr: load * on(zone) limit_of
            - record: r
              expr: vector(1)
            """)
        lab.set("limit_of", ["zone": ""], 1, at: 0)
        evaluator.evaluate(at: 0)
        #expect(evaluator.state == "firing")
        lab.set("limit_of", ["kind": "second"], 1, at: 60)
        let outcome = evaluator.evaluate(at: 60)
        #expect(outcome.failures.count == 1)
        #expect(evaluator.status.rules[0].alerts.count == 1)
        #expect(evaluator.status.rules[1].health == .ok)
        #expect(try lab.history() == ["0 inactive>firing"])
    }

    @Test("labels and annotations of an alert are expanded for each series")
    func templates() throws {
        let lab = RuleLab(settings: .with(externalURL: "http://here"))
        lab.set("load", ["host": "a"], 0.25, at: 0)
        var evaluator = try lab.group(
            """
            - alert: Busy
              expr: load
              labels: {summary: "{{ $labels.host | toUpper }}"}
              annotations:
                text: "{{ $value | humanizePercentage }} on {{ $labels.host }}, see {{ $externalURL }}"
            """)
        evaluator.evaluate(at: 0)
        let alert = evaluator.status.rules[0].alerts[0]
        #expect(alert.labels["summary"] == "A")
        #expect(
            alert.annotations == [Attribute("text", .string("25% on a, see http://here"))])
    }

    @Test("the status tells what a rule is and how it went")
    func status() throws {
        let lab = RuleLab()
        lab.set("load", 1, at: 0)
        var evaluator = try lab.group(
            """
            - alert: Busy
              expr: "load>0"
              for: 1m30s
              keep_firing_for: 500ms
              labels: {severity: 1}
            """, head: "interval: 15s")
        #expect(evaluator.status.rules[0].health == .unknown)
        evaluator.evaluate(at: 30)
        let status = evaluator.status
        #expect(status.interval == 15_000)
        #expect(status.lastEvaluation == Timestamp(second: 30))
        #expect(status.rules[0].query == "load > 0")
        #expect(status.rules[0].holdDuration == 90_000)
        #expect(status.rules[0].keepFiringFor == 500)
        #expect(status.rules[0].labels.map(\.value) == ["1"])
        #expect(status.rules[0].state == "pending")
        #expect(status.rules[0].alerts[0].activeAt == Timestamp(second: 30))
    }

    @Test("a multi-window burn rate with windows of seconds fires during an outage and resolves")
    func burnRate() throws {
        let lab = RuleLab()
        let ratio = { (window: String) in
            "sum(rate(requests_total{code=~\"5..\"}[\(window)])) / sum(rate(requests_total[\(window)]))"
        }
        var evaluator = try lab.group(
            """
            - record: slo:error_ratio:5s
              expr: \(ratio("5s"))
            - record: slo:error_ratio:30s
              expr: \(ratio("30s"))
            - alert: BudgetBurn
              expr: slo:error_ratio:5s > 14.4 * 0.001 and slo:error_ratio:30s > 14.4 * 0.001
              labels: {severity: page}
              annotations: {summary: 'burning at {{ printf "%.2f" $value }}'}
            """, head: "interval: 1s")
        var good = 0.0
        var bad = 0.0
        var states: [(time: Double, state: String)] = []
        for second in 0..<120 {
            let time = Double(second)
            good += 90
            bad += (60..<80).contains(second) ? 10 : 0
            lab.set("requests_total", ["code": "200"], good, at: time)
            lab.set("requests_total", ["code": "500"], bad, at: time)
            evaluator.evaluate(at: time)
            let state = evaluator.status.rules[2].state
            if states.last?.state != state { states.append((time, state)) }
        }
        #expect(states.map(\.state) == ["inactive", "firing", "inactive"])
        #expect((60...66).contains(states[1].time))
        #expect((80...87).contains(states[2].time))
        #expect(try lab.history().count == 2)
        #expect(try lab.told().count == 2)
    }
}

extension RuleSettings {
    static func with(externalURL: String) -> RuleSettings {
        var settings = RuleSettings()
        settings.externalURL = externalURL
        return settings
    }
}
