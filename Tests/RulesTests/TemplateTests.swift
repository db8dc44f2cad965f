import Rules
import Telemetry
import Testing

@Suite struct TemplateTests {
    private func text(_ source: String, value: Double = 0.5) throws -> String {
        try Template(source).text(
            for: Template.Subject(
                labels: Labels(["job": "api server", "n": "2048"]), value: value,
                externalURL: "http://x"))
    }

    @Test(
        "what templates may say",
        arguments: [
            ("plain", "plain"), ("", ""), ("{ {} }", "{ {} }"),
            ("{{ $labels.job }}!", "api server!"), ("{{.Labels.job}}", "api server"),
            ("{{ $labels.none }}", ""), ("{{ $value }}", "0.5"), ("{{ .Value }}", "0.5"),
            ("{{ $externalURL }}/a", "http://x/a"), ("{{ \"a\\\"b\" }}", "a\"b"),
            ("{{ `a\\b` }}", "a\\b"), ("{{ $labels.job | title }}", "Api Server"),
            ("{{ title $labels.job }}", "Api Server"), ("{{ toUpper \"é\" }}", "É"),
            ("{{ $labels.job | toUpper | toLower }}", "api server"),
            ("{{ humanize $labels.n }}", "2.048k"),
            ("{{ $labels.n | humanizeDuration }}", "34m 8s"),
            ("{{ printf \"%.2f\" $value }}", "0.50"), ("{{ $value | printf \"%.1f%%\" }}", "0.5%"),
            ("{{ printf \"%s=%v\" $labels.n $value }}", "2048=0.5"),
            ("{{ printf \"%5.1f|%-6.2e\" $value 3 }}", "  0.5|3.00e+00"),
            (
                "{{ humanize $labels.job }}",
                "<error expanding template: humanize: \"api server\" is not a number>"
            ),
        ])
    func renders(source: String, expected: String) throws {
        #expect(try text(source) == expected)
    }

    @Test(
        "what they may not say is refused by name",
        arguments: [
            ("{{ query \"up\" }}", "query"), ("{{ range $x }}", "range"), ("{{ if $value }}", "if"),
            ("{{ end }}", "end"), ("{{ $labels }}", "$labels.name"),
            ("{{ $labels.a.b }}", "$labels.a.b"),
            ("{{ $foo }}", "$foo"), ("{{ . }}", "."), ("{{- $value }}", "trim marker"),
            ("{{ $value -}}", "trim marker"), ("{{ ($value) }}", "("), ("{{ $value", "not closed"),
            ("{{ }}", "empty"), ("{{ $value | }}", "after |"), ("{{ | title }}", "before |"),
            ("{{ $value $value }}", "no arguments"), ("{{ $value | $value }}", "function"),
            ("{{ toUpper $value }}", "not a number"), ("{{ humanize }}", "one value"),
            ("{{ humanize $value $value }}", "one value"), ("{{ printf $value }}", "format"),
            ("{{ printf \"%d\" $value }}", "%d"), ("{{ printf \"%s\" $value }}", "%s"),
            ("{{ printf \"%.2f\" $labels.job }}", "needs a number"),
            ("{{ printf \"%.2f\" }}", "fewer"), ("{{ printf \"a\" $value }}", "more"),
            ("{{ printf \"%999f\" $value }}", "wider"), ("{{ \"open }}", "not closed"),
            ("{{ /* a */ }}", "/"), ("{{ 1.2.3 }}", "not a number"),
        ])
    func refuses(source: String, says: String) throws {
        do throws(TemplateError) {
            _ = try Template(source)
            Issue.record("accepted: \(source)")
        } catch {
            #expect(error.reason.contains(says), "\(error)")
            #expect(error.line == 1)
        }
    }

    @Test(
        "numbers print as Go prints them",
        arguments: [
            (0, "0"), (1, "1"), (-1.5, "-1.5"), (100_000, "100000"), (1_000_000, "1e+06"),
            (1_234_567.5, "1.2345675e+06"), (0.0001, "0.0001"), (0.00001, "1e-05"),
            (1e100, "1e+100"), (1e21, "1e+21"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.nan, "NaN"), (0.1, "0.1"), (123_456.789, "123456.789"),
        ] as [(Double, String)])
    func numbers(value: Double, expected: String) throws {
        #expect(try text("{{ $value }}", value: value) == expected)
    }

    @Test(
        "humanize, humanizePercentage and humanizeDuration",
        arguments: [
            (0, "0 0% 0s"), (1, "1 100% 1s"), (1_234_567, "1.235M 1.235e+08% 14d 6h 56m 7s"),
            (0.00012, "120u 0.012% 120us"), (-90, "-90 -9000% -1m 30s"),
            (3_661, "3.661k 3.661e+05% 1h 1m 1s"), (12.3456, "12.35 1235% 12.35s"),
            (.infinity, "+Inf +Inf% +Inf"), (.nan, "NaN NaN% NaN"),
            (1e30, "1e+06Y 1e+32% 1e+30s"),
        ] as [(Double, String)])
    func humanized(value: Double, expected: String) throws {
        let all =
            "{{ humanize $value }} {{ humanizePercentage $value }} {{ humanizeDuration $value }}"
        #expect(try text(all, value: value) == expected)
    }
}
