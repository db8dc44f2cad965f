import Rules
import Store
import Telemetry
import Testing

@Suite("Rules over other data than metrics")
struct DataSourceTests {
    @Test("record and alert on log lines")
    func logs() throws {
        let lab = EvidenceLab()
        lab.fill()
        var group = try lab.lab.group(
            """
            - record: payments:failures:5m
              expr: sum by (service_name) (count_over_time({service_name="payments"} |= " 503" [5m]))
            - alert: Failing
              expr: sum(count_over_time({service_name="payments"} |= " 503" [5m])) > 70
            """, head: "datasource: loki", at: 4_800)
        group.evaluate(at: 4_800)
        #expect(group.status.rules.map(\.lastError) == ["", ""])
        #expect(
            try lab.lab.query("payments:failures:5m", at: 4_800) == [
                #"payments:failures:5m{service_name="payments"} 74"#
            ])
        #expect(group.status.rules[1].state == "firing")
    }

    @Test("record and alert on spans within a range")
    func spans() throws {
        let lab = EvidenceLab()
        lab.fill()
        let query = #"{ resource.service.name = "payments" && status = error }"#
        var group = try lab.lab.group(
            """
            - record: payments:errors
              datasource: tempo
              range: 1m
              expr: '\(query) | count_over_time() by (resource.service.version)'
            - alert: Failing
              datasource: tempo
              range: 10m
              expr: '\(query) | count_over_time()'
            - alert: Both
              expr: payments:errors > 10
            """, at: 4_800)
        group.evaluate(at: 4_800)
        #expect(group.status.rules.map(\.lastError) == ["", "", ""])
        #expect(
            try lab.lab.query("payments:errors", at: 4_800) == [
                #"payments:errors{resource_service_version="v2"} 15"#
            ])
        #expect(group.status.rules[1].alerts.map(\.value) == [75])
        #expect(group.status.rules[2].state == "firing")
    }

    @Test("two alerts of one name and labels live side by side, also over a restart")
    func twins() throws {
        let lab = RuleLab()
        let rules = """
            - alert: Twin
              expr: a > 0
              labels: {x: "1"}
            - alert: Twin
              expr: b > 0
              labels: {x: "1"}
            """
        func set(_ a: Double, _ b: Double, at seconds: Double) {
            lab.set("a", a, at: seconds)
            lab.set("b", b, at: seconds)
        }
        set(1, 0, at: 0)
        var group = try lab.group(rules)
        group.evaluate(at: 0)
        #expect(group.status.rules.map(\.state) == ["firing", "inactive"])
        #expect(try lab.query("ALERTS", at: 0).count == 1)
        set(1, 1, at: 60)
        group.evaluate(at: 60)
        group = try lab.group(rules, at: 61)
        #expect(group.status.rules.map(\.state) == ["inactive", "inactive"], "not evaluated yet")
        set(0, 1, at: 120)
        group.evaluate(at: 120)
        #expect(group.status.rules.map(\.state) == ["inactive", "firing"])
        #expect(try lab.query("ALERTS", at: 120).count == 1, "the other one still fires")
        #expect(
            try lab.history() == [
                "0 inactive>firing", "60 inactive>firing", "120 firing>resolved",
            ])
    }

    @Test("alerts are told with the external labels that they do not have")
    func external() throws {
        var settings = RuleSettings()
        settings.externalLabels = ["cluster": "north", "x": "9"]
        let lab = RuleLab(settings: settings)
        lab.set("a", 1, at: 0)
        var group = try lab.group("- alert: One\n  expr: a\n  labels: {x: \"1\"}")
        group.evaluate(at: 0)
        #expect(
            try lab.told() == [#"0 firing {alertname="One", cluster="north", x="1"}0-"#])
        #expect(try lab.query("ALERTS", at: 0).first?.contains("cluster") == false)
    }
}
