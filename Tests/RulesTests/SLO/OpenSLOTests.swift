import Rules
import Testing

@Suite("OpenSLO's specifications")
struct OpenSLOTests {
    private static func ratio(_ part: String = "good", counter: String = "true") -> String {
        """
        ratioMetric:
          counter: \(counter)
          \(part): \(SLOReading.source("requests_total{code=\"200\"}"))
          total: \(SLOReading.source("sum by (route) (requests_total)"))
        """
    }

    private func first(_ text: String) throws -> String {
        try SLOReading.rules(text)[0].rules[0].expression
    }

    @Test("measure good events against all, and have no alerts")
    func good() throws {
        let groups = try SLOReading.rules(SLOReading.openSLO(indicator: Self.ratio()))
        #expect(
            groups.map(\.name) == [
                "sloth-slo-sli-recordings-shop-checkout-0",
                "sloth-slo-meta-recordings-shop-checkout-0",
            ])
        #expect(
            groups[0].rules[0].expression == """
                (1 - (
                  (sum(rate(requests_total{code="200"}[5m])))
                  /
                  (sum by (route) (rate(requests_total[5m])))
                ))
                """)
        #expect(groups[1].rules[6].labels["sloth_spec"] == "openslo/v1")
        #expect(groups[1].rules[6].labels["sloth_objective"] == "99")
    }

    @Test("measure bad events, gauges and ratios of others")
    func others() throws {
        #expect(
            try first(SLOReading.openSLO(indicator: Self.ratio("bad", counter: "false"))) == """
                (sum(sum_over_time(requests_total{code="200"}[5m])))
                /
                (sum by (route) (sum_over_time(requests_total[5m])))

                """)
        let raw = "ratioMetric:\n  rawType: success\n  raw: \(SLOReading.source("ok:ratio"))"
        #expect(
            try first(SLOReading.openSLO(indicator: raw)) == "(1 - (avg_over_time(ok:ratio[5m])))")
        let windowed =
            "ratioMetric:\n  rawType: failure\n  raw: "
            + SLOReading.source("sum(rate(bad[{{.window}}])) / sum(rate(all[{{.window}}]))")
        #expect(
            try first(SLOReading.openSLO(indicator: windowed))
                == "(sum(rate(bad[5m])) / sum(rate(all[5m])))")
    }

    @Test("count time slices that are good enough, or average them")
    func slices() throws {
        let slices = SLOReading.openSLO(
            indicator: Self.ratio(),
            objective: "target: 0.99\ntimeSliceTarget: 0.95\ntimeSliceWindow: 1m",
            method: "Timeslices")
        #expect(
            try first(slices)
                == "(1 - avg_over_time((((sum(rate(requests_total{code=\"200\"}[1m]))) / "
                + "(sum by (route) (rate(requests_total[1m])))) >= bool 0.95)[5m:1m]))")
        let average = SLOReading.openSLO(
            indicator: Self.ratio(), objective: "targetPercent: 99\ntimeSliceWindow: 2",
            method: "RatioTimeslices")
        #expect(try first(average).hasSuffix("[5m:2m]))"))
    }

    @Test("of ratios may have an operator by itself, of thresholds not")
    func bareOperators() throws {
        let ratio = SLOReading.openSLO(indicator: Self.ratio(), objective: "target: 0.99\nop: gt")
        #expect(SLOReading.read(ratio).mistakes.isEmpty)
        let threshold = SLOReading.openSLO(
            indicator: "thresholdMetric: \(SLOReading.source("max(queue_length)"))",
            objective: "target: 0.99\nop: gt")
        #expect(!SLOReading.read(threshold).mistakes.isEmpty)
    }

    @Test("compare thresholds")
    func thresholds() throws {
        let threshold = "thresholdMetric: \(SLOReading.source("max(queue_length)"))"
        let text = SLOReading.openSLO(
            indicator: threshold, objective: "target: 0.99\nop: lt\nvalue: 200")
        #expect(
            try first(text) == "(1 - avg_over_time(((max(queue_length)) < bool 200)[5m:1m]))")
    }

    private static func slices(_ first: String, _ second: String) -> String {
        func objective(_ metric: String, _ terms: String) -> String {
            """
                - indicator:
                    metadata: {name: \(metric)}
                    spec:
                      thresholdMetric:
                        metricSource: {type: Prometheus, spec: {query: \(metric)}}
                  \(terms.replacing(", ", with: "\n      "))

            """
        }
        return """
            apiVersion: openslo/v1
            kind: SLO
            metadata: {name: checkout}
            spec:
              service: shop
              timeWindow: [{duration: 28d, isRolling: true}]
              budgetingMethod: Timeslices
              objectives:

            """ + objective("a", first) + objective("b", second)
    }

    @Test("of time slices together are as good as the worst of them")
    func worstSlice() throws {
        let text = Self.slices(
            "target: 0.99, op: lt, value: 200, timeSliceWindow: 1m",
            "target: 0.95, op: lte, value: 5, timeSliceWindow: 1m")
        let read = SLOReading.read(text)
        #expect(read.mistakes.isEmpty, "\(read.mistakes)")
        let composite = try #require(read.objectives.last)
        #expect(composite.id == "shop-checkout-composite")
        #expect(abs(composite.objectivePercent - 99) < 1e-9)
        let groups = SlothRules(version: "test").groups(of: composite)
        let rule = try #require(groups.first?.rules.first)
        #expect(
            rule.expression
                == "(1 - avg_over_time((((a) < bool 200) * ((b) <= bool 5))[5m:1m]))")
        let lab = RuleLab()
        for minute in 1...5 {
            lab.set("a", minute == 2 || minute == 3 ? 300 : 100, at: Double(minute * 60))
            lab.set("b", minute == 3 || minute == 4 ? 9 : 1, at: Double(minute * 60))
        }
        #expect(try lab.query(rule.expression, at: 300) == ["{} 0.6"])
        let mixed = Self.slices(
            "target: 0.99, op: lt, value: 200, timeSliceWindow: 1m",
            "target: 0.95, op: lte, value: 5, timeSliceWindow: 2m")
        #expect(SLOReading.mistakes(mixed).count == 1)
        #expect(SLOReading.mistakes(mixed)[0].contains("same timeSliceWindow"))
    }

    @Test("find indicators and data sources by name in any document")
    func references() throws {
        let slo = """
            apiVersion: openslo/v1
            kind: SLO
            metadata: {name: checkout}
            spec:
              service: shop
              indicatorRef: good-ones
              timeWindow: [{duration: 30d, isRolling: true}]
              budgetingMethod: Occurrences
              objectives: [{target: 0.99}, {target: 0.999}]
            """
        let others = """
            ---
            apiVersion: openslo/v1
            kind: Service
            metadata: {name: shop}
            spec: {description: sells}
            ---
            apiVersion: openslo/v1
            kind: DataSource
            metadata: {name: main}
            spec: {type: prometheus, connectionDetails: {url: x}}
            ---
            apiVersion: openslo/v1
            kind: SLI
            metadata: {name: good-ones}
            spec:
              ratioMetric:
                bad: {metricSource: {metricSourceRef: main, spec: {query: bad_total}}}
                total: {metricSource: {metricSourceRef: main, spec: {query: all_total}}}
            """
        #expect(try SLOReading.rules("\(slo)\n\(others)").count == 4)
        #expect(SLOReading.mistakes(slo)[0].contains("slo.yml:6: there is no SLI named"))
    }

    @Test(
        "refuse what rules cannot do",
        arguments: [
            (
                SLOReading.openSLO(indicator: ratio(), more: "  alertPolicies: [none]"),
                "there is no AlertPolicy named \"none\""
            ),
            (
                SLOReading.openSLO(indicator: ratio(), objective: "target: 1"),
                "target must be above 0 and below 1"
            ),
            (
                SLOReading.openSLO(
                    indicator: ratio(), objective: "target: 0.9\ncompositeWeight: 2"),
                "compositeWeight needs indicator"
            ),
            (
                SLOReading.openSLO(indicator: ratio(), objective: "target: 0.9\nop: lt\nvalue: 1"),
                "belong to thresholdMetric"
            ),
            (
                SLOReading.openSLO(indicator: ratio()).replacing(
                    "isRolling: true", with: "calendar: {}"),
                "needs startTime"
            ),
            (
                SLOReading.openSLO(indicator: ratio()).replacing("28d", with: "3d"),
                "a period of four days at least"
            ),
            (
                SLOReading.openSLO(indicator: ratio()).replacing("Prometheus", with: "Datadog"),
                "Datadog is not supported"
            ),
            (
                SLOReading.openSLO(indicator: ratio(), method: "Sometimes"),
                "budgetingMethod must be Occurrences"
            ),
            (
                SLOReading.openSLO(
                    indicator: ratio(), objective: "target: 0.9\ntimeSliceWindow: 1m",
                    method: "Timeslices"), "need timeSliceTarget"
            ),
            (
                SLOReading.openSLO(
                    indicator: ratio(),
                    objective: "target: 0.9\ntimeSliceTarget: 0.5\ntimeSliceWindow: 99999999999",
                    method: "Timeslices"), "between 1s and 1d"
            ),
            (
                "apiVersion: openslo/v1\nkind: AlertPolitics\nmetadata: {name: a}\nspec: {}",
                "kind \"AlertPolitics\" is not one of"
            ),
        ])
    func refusals(text: String, says: String) {
        let mistakes = SLOReading.mistakes(text)
        #expect(mistakes.count == 1, "\(mistakes)")
        #expect(mistakes.first?.contains(says) == true, "\(mistakes)")
    }
}
