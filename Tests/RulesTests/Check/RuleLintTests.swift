import Rules
import Testing

@Suite("What a look over rules finds")
struct RuleLintTests {
    private func findings(_ rules: String) throws -> [RuleFinding] {
        var lint = RuleLint()
        lint.look(at: try RuleFile.parse(RuleLab.file(rules), path: "rules.yml"))
        return lint.findings
    }

    private func findings(expression: String) throws -> [RuleFinding] {
        try findings("- alert: A\n  expr: |\n    \(expression)")
    }

    @Test(
        "selectors that match nothing",
        arguments: [
            "up{job=\"a\", job=\"b\"}", "up{job=\"a\", job!=\"a\"}", "up{job=\"a\", job=~\"b|c\"}",
            "sum(rate(x_total{job=~\"a|b\", job!~\"a.*|b.*\"}[5m]))",
            "{__name__=\"up\", __name__=~\"down|x\"}",
            "up{job=~\"x.*\", job!~\"x.*\"}", "up unless up{a=\"\", a=\"b\"}",
        ])
    func contradictions(expression: String) throws {
        let found = try findings(expression: expression)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.reason.contains("exclude each other") == true)
        #expect(found.first?.isFatal == true)
    }

    @Test(
        "thresholds that nothing passes",
        arguments: [
            ("up > 1", "lies between 0 and 1, the right side is 1"), ("up == 2", "never true"),
            ("rate(x_total[5m]) < 0", "is at least 0"), ("count(up) < 1", "is at least 1"),
            ("absent(up) > 1", "is 1"), ("hour() > 23", "between 0 and 23"),
            ("slo:sli_error:ratio_rate1h > (14.4 * 0.1)", "the right side is 1.44"),
            ("max(slo:sli_error:ratio_rate1h) without (a) > 1.2", "never true"),
            ("sum(rate(x_total[5m])) / 2 < -1", "is at least 0"),
            ("up * 100 > 100", "between 0 and 100"),
            ("1 < up", "the right side lies between 0 and 1"),
            ("avg_over_time(up[1h]) < 0", "never"),
            ("(up > 1) and on() vector(1)", "never true"), ("clamp_max(x, 5) > 5", "at most 5"),
            ("vector(1) != 1", "never true"), ("sum(up > 1)", "never true"),
            ("-up > 0", "between -1 and -0"),
        ])
    func thresholds(expression: String, says: String) throws {
        let found = try findings(expression: expression)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.reason.contains(says) == true, "\(found)")
        #expect(found.first?.isFatal == true)
    }

    @Test(
        "comparisons that exclude each other, and fractions of whole numbers",
        arguments: [
            ("x > 5 and x < 3", "exclude each other"), ("x == 0 and x > 0", "exclude each other"),
            ("sum(x) >= 2 and sum(x) <= 1.9", "exclude each other"),
            ("changes(up[5m]) == 0.5", "a whole number"), ("count(up) == 1.5", "a whole number"),
        ])
    func exclusive(expression: String, says: String) throws {
        let found = try findings(expression: expression)
        #expect(found.contains { $0.reason.contains(says) && $0.isFatal }, "\(found)")
    }

    @Test(
        "comparisons that go together are well",
        arguments: [
            "x > 3 and x < 5", "x >= 3 and x <= 3", "x > 5 and y < 3", "x != 0 and x > 0",
            "changes(up[5m]) == 2", "x > 5 or x < 3",
        ])
    func compatible(expression: String) throws {
        #expect(try findings(expression: expression).isEmpty)
    }

    @Test("a label made of the value, which for never outlasts")
    func volatileLabels() throws {
        let rule = "- {alert: A, expr: x > 1, labels: {v: \"{{ $value }}\"}"
        #expect(try findings(rule + ", for: 1h}").map(\.isFatal) == [false])
        #expect(try findings(rule + "}").isEmpty)
    }

    @Test("a comparison that is dead beside one that lives is a warning")
    func half() throws {
        let found = try findings(expression: "up > 1 or up == 0")
        #expect(found.map(\.isFatal) == [false])
        let bool = try findings(expression: "(up > bool 1) == 0")
        #expect(bool.map(\.isFatal) == [false])
    }

    @Test(
        "nothing in rules that work",
        arguments: [
            "up == 0", "up < 1", "up >= 1", "rate(x_total[5m]) > 0", "x > 1e9", "absent(up) == 1",
            "sum(rate(x_total[5m])) - sum(rate(y_total[5m])) < 0", "count(up) >= 1",
            "delta(x[1h]) < -5",
            "up{job=~\"a|b\", job!=\"b\"}", "up{a=~\".+\", a!~\"b|c\"}", "hour() > 22",
            "histogram_quantile(0.9, rate(x_bucket[5m])) > 0.5", "x % 2 == 1", "up != 1",
            "time() - x > 5",
            "max(slo:sli_error:ratio_rate1h > (14.4 * 0.001)) without (w)", "x / 0 > 5", "-x < -3",
            "100 * (1 - avg(up)) > 50", "predict_linear(x[1h], 3600) < 0",
            "(scalar(x) < bool 0) == bool 1",
            "0 > x", "1 == up", "vector(1) == on() group_left x", "x offset 5m > 3 unless y",
        ])
    func fine(expression: String) throws {
        #expect(try findings(expression: expression).isEmpty)
    }

    @Test("rules of one name and the same labels in two groups")
    func twins() throws {
        var lint = RuleLint()
        let group = "- record: r\n  expr: up\n- alert: A\n  expr: up == 0\n  labels: {a: b}"
        let text =
            RuleLab.file(group, name: "a") + RuleLab.file(group, name: "b").dropFirst(8)
        lint.look(at: try RuleFile.parse(text, path: "rules.yml"))
        #expect(lint.findings.map(\.rule) == ["r", "A"])
        #expect(lint.findings[0].reason.contains("rules.yml:5"), "\(lint.findings)")
        #expect(lint.findings.allSatisfy { !$0.isFatal })
    }

    @Test("labels in texts that the expression has aggregated away")
    func lostLabels() throws {
        let rule = """
            - alert: A
              expr: sum by (job) (rate(x_total[5m])) / on(job) group_left(team) y > 1
              annotations: {a: "{{ $labels.instance }} {{ $labels.job }} {{ $labels.team }}"}
            """
        let found = try findings(rule)
        #expect(
            found.map(\.reason) == ["a uses $labels.instance, which the expression does not have"])
        let kept = rule.replacing("sum by (job)", with: "sum without (x)")
        #expect(try findings(kept).isEmpty)
    }

    @Test("nothing in what is made of objectives")
    func generated() throws {
        let text = RuleFileText(
            try SLOReading.rules(SLOReading.sloth()), comment: "x"
        ).text
        var lint = RuleLint()
        lint.look(at: try RuleFile.parse(text, path: "rules.yml"))
        #expect(lint.findings.isEmpty, "\(lint.findings)")
    }
}
