import Rules
import Testing

@Suite("Unit tests of rules")
struct RuleTestRunTests {
    private static let rules = RuleLab.file(
        """
        - record: job:up:sum
          expr: sum by (job) (up)
        - alert: Down
          expr: up == 0
          for: 5m
          labels: {severity: page}
          annotations: {text: "{{ $labels.job }} at {{ $value }}"}
        """)

    /// The failures of one test over the rules above.
    private func failures(
        _ inputs: [(String, String)], _ expectations: String, head: String = "", test: String = "",
        rules: String = rules
    ) throws -> [String] {
        let series = inputs.map { "  - {series: '\($0.0)', values: '\($0.1)'}\n" }.joined()
        let text = """
            \(head)
            tests:
            - interval: 1m
              \(test)
              input_series:
            \(series.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
            \(expectations.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
            """
        let groups = try RuleFile.parse(rules, path: "rules.yml").groups
        return RuleTestRun(try RuleTestFile.parse(text, path: "test.yml"), groups: groups)
            .failures()
    }

    private func query(_ query: String, _ samples: String, at time: String = "0") -> String {
        "promql_expr_test:\n- {expr: '\(query)', eval_time: \(time), exp_samples: [\(samples)]}"
    }

    @Test("own buckets of histograms that change are compared by the bounds that both have")
    func customBuckets() throws {
        let changed = (
            "h_total",
            "{{schema:-53 sum:1 count:1 custom_values:[5] buckets:[1]}}"
                + " {{schema:-53 sum:1 count:1 custom_values:[5 10] buckets:[1]}}"
                + " {{schema:-53 sum:2 count:2 custom_values:[5 20] buckets:[2]}}"
        )
        #expect(
            try failures([changed], query("resets(h_total[5m])", "{value: 0}", at: "2m")) == [])
        #expect(
            try failures(
                [changed],
                query("histogram_count(irate(h_total[5m])) * 60", "{value: 1}", at: "2m")) == [])
        let lowered = (
            "h_total",
            "{{schema:-53 sum:55 count:15 custom_values:[2 4 6] buckets:[1 2 5 7]}}"
                + " {{schema:-53 sum:56 count:15 custom_values:[2 3 4 6] buckets:[1 0 1 5 8]}}"
        )
        #expect(
            try failures([lowered], query("resets(h_total[5m])", "{value: 1}", at: "1m")) == [])
        let sum = [
            (
                "m{s=\"2\"}",
                "{{schema:-53 sum:1 count:1 custom_values:[10] buckets:[1]}} _"
                    + " {{schema:-53 sum:1 count:1 custom_values:[5] buckets:[1]}}"
            ),
            ("m{s=\"3\"}", "_ _ {{schema:-53 sum:1 count:1 custom_values:[5 10] buckets:[1]}}"),
        ]
        #expect(
            try failures(
                sum,
                query(
                    "histogram_count(m{s=\"2\"} + ignoring(s) m{s=\"3\"})", "{value: 2}", at: "2m"))
                == [])
    }

    @Test("pass when alerts and results are as expected")
    func success() throws {
        let expectations = """
            alert_rule_test:
            - eval_time: 6m
              alertname: Down
            - eval_time: 7m
              alertname: Down
              exp_alerts:
              - exp_labels: {severity: page, job: a}
                exp_annotations: {text: a at 0}
            - eval_time: 10m
              alertname: Down
            promql_expr_test:
            - expr: job:up:sum
              eval_time: 3m
              exp_samples:
              - {labels: 'job:up:sum{job="b"}', value: 2}
              - {labels: 'job:up:sum{job="a"}', value: 0}
            """
        #expect(
            try failures(
                [
                    ("up{job=\"a\"}", "1 1 0x7 1"), ("up{job=\"b\",i=\"1\"}", "1x10"),
                    ("up{job=\"b\",i=\"2\"}", "1x10"),
                ], expectations) == [])
    }

    @Test("show what was expected and what came, as promtool does")
    func differences() throws {
        let expectations = """
            alert_rule_test:
            - eval_time: 7m
              alertname: Down
              exp_alerts:
              - exp_labels: {severity: ticket, job: a}
            - {eval_time: 1m, alertname: Down, exp_alerts: [{}]}
            promql_expr_test:
            - {expr: job:up:sum, eval_time: 90s, exp_samples: [{labels: '{}', value: 1e-7}]}
            """
        let failures = try failures([("up{job=\"a\"}", "0x8")], expectations, test: "name: n")
        #expect(
            failures == [
                """
                    name: n,
                    alertname: Down, time: 1m,\u{20}
                        exp:[
                            0:
                              Labels:{alertname="Down"}
                              Annotations:{}
                            ],\u{20}
                        got:[]
                """,
                """
                    name: n,
                    alertname: Down, time: 7m,\u{20}
                        exp:[
                            0:
                              Labels:{alertname="Down", job="a", severity="ticket"}
                              Annotations:{}
                            ],\u{20}
                        got:[
                            0:
                              Labels:{alertname="Down", job="a", severity="page"}
                              Annotations:{text="a at 0"}
                            ]
                """,
                """
                    expr: "job:up:sum", time: 1m30s,
                        exp: {} 1E-07
                        got: {__name__="job:up:sum", job="a"} 0E+00
                """,
            ])
    }

    @Test(
        "read values in the notation of Prometheus's tests",
        arguments: [
            ("1 2 3", "2m", "3"), ("1x3", "3m", "1"), ("1x3", "9m", ""), ("1+2x3", "3m", "7"),
            ("1-0.5x2", "2m", "0"), ("-2-2x1", "1m", "-4"), ("5 _x2 7", "2m", "5"),
            ("5 _ 7", "2m", "7"), ("5 stale", "1m", ""), ("1e2 1.5e-1", "1m", "0.15"),
            ("Inf -inf", "1m", "-.inf"), ("+3 0x2", "2m", "0"),
            ("0.1+0.1x2", "2m", "0.30000000000000004"),
        ])
    func notation(values: String, at time: String, expected: String) throws {
        let sample = expected.isEmpty ? "" : "{labels: x, value: \(expected)}"
        #expect(try failures([("x", values)], query("x", sample, at: time)) == [])
    }

    @Test("read, add up and compare native histograms")
    func histograms() throws {
        let values = "{{sum:3 count:4 buckets:[1 2 1]}}+{{sum:1 count:2 buckets:[1 0 1]}}x3"
        let expected = "{{count:10 sum:6 counter_reset_hint:not_reset buckets:[4 2 4]}}"
        #expect(
            try failures(
                [("h", values)], query("h", "{labels: h, histogram: '\(expected)'}", at: "3m"))
                == [])
        let wrong = try failures(
            [("h", values)], query("h", "{labels: h, histogram: '{{count:1}}'}", at: "3m"))
        #expect(wrong.count == 1)
        #expect(wrong[0].contains("got: {__name__=\"h\"} \(expected)"), "\(wrong)")
        let parts = "{{schema:1 offset:-1 n_buckets:[1] n_offset:2 z_bucket:3 z_bucket_w:0.5}}"
        #expect(
            try failures([("h", parts)], query("histogram_count(h)", "{labels: '{}', value: 0}"))
                == [])
    }

    @Test("take groups in the order that the file names")
    func groupOrder() throws {
        let rules =
            RuleLab.file("- record: second\n  expr: first * 2", name: "b")
            + RuleLab.file("- record: first\n  expr: x", name: "a").dropFirst("groups:\n".count)
        let expected = query("second", "{labels: second, value: 2}")
        #expect(try failures([("x", "1")], expected, rules: rules).count == 1)
        #expect(
            try failures(
                [("x", "1")], expected, head: "group_eval_order: [a, b]", rules: rules) == [])
    }

    @Test("evaluate on the evaluation interval, and the last evaluation counts")
    func interval() throws {
        let alerts = "alert_rule_test:\n- {eval_time: 299s, alertname: Down}"
        // The third evaluation, at ten minutes, is the first after five of being down.
        #expect(
            try failures([("up", "0x9")], alerts, head: "evaluation_interval: 5m") == [])
        let later = "alert_rule_test:\n- {eval_time: 301s, alertname: Down}"
        #expect(
            try failures([("up", "0x9")], later, head: "evaluation_interval: 5m").count == 1)
    }

    @Test("fill in external labels, and start when told to")
    func externals() throws {
        let rules = RuleLab.file(
            """
            - alert: A
              expr: vector(time())
              annotations: {text: "{{ $externalLabels.region }} {{ $value }} {{ $externalURL }}"}
            """)
        let expectations = """
            external_labels: {region: eu}
            external_url: http://x
            start_timestamp: 1970-01-01T01:00:00Z
            alert_rule_test:
            - eval_time: 1m
              alertname: A
              exp_alerts: [{exp_annotations: {text: "eu 3660 http://x"}}]
            """
        #expect(try failures([("x", "1")], expectations, rules: rules) == [])
    }

    @Test("count neighbouring numbers as equal only when told to")
    func fuzzy() throws {
        let expected = query("x * 3", "{labels: '{}', value: 0.3}")
        #expect(try failures([("x", "0.1")], expected).count == 1)
        #expect(try failures([("x", "0.1")], expected, head: "fuzzy_compare: true") == [])
    }

    @Test("end with the first evaluation that fails")
    func failingRule() throws {
        let rules = RuleLab.file("- record: r\n  expr: label_replace(x, 'a', 'b', '', '')")
        let expected = query("x", "{labels: 'x{a=\"1\"}', value: 1}")
        let failures = try failures(
            [("x{a=\"1\"}", "1"), ("x{a=\"2\"}", "1")], expected, rules: rules)
        #expect(failures.count == 1)
        #expect(failures[0].hasPrefix("    rule: r, time: 0s, err: "), "\(failures)")
    }

    @Test(
        "refuse what they do not know, with the line",
        arguments: [
            ("tests:\n- colour: red", "test.yml:2: unknown key \"colour\""),
            ("group_eval_order: [a, a]", "repeated"),
            ("tests: [{input_series: [{series: x}]}]", "values"),
            ("tests: [{input_series: [{series: 'x[', values: 1}]}]", "test.yml:1"),
            ("tests: [{input_series: [{series: x, values: 1x}]}]", "number of times"),
            ("tests: [{input_series: [{series: x, values: 1y}]}]", "is no value"),
            ("tests: [{input_series: [{series: x, values: one}]}]", "is no number"),
            (
                "tests: [{input_series: [{series: x, values: '{{colour:1}}'}]}]",
                "part of a histogram"
            ),
            ("tests: [{input_series: [{series: x, values: '{{'}]}]", "part of a histogram"),
            ("tests: [{input_series: [{series: x, values: '1x99999999'}]}]", "more than"),
            ("tests: [{input_series: [{series: 'x > 1', values: 1}]}]", "no metric"),
            ("tests: [{alert_rule_test: [{eval_time: 1m}]}]", "needs alertname"),
            ("evaluation_interval: soon", "duration"),
        ])
    func refusals(text: String, says: String) {
        do throws(RuleFileError) {
            _ = try RuleTestFile.parse(text, path: "test.yml")
            Issue.record("accepted: \(text)")
        } catch {
            #expect(error.description.contains(says), "\(error)")
        }
    }

    @Test("of objectives fire the alerts that were made for them")
    func objectives() throws {
        let groups = try SLOReading.rules(SLOReading.sloth())
        let rules = RuleFileText(groups, comment: "x").text
        let failures = try failures(
            [
                ("requests_total{code=\"200\"}", "0+60x400"),
                ("requests_total{code=\"500\"}", "0+3x400"),
            ], "alert_rule_test:\n- {eval_time: 400m, alertname: Burning}", rules: rules)
        #expect(failures.count == 1 && failures[0].contains("sloth_severity=\"page\""))
    }
}
