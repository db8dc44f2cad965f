import Rules
import Telemetry
import Testing

@Suite("Templates")
struct TemplateTests {
    private func text(_ source: String, value: Double = 0.5) throws -> String {
        let surroundings = TemplateSurroundings(
            externalURL: "http://x/base", externalLabels: ["region": "eu"], time: 1_500_000_000_000
        ) { query in
            guard query != "broken" else {
                return .failure(TemplateError(line: 0, reason: "no such thing"))
            }
            let hosts = query == "none" ? [] : ["b", "a", "c"]
            return .success(
                hosts.enumerated().map {
                    TemplateSurroundings.Sample(
                        labels: Labels(["host": $0.element, "__value__": "v"]),
                        value: Double($0.offset) + 0.5)
                })
        }
        return try Template(source).text(
            for: Template.Subject(
                labels: Labels(["job": "api server", "n": "2048", "instance": "h.d.org:9100"]),
                value: value, surroundings: surroundings))
    }

    @Test(
        "labels, values and what the server is called",
        arguments: [
            ("plain", "plain"), ("", ""), ("{ {} }", "{ {} }"),
            ("{{ $labels.job }}!", "api server!"), ("{{.Labels.job}}", "api server"),
            ("{{ $labels.none }}", ""), ("{{ $value }}", "0.5"), ("{{ .Value }}", "0.5"),
            ("{{ $externalURL }}/a", "http://x/base/a"), ("{{ externalURL }}", "http://x/base"),
            ("{{ pathPrefix }}", "/base"), ("{{ $externalLabels.region }}", "eu"),
            ("{{ .ExternalLabels.region }}{{ $.Value }}", "eu0.5"), ("{{ now }}", "1.5e+09"),
            ("{{ \"a\\\"b\" }}", "a\"b"), ("{{ `a\\b` }}", "a\\b"), ("{{ 'a' }}", "97"),
            ("{{ \"\\u00e9\\x41\\n\" }}", "éA\n"),
            ("{{ 0x10 }} {{ 1_000 }} {{ -1.5e3 }}", "16 1000 -1500"),
            ("{{ $labels }}", "map[instance:h.d.org:9100 job:api server n:2048]"),
        ])
    func values(source: String, expected: String) throws {
        #expect(try text(source) == expected)
    }

