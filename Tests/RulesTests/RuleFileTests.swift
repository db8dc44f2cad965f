import Rules
import Store
import Testing

@Suite struct RuleFileTests {
    @Test("a file is read with everything that groups and rules may say")
    func everything() throws {
        let file = try RuleFile.parse(
            """
            groups:
            - name: first
              interval: 1500ms
              limit: 10
              query_offset: 1m
              labels: {team: a}
              rules:
              - record: job:up
                expr: sum by (job) (up)
              - alert: Down
                expr: |
                  up
                    == 0
                for: 1h30m
                keep_firing_for: 5m
                labels: {severity: page}
                annotations: {summary: "{{ $labels.job }} is down"}
            - name: second
            """, path: "a.yml")
        #expect(
            file.groups.map(\.key) == ["first", "second"].map { .init(file: "a.yml", name: $0) })
        let group = file.groups[0]
        #expect(group.interval == 1_500)
        #expect(group.limit == 10)
        #expect(group.queryOffset == 60_000)
        guard case .alerting(let alert) = group.rules[1] else {
            Issue.record("no alerting rule")
            return
        }
        #expect(alert.holdDuration == 5_400_000)
        #expect(alert.keepFiringFor == 300_000)
        #expect(alert.labels.map(\.name) == ["team", "severity"])
        #expect(file.groups[1].rules.isEmpty)
    }

    @Test("an empty file has no groups", arguments: ["", "groups:", "groups: []", "# nothing"])
    func empty(text: String) throws {
        #expect(try RuleFile.parse(text, path: "a.yml").groups.isEmpty)
    }

    /// A mistake, the line it stands on, and a part of what is said.
    static let mistakes: [(text: String, line: Int, says: String)] = [
        ("- a", 1, "must be a mapping"),
        ("group: []", 1, "unknown key \"group\""),
        ("groups: {}", 1, "must be a list"),
        ("groups:\n- interval: 1m", 2, "needs a name"),
        ("groups:\n- name: a\n- name: a", 3, "a second group"),
        ("groups:\n- name: a\n  interval: 1 minute", 3, "must be a duration"),
        ("groups:\n- name: a\n  interval: 0s", 3, "longer than 0"),
        ("groups:\n- name: a\n  limit: -1", 3, "whole number"),
        ("groups:\n- name: a\n  concurrency: 2", 3, "unknown key \"concurrency\""),
        ("groups:\n- name: a\n  name: b", 0, "twice"),
        ("groups:\n- name: [a", 0, "YAML"),
        (rule("expr: up"), 4, "one of record and alert"),
        (rule("record: a\n    alert: b\n    expr: up"), 4, "not both"),
        (rule("record: a"), 4, "needs expr"),
        (rule("record: a{b}\n    expr: up"), 4, "metric name"),
        (rule("record: a\n    expr: up\n    for: 1m"), 6, "alerting rules"),
        (rule("alert: a\n    expr: up\n    for: ten"), 6, "must be a duration"),
        (rule("alert: a\n    expr: up\n    severity: page"), 6, "unknown key \"severity\""),
        (rule("alert: a\n    expr: up\n    labels: [page]"), 6, "mapping"),
        (rule("alert: a\n    expr: up\n    labels: {__name__: x}"), 6, "cannot be set"),
        (rule("alert: a\n    expr: up[5m]"), 5, "not an instant vector"),
        (rule("alert: a\n    expr: up ==="), 5, "parse error"),
        (rule("alert: a\n    expr: |\n      up\n        ==\n        ) 1"), 8, "parse error"),
        (rule("alert: a\n    expr: up\n    annotations: {x: '{{ frange .X }}'}"), 6, "range"),
        (
            rule(
                "alert: a\n    expr: up\n    annotations:\n      x: |\n        one\n        {{ with }}"
            ),
            9, "missing value for command"
        ),
        ("groups:\n- name: a\n  datasource: influx", 3, "datasource must be"),
        (rule("alert: a\n    expr: up\n    range: 5m"), 6, "range belongs to"),
        (rule("alert: a\n    datasource: loki\n    expr: '{a=\"b\"}'"), 6, "yields log lines"),
        (rule("alert: a\n    datasource: tempo\n    expr: '{ }'"), 6, "yields spans"),
        (
            rule("alert: a\n    datasource: tempo\n    expr: '{ } | rate()'\n    range: 0s"), 7,
            "longer than 0"
        ),
        (rule("alert: a\n    datasource: loki\n    expr: 'rate({a='"), 6, "parse error"),
        (rule("alert: 1\n    expr: [up]"), 5, "must be text"),
    ]

    private static func rule(_ text: String) -> String {
        "groups:\n- name: g\n  rules:\n  - \(text)"
    }

    @Test("every mistake is told with its line", arguments: mistakes)
    func mistake(text: String, line: Int, says: String) throws {
        do throws(RuleFileError) {
            _ = try RuleFile.parse(text, path: "a.yml")
            Issue.record("accepted: \(text)")
        } catch {
            #expect(error.reason.contains(says), "\(error)")
            if line > 0 { #expect(error.line == line, "\(error)") }
            #expect(error.description.hasPrefix("a.yml:"))
        }
    }

    @Test("all documents of a file are read, and their groups have different names")
    func documents() throws {
        let one = "groups: [{name: a, rules: [{record: x, expr: up}]}]\n"
        let file = try RuleFile.parse(
            one + "---\n# none\n---\ngroups: [{name: b}]\n", path: "a.yml")
        #expect(file.groups.map(\.key.name) == ["a", "b"])
        let twice = #expect(throws: RuleFileError.self) {
            try RuleFile.parse(one + "---\n" + one, path: "a.yml")
        }
        #expect(twice?.line == 3)
        #expect(twice?.reason.contains("a second group is named \"a\"") == true)
        let broken = #expect(throws: RuleFileError.self) {
            try RuleFile.parse(one + "---\ngroups: [\n", path: "a.yml")
        }
        #expect(broken?.line ?? 0 >= 3)
    }

    @Test("labels may have names of any letters")
    func anyLabels() throws {
        let file = try RuleFile.parse(
            """
            groups:
            - name: g
              rules:
              - alert: A
                expr: 'sum by ("größe") ({"http.requests", "k8s.pod/name"="x"}) > 0'
                labels: {"größe": '{{ index $labels "größe" }}', k8s.pod: y}
            """, path: "a.yml")
        guard case .alerting(let alert) = file.groups[0].rules[0] else {
            Issue.record("no alerting rule")
            return
        }
        #expect(alert.labels.map(\.name) == ["größe", "k8s.pod"])
    }

    @Test(
        "a value that is not what its field takes is not repeated: it may be a secret",
        arguments: [
            ("interval: 1m", "interval: hush"), ("limit: 3", "limit: hush"),
            ("query_offset: 1s", "query_offset: hush"), ("for: 1m", "for: hush"),
            ("datasource: tempo", "datasource: hush"), ("range: 5m", "range: hush"),
            ("labels: {a: b}", "labels: hush"), ("labels: {a: b}", "labels: {a: [hush]}"),
            ("limit: 3", "limit: 3\n  limit: [hush"), ("limit: 3", "limit: \"hush"),
            ("limit: 3", "limit: 3\n  limit: hush"), ("limit: 3", "limit: hush: hush"),
        ])
    func secrets(line: String, wrong: String) throws {
        let text = """
            groups:
            - name: g
              interval: 1m
              limit: 3
              query_offset: 1s
              rules:
              - {alert: A, expr: '{ } | rate()', datasource: tempo, range: 5m, for: 1m, labels: {a: b}}
            """
        _ = try RuleFile.parse(text, path: "a.yml")
        let error = #expect(throws: RuleFileError.self) {
            try RuleFile.parse(text.replacing(line, with: wrong), path: "a.yml")
        }
        let complaint = error.map { "\($0)" } ?? ""
        #expect(complaint.hasPrefix("a.yml:"), "\(complaint)")
        #expect(!complaint.contains("hush"), "\(complaint)")
    }

    @Test("a file that is missing is named")
    func missing() {
        #expect(throws: RuleFileError.self) { try RuleFile.load("/nowhere/rules.yml") }
    }
}
