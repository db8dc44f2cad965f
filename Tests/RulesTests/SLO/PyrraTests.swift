import Rules
import Testing

@Suite("Pyrra's specifications")
struct PyrraTests {
    private static let ratio = """
        ratio:
          errors: {metric: 'requests_total{code=~"5.."}'}
          total: {metric: 'requests_total'}
          grouping: [route]
        """

    @Test("give Sloth's rules with Pyrra's windows and factors")
    func kept() throws {
        let groups = try SLOReading.rules(
            SLOReading.pyrra(window: "2w", indicator: Self.ratio))
        #expect(groups.map(\.name).first == "sloth-slo-sli-recordings-shop-checkout")
        #expect(
            groups[0].rules.map(\.labels).map { $0["sloth_window"] }
                == ["3m", "15m", "30m", "1h", "3h", "12h", "2d", "2w"])
        #expect(
            groups[0].rules[0].expression == """
                (sum by (route)(rate(requests_total{code=~"5.."}[3m])))
                /
                (sum by (route)(rate(requests_total[3m])))

                """)
        #expect(groups[0].rules[0].labels["team"] == "front")
        #expect(groups[0].rules[0].labels["namespace"] == "shop")
        #expect(groups[0].rules[0].labels["prometheus"] == nil)
        #expect(groups[2].rules[0].name == "ErrorBudgetBurn")
        #expect(groups[2].rules[0].expression.contains("(14 * 0.01)"))
        #expect(groups[2].rules[1].expression.contains("(1 * 0.01)"))
        #expect(groups[2].rules.map { $0.labels["severity"] } == ["critical", "warning"])
    }

    @Test("tell when there is nothing to measure, after the time of the quickest alert")
    func absence() throws {
        let groups = try SLOReading.rules(SLOReading.pyrra(indicator: Self.ratio))
        #expect(groups[3].rules.map(\.name) == ["SLOMetricAbsent"])
        #expect(groups[3].rules[0].expression == "absent(requests_total) == 1")
        // 14 × 0.01 of an hour, and two minutes.
        #expect(groups[3].rules[0].holdDuration == 11 * 60_000)
        let without = try SLOReading.rules(
            SLOReading.pyrra(indicator: Self.ratio, more: "  alerting: {absent: false}"))
        #expect(without.count == 3)
        let silent = try SLOReading.rules(
            SLOReading.pyrra(indicator: Self.ratio, more: "  alerting: {disabled: true}"))
        #expect(silent.count == 2)
    }

    @Test(
        "measure latency and gauges",
        arguments: [
            (
                "latency:\n  success: {metric: 'd_bucket{le=\"0.1\"}'}\n  total: {metric: d_count}",
                "(sum(rate(d_count[5m])) - sum(rate(d_bucket{le=\"0.1\"}[5m])))\n/\n"
                    + "(sum(rate(d_count[5m])))\n"
            ),
            (
                "latencyNative:\n  latency: 150ms\n  total: {metric: d}",
                "(1 - histogram_fraction(0, 0.15, sum(rate(d[5m]))))"
            ),
            (
                "bool_gauge: {metric: probe_success}",
                "(sum(count_over_time(probe_success[5m])) - sum(sum_over_time(probe_success[5m])))\n"
                    + "/\n(sum(count_over_time(probe_success[5m])))\n"
            ),
        ])
    func indicators(indicator: String, expression: String) throws {
        let groups = try SLOReading.rules(SLOReading.pyrra(indicator: indicator))
        #expect(groups[0].rules[0].expression == expression)
    }

    @Test(
        "refuse what they cannot have",
        arguments: [
            (SLOReading.pyrra(indicator: "ratio: {errors: {metric: a}}"), "needs total"),
            (SLOReading.pyrra(indicator: "bool_gauge: {metric: 'sum(a)'}"), "not a selector"),
            (SLOReading.pyrra(indicator: "bool_gauge: {metric: a, x: y}"), "unknown key \"x\""),
            (SLOReading.pyrra(indicator: "{}"), "exactly one of"),
            (
                SLOReading.pyrra(
                    indicator: "latency: {success: {metric: a}, total: {metric: b}}"), "matcher le"
            ),
            (SLOReading.pyrra(target: "101", indicator: ratio), "target must be"),
            (SLOReading.pyrra(window: "soon", indicator: ratio), "duration"),
            (SLOReading.pyrra(window: "1h", indicator: ratio), "a day or longer"),
            (SLOReading.pyrra(indicator: ratio, more: "  ruleOutput: {}"), "ruleOutput is not"),
            (
                SLOReading.pyrra(
                    indicator: ratio, more: "  alerting: {severities: {mediumBurn: low}}"),
                "mediumBurn must be"
            ),
            (SLOReading.pyrra(target: "\"90\"", indicator: ratio), "14·(1−0.9) = 1.4"),
        ])
    func refusals(text: String, says: String) {
        let mistakes = SLOReading.mistakes(text)
        #expect(mistakes.count == 1, "\(mistakes)")
        #expect(mistakes.first?.contains(says) == true, "\(mistakes)")
    }
}