    @Test(
        "white space, comments and control",
        arguments: [
            ("a {{- $value -}} b", "a0.5b"), ("a {{/* c */}} b", "a  b"),
            ("a {{- /* c */ -}} b", "ab"),
            ("{{ if gt $value 0.1 }}big{{ else }}small{{ end }}", "big"),
            (
                "{{ if lt $value 0.1 }}a{{ else if eq $labels.n \"2048\" }}b{{ else }}c{{ end }}",
                "b"
            ),
            ("{{ if not $labels.none }}none{{ end }}", "none"),
            ("{{ if and $labels.job (ge $value 0.5) }}both{{ end }}", "both"),
            ("{{ or $labels.none \"default\" }}", "default"), ("{{ and \"\" $nothing }}", "?"),
            (
                "{{ with $labels.job }}{{ . }}{{ end }}{{ with $labels.none }}x{{ else }}y{{ end }}",
                "api servery"
            ),
            ("{{ with $x := $labels.n }}{{ $x }}{{ . }}{{ end }}", "20482048"),
            ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ end }}{{ $x }}", "2"),
            (
                "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
                "instance=h.d.org:9100;job=api server;n=2048;"
            ),
            ("{{ range $labels }}{{ . }}|{{ else }}none{{ end }}", "h.d.org:9100|api server|2048|"),
            ("{{ range query \"none\" }}x{{ else }}none{{ end }}", "none"),
            (
                "{{ range $i, $s := query \"x\" }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $i }}{{ end }}",
                "02"
            ),
            ("{{ range query \"x\" }}{{ .Value }}{{ break }}{{ end }}", "0.5"),
            ("{{ define \"t\" }}<{{ . }}>{{ end }}{{ template \"t\" $labels.n }}", "<2048>"),
            (
                "{{ define \"t\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"t\" (args 1 \"b\") }}",
                "1-b"
            ),
            ("{{ block \"b\" $value }}[{{ . }}]{{ end }}", "[0.5]"),
            ("{{ (query \"x\" | first).Labels.host }}", "b"),
            ("{{ true }} {{ false }}", "true false"),
            ("a\n{{- if true }}\nb\n{{- end }}\nc", "a\nb\nc"),
        ])
    func control(source: String, expected: String) throws {
        guard expected != "?" else {
            #expect(throws: TemplateError.self) { try Template(source) }
            return
        }
        #expect(try text(source) == expected)
    }

    @Test(
        "functions on texts",
        arguments: [
            ("{{ $labels.job | title }}", "Api Server"), ("{{ title $labels.job }}", "Api Server"),
            ("{{ title \"a-bC d\" }}", "A-BC D"), ("{{ toUpper \"é\" }}", "É"),
            ("{{ $labels.job | toUpper | toLower }}", "api server"),
            ("{{ match \"^a.*r$\" $labels.job }} {{ match \"x\" $labels.job }}", "true false"),
            ("{{ reReplaceAll \"(\\\\w)p\" \"<$1>\" \"ap bp p\" }}", "<a> <b> p"),
            (
                "{{ reReplaceAll \"^a\" \"b\" \"aaa\" }} {{ reReplaceAll \"x*\" \"-\" \"ab\" }}",
                "baa -a-b-"
            ),
            (
                "{{ stripPort $labels.instance }} {{ stripPort \"[::1]:80\" }} {{ stripPort \"h\" }}",
                "h.d.org ::1 h"
            ),
            (
                "{{ stripDomain $labels.instance }} {{ stripDomain \"h.d\" }} {{ stripDomain \"10.0.0.1:9\" }}",
                "h:9100 h 10.0.0.1:9"
            ),
            (
                "{{ graphLink \"up{a='b'} + 1\" }}",
                "/graph?g0.expr=up%7Ba%3D%27b%27%7D+%2B+1&g0.tab=0"
            ),
            ("{{ tableLink \"up\" }}", "/graph?g0.expr=up&g0.tab=1"),
            ("{{ urlQueryEscape \"a b/ü\" }}", "a+b%2F%C3%BC"),
            ("{{ safeHtml \"<b>\" }}{{ html \"<'&\" }}", "<b>&lt;&#39;&amp;"),
            (
                "{{ len $labels.job }} {{ len (query \"x\") }} {{ index $labels \"n\" }}",
                "10 3 2048"
            ),
            ("{{ (index (query \"x\") 1).Value }} {{ slice \"abc\" 1 2 }}", "1.5 b"),
            ("{{ print 1 2 \"a\" 3 }}|{{ println \"a\" 1 }}", "1 2a3|a 1\n"),
            ("{{ urlquery \"a b\" }}", "a+b"),
            // A letter whose counterpart is two letters stays, as in Go.
            ("{{ toUpper \"aéß\" }} {{ toLower \"AÉẞ\" }}", "AÉß aéß"),
            ("{{ title \"hello wORLD\" }}", "Hello WORLD"),
        ])
    func texts(source: String, expected: String) throws {
        #expect(try text(source) == expected)
    }

    @Test(
        "functions on numbers, times and results",
        arguments: [
            ("{{ humanize $labels.n }}", "2.048k"),
            ("{{ humanize1024 $labels.n }} {{ humanize1024 1 }}", "2ki 1"),
            ("{{ $labels.n | humanizeDuration }}", "34m 8s"),
            ("{{ humanizeDuration 1e20 }}", "-106751991167300d -15h -30m -8s"),
            ("{{ humanizeDuration 9e15 }}", "104166666666d 16h 0m 0s"),
            ("{{ (toTime 1435065584.128).Year }}", "2015"),
            ("{{ humanizePercentage 0.1234567 }}", "12.35%"),
            ("{{ humanizeTimestamp 1500000000.5 }}", "2017-07-14 02:40:00.5 +0000 UTC"),
            ("{{ 1500000000 | toTime }}", "2017-07-14 02:40:00 +0000 UTC"),
            (
                "{{ (toTime 1500000000).Format \"Mon 2 Jan 2006 15:04 MST\" }}",
                "Fri 14 Jul 2017 02:40 UTC"
            ),
            ("{{ (toTime 1500000000.7).Unix }}", "1500000000"),
            ("{{ toDuration 3661.5 }} {{ toDuration 0.0015 }}", "1h1m1.5s 1.5ms"),
            ("{{ (toDuration 90).Minutes }}", "1.5"),
            ("{{ parseDuration \"1h30m\" }} {{ parseDuration \"-5s\" }}", "5400 -5"),
            (
                "{{ query \"x\" | first | value }} {{ query \"x\" | first | label \"host\" }}",
                "0.5 b"
            ),
            ("{{ range query \"x\" | sortByLabel \"host\" }}{{ .Labels.host }}{{ end }}", "abc"),
            ("{{ query \"x\" | first | strvalue }}", "v"),
            ("{{ eq 1 2 1 }} {{ ne \"a\" \"b\" }} {{ le 1.5 1.5 }}", "true true true"),
        ])
    func numbers(source: String, expected: String) throws {
        #expect(try text(source) == expected)
    }

    @Test(
        "printf is Go's",
        arguments: [
            ("{{ printf \"%.2f\" $value }}", "0.50"), ("{{ $value | printf \"%.1f%%\" }}", "0.5%"),
            ("{{ printf \"%s=%v\" $labels.n $value }}", "2048=0.5"),
            ("{{ printf \"%5.1f|%-6.2e|\" $value 3.0 }}", "  0.5|3.00e+00|"),
            ("{{ printf \"%d|%5d|%-3d|%03d\" 7 7 7 7 }}", "7|    7|7  |007"),
            ("{{ printf \"%q %x %X %o %b %c\" \"a\" 255 255 8 5 65 }}", "\"a\" ff FF 10 101 A"),
            ("{{ printf \"%6s|%-6s|%.2s\" \"abc\" \"abc\" \"abc\" }}", "   abc|abc   |ab"),
            ("{{ printf \"%g %v\" 1e21 1e-7 }}", "1e+21 1e-07"),
            ("{{ printf \"%d\" $value }}", "%!d(float64=0.5)"),
            ("{{ printf \"%s\" $value }}", "%!s(float64=0.5)"),
            ("{{ printf \"%.2f\" $labels.n }}", "%!f(string=2048)"),
            ("{{ printf \"%d\" }}", "%!d(MISSING)"),
            ("{{ printf \"a\" 1 }}", "a%!(EXTRA int=1)"),
            ("{{ printf \"%t %T\" true $value }}", "true float64"),
            ("{{ printf \"%*d\" 4 7 }}", "   7"), ("{{ printf \"100%\" }}", "100%!(NOVERB)"),
            ("{{ printf \"%+.1f\" $value }}", "+0.5"),
            ("{{ printf \"%U %U\" 228 128512 }}", "U+00E4 U+1F600"),
        ])
    func printf(source: String, expected: String) throws {
        #expect(try text(source) == expected)
    }

    @Test(
        "what goes wrong becomes the text: the alert is not lost",
        arguments: [
            ("{{ humanize $labels.job }}", "\"api server\" is not a number"),
            ("{{ toUpper $value }}", "expected string; got float64"),
            ("{{ .Nothing }}", "can't evaluate field Nothing"),
            ("{{ $labels.a.b }}", "can't evaluate field b in type string"),
            ("{{ if gt $value 5 }}a{{ end }}", "incompatible types for comparison"),
            ("{{ query \"broken\" }}", "no such thing"),
            ("{{ first (query \"none\") }}", "no elements"),
            ("{{ humanize }}", "wrong number of args"), ("{{ $value 1 }}", "non-function"),
            ("{{ template \"none\" }}", "not defined"), ("{{ match \"(\" \"a\" }}", "regexp"),
            ("{{ index (query \"x\") 9 }}", "out of range"),
            ("{{ range $value }}{{ end }}", "can't iterate"), ("{{ toTime 1e300 }}", "overflows"),
            ("{{ parseDuration \"x\" }}", "not a valid duration"),
            ("{{ nil }}", "nil is not a command"),
            ("{{ if nil }}a{{ end }}", "nil is not a command"),
            ("{{ call .Labels }}", "error calling call: non-function of type map[string]string"),
            ("{{ $labels.job | call }}", "error calling call: non-function of type string"),
            (
                "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
                "template depth"
            ),
            ("{{ range 900000 }}{{ range 900000 }}{{ end }}{{ end }}", "too long"),
            ("{{ range 999999 }}abcdefgh{{ end }}", "bytes"),
            ("{{ $x := \"abcd\" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}", "bytes"),
            ("{{ $x := args 1 }}{{ range 60 }}{{ $x = args $x $x }}{{ end }}", "bytes"),
            (
                "{{ $x := \"aaaaaaaa\" }}{{ range 14 }}{{ $x = print $x $x }}{{ end }}"
                    + "{{ reReplaceAll \"a\" $x $x }}", "bytes"
            ),
            ("{{ printf \"%1000s\" \"\" | len }}{{ nil.x }}", "?"),
        ])
    func failures(source: String, says: String) throws {
        guard says != "?" else {
            #expect(throws: TemplateError.self) { try Template(source) }
            return
        }
        let text = try text(source)
        #expect(text.hasPrefix("<error expanding template: "), "\(text)")
        #expect(text.contains(says) || text.contains("takes too long"), "\(text)")
    }

    @Test(
        "what does not parse is refused with its line",
        arguments: [
            ("{{ $foo }}", "undefined variable $foo"), ("{{ foo }}", "\"foo\" not defined"),
            ("{{ $value", "not closed"),
            ("{{ }}", "missing value"), ("{{ $value | }}", "missing value"),
            ("{{ | title }}", "missing value"), ("{{ $value | $value }}", "function"),
            ("{{ \"open }}", "not closed"), ("{{ 1.2.3 }}", "not a number"),
            ("{{ if true }}", "{{end}}"), ("{{ end }}", "unexpected {{end}}"),
            ("{{ else }}", "unexpected {{else}}"), ("{{ break }}", "outside {{range}}"),
            ("{{ if true }}{{ else }}{{ else }}{{ end }}", "expected {{end}}"),
            ("{{ (1 }}", "parenthesis"), ("{{ $x = 1 }}", "undefined variable $x"),
            ("{{ /* a }}", "comment"), ("{{ template x }}", "in quotes"),
            ("{{ define \"t\" }}{{ $labels.a }}{{ end }}", "undefined variable $labels"),
            ("{{ \"a\" \"b\" }}", "no arguments"), ("{{ # }}", "unexpected #"),
            ("{{ if true }}{{ $a := 1 }}{{ end }}{{ $a }}", "undefined variable $a"),
            ("{{ \"a\"\"b\" }}", "space"),
        ])
    func refusals(source: String, says: String) {
        do throws(TemplateError) {
            _ = try Template("\n" + source)
            Issue.record("accepted: \(source)")
        } catch {
            #expect(error.reason.contains(says), "\(error)")
            #expect(error.line == 2)
        }
    }

    @Test("nesting is bounded, and a template cut off anywhere is refused or read")
    func robust() {
        for deep in [
            String(repeating: "{{if true}}", count: 5_000),
            "{{" + String(repeating: "(", count: 5_000),
            "{{if 1}}" + String(repeating: "{{else if 1}}", count: 5_000) + "{{end}}",
        ] {
            #expect(throws: TemplateError.self) { try Template(deep) }
        }
        let source =
            "a {{- range $i, $s := query `x` -}} {{ printf \"%d\\n\" $i | html }}{{ else }}'{{ 'x' }}{{ end }}"
        for length in 0...source.utf8.count {
            let part = String(decoding: source.utf8.prefix(length), as: UTF8.self)
            do throws(TemplateError) {
                #expect(try Template(part).source == part)
            } catch {
                #expect(error.line == 1)
            }
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
    func goNumbers(value: Double, expected: String) throws {
        #expect(try text("{{ $value }}", value: value) == expected)
    }

    @Test(
        "humanize, humanizePercentage and humanizeDuration",
        arguments: [
            (0, "0 0% 0s"), (1, "1 100% 1s"), (1_234_567, "1.235M 1.235e+08% 14d 6h 56m 7s"),
            (0.00012, "120u 0.012% 120us"), (-90, "-90 -9000% -1m 30s"),
            (3_661, "3.661k 3.661e+05% 1h 1m 1s"), (12.3456, "12.35 1235% 12.35s"),
            (.infinity, "+Inf +Inf% +Inf"), (.nan, "NaN NaN% NaN"),
            // Seconds that do not fit, as promtool shows them.
            (1e30, "1e+06Y 1e+32% -106751991167300d -15h -30m -8s"),
        ] as [(Double, String)])
    func humanized(value: Double, expected: String) throws {
        let all =
            "{{ humanize $value }} {{ humanizePercentage $value }} {{ humanizeDuration $value }}"
        #expect(try text(all, value: value) == expected)
    }
}
