import Foundation
import Testing

@Suite(
    "sidelight rules",
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct RulesCommandTests {
    @Test("check says what it read, warns of what may be meant, and ends with 0")
    func check() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.file(
            "rules.yml",
            "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up == 0}\n"
                + "  - {alert: B, expr: up > 1 or up == 0}\n")
        let outcome = try await Subprocess.run(["rules", "check", file])
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output == "\(file): 2 rules in 1 groups\n")
        #expect(outcome.error.contains("warning: \(file):5: B: up > 1 is never true"))
    }

    @Test("check ends with 1 for rules that cannot work, 3 for files that are not there")
    func wrong() async throws {
        let folder = try TemporaryFolder()
        let dead = try folder.file(
            "dead.yml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up > 1}\n")
        let broken = try folder.file(
            "broken.yml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'up >'}\n")
        for (file, says) in [(dead, "\(dead):4: A: up > 1"), (broken, "\(broken):4: expr")] {
            let outcome = try await Subprocess.run(["rules", "check", file])
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome.error.contains(says), "\(outcome)")
        }
        #expect(try await Subprocess.run(["rules", "check", folder.path + "/no"]).status == 3)
        #expect(try await Subprocess.run(["rules", "check"]).status == 2)
        #expect(try await Subprocess.run(["rules", "test"]).status == 2)
        let missing = try await Subprocess.run(["rules", "test", folder.path + "/no"])
        #expect(missing.status == 1)
        #expect(missing.error.contains("FAILED"))
    }

    private static let rules = """
        groups:
        - name: first
          rules:
          - record: job:errors:rate5m
            expr: sum by (job) (rate(errors_total[5m]))
          - alert: Down
            expr: up == 0
            for: 5m
            labels: {severity: page, job: "{{ $labels.job }}!"}
            annotations:
              summary: "{{ $labels.instance }} in {{ $externalLabels.region }} is at {{ $value }}"
        - name: second
          interval: 5m
          rules:
          - alert: Errors
            expr: job:errors:rate5m > 0.5
            annotations: {summary: "{{ printf \\"%.2f\\" $value }} of {{ humanize $value }}"}
          - alert: Gone
            expr: absent(up{job="c"})
        """

    /// Tests of which some fail in every way that tests can.
    private static let tests: [(name: String, text: String)] = [
        (
            "passing",
            """
            tests:
            - interval: 1m
              external_labels: {region: eu}
              input_series:
              - {series: 'up{job="a", instance="i"}', values: '1 1 0x9 1x5'}
              - {series: 'up{job="c"}', values: '1x20'}
              - {series: 'errors_total{job="a"}', values: '0+60x20'}
              - {series: 'errors_total{job="b"}', values: '0+6x20'}
              alert_rule_test:
              - eval_time: 7m
                alertname: Down
                exp_alerts:
                - exp_labels: {severity: page, job: a!, instance: i}
                  exp_annotations: {summary: i in eu is at 0}
              - {eval_time: 12m, alertname: Down}
              - eval_time: 10m
                alertname: Errors
                exp_alerts:
                - {exp_labels: {job: a}, exp_annotations: {summary: 1.00 of 1}}
              - {eval_time: 10m, alertname: Gone}
              promql_expr_test:
              - expr: job:errors:rate5m
                eval_time: 10m
                exp_samples:
                - {labels: 'job:errors:rate5m{job="a"}', value: 1}
                - {labels: 'job:errors:rate5m{job="b"}', value: 0.1}
              - {expr: 'ALERTS{alertname="Down"}', eval_time: 3m, exp_samples: [{labels: 'ALERTS{alertname="Down", alertstate="pending", instance="i", job="a!", severity="page"}', value: 1}]}
            """
        ),
        (
            "different",
            """
            evaluation_interval: 2m
            tests:
            - name: alerts that differ
              interval: 2m
              input_series:
              - {series: 'up{job="a", instance="i\\"1"}', values: '0x20'}
              alert_rule_test:
              - {eval_time: 9m, alertname: Down}
              - eval_time: 3m
                alertname: Gone
                exp_alerts: [{exp_labels: {a: b}}, {exp_annotations: {x: y}}]
            - interval: 2m
              input_series: [{series: x, values: '1 2.5e-3 _x2 stale -1-0.25x4'}]
              promql_expr_test:
              - {expr: x, eval_time: 2m, exp_samples: [{labels: x, value: 3}]}
              - {expr: x, eval_time: 8m, exp_samples: [{labels: x, value: 3}]}
              - {expr: sum(x) / 3, eval_time: 12m, exp_samples: [{labels: '{}', value: 1}, {labels: '{a="b"}'}]}
              - {expr: 'x{a="b"}', eval_time: 0, exp_samples: []}
              - {expr: time(), eval_time: 1h, exp_samples: [{labels: '{}', value: 3600}]}
              - {expr: 'x * 1e10', eval_time: 0, exp_samples: [{labels: '{}', value: 1}]}
              - {expr: 'vector(1)[5m:1m]', eval_time: 90s}
            """
        ),
        (
            "failing rule",
            """
            tests:
            - interval: 1m
              input_series:
              - {series: 'up{job="a", instance="i"}', values: '0x20'}
              - {series: 'up{job="a!", instance="i"}', values: '0x20'}
              - {series: 'up{job="a!", instance="i", severity="page"}', values: '_x5 0x9'}
              alert_rule_test: [{eval_time: 9m, alertname: Down}]
            """
        ),
        ("empty", "tests: []"), ("unknown key", "tests: [{colour: red}]"),
        (
            "order",
            """
            group_eval_order: [second, first]
            tests:
            - interval: 1m
              input_series: [{series: 'errors_total{job="a"}', values: '0+60x20'}]
              alert_rule_test:
              - {eval_time: 3m, alertname: Errors}
              - {eval_time: 4m, alertname: Errors, exp_alerts: [{exp_labels: {job: a}, exp_annotations: {summary: 0.60 of 600m}}]}
            """
        ),
    ]

    @Test(
        "test says what promtool says and ends as it does",
        .enabled(
            if: Promtool.path != nil, "SIDELIGHT_PROMTOOL names no promtool (Debian: prometheus)"),
        arguments: tests)
    func differential(name: String, text: String) async throws {
        let folder = try TemporaryFolder()
        _ = try folder.file("rules.yml", Self.rules)
        let file = try folder.file(
            "test.yml", "rule_files: [ru*s.yml, none.yml]\n\(text)")
        let theirs = try Subprocess(
            command: [try #require(Promtool.path), "test", "rules", file])
        let status = await theirs.exit()
        let ours = try await Subprocess.run(["rules", "test", file])
        #expect(ours.status == status, "\(ours)\n\(theirs.standardError)")
        #expect(status == (["passing", "empty", "order"].contains(name) ? 0 : 1), "\(ours)")
        #expect(ours.output == theirs.standardOutput)
        // What a parser says of a file that is not well is its own; of colliding alerts we say which.
        guard name != "unknown key", name != "failing rule" else { return }
        #expect(ours.error == theirs.standardError)
    }
}
