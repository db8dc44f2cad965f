import LogQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("templates")
struct TemplateTests {
    /// What `line_format` makes of a line with labels `a="Abc d"`, `n="12"`, `f="2.5"`, `j`, `z` missing.
    private func render(_ template: String) throws -> (line: String, error: String) {
        let logs = TestLogs()
        logs.add(
            at: 1_700_000_000_123_456_789,
            .string(#"{"a":"Abc d","n":"12","f":"2.5","j":"{\"k\":[1,\"x\"],\"m\":{\"y\":true}}"}"#)
        )
        let streams = try LogQLEngine(store: logs.store).streams(
            "{service_name=\"shop\"} | json | line_format \(Self.quoted(template))", start: .zero,
            end: .distantFuture, limit: 1,
            context: QueryContext(startTime: Timestamp(seconds: 1_700_000_600)))
        let stream = try #require(streams.first)
        return (
            String(decoding: stream.entries[0].line, as: UTF8.self),
            stream.labels["__error__"] ?? ""
        )
    }

    /// As a literal in double quotes.
    private static func quoted(_ template: String) -> String {
        "\"\(template.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }

    @Test(
        "actions print values, functions and pipelines",
        arguments: [
            ("", ""), ("plain", "plain"), ("{{.a}}", "Abc d"), ("[{{ .z }}]", "[]"),
            ("{{.a | lower}}", "abc d"), ("{{ upper .a }}", "ABC D"),
            ("{{title `ab cd`}}", "Ab Cd"),
            ("x {{- .n -}} y", "x12y"), ("{{/* no */}}{{.n}}", "12"),
            ("{{ trunc 2 .a }}{{ trunc -1 .a }}", "Abd"), ("{{substr 1 3 .a}}", "bc"),
            ("{{ .a | replace `b` `--` }}", "A--c d"), ("{{ Replace .a `b` `+` -1 }}", "A+c d"),
            ("{{ trim `  x ` }}|{{ trimAll `$` `$5$` }}|{{ trimPrefix `A` .a }}", "x|5|bc d"),
            ("{{ TrimSuffix .a `d` }}|{{ TrimLeft `xxy` `x` }}|{{ TrimSpace ` q ` }}", "Abc |y|q"),
            (
                "{{ contains `bc` .a }} {{ hasPrefix `x` .a }} {{ hasSuffix `d` .a }}",
                "true false true"
            ),
            ("{{ repeat 3 `ab` }}", "ababab"), ("{{ indent 2 `x` }}", "  x"),
            (
                "{{ alignLeft 4 `ab` }}|{{ alignRight 4 `ab` }}|{{ alignRight 1 `ab` }}",
                "ab  |  ab|b"
            ),
            ("{{ b64enc .a }} {{ b64enc .a | b64dec }}", "QWJjIGQ= Abc d"),
            ("{{ urlencode `a b&c` }} {{ urldecode `a+b%26c` }}", "a+b%26c a b&c"),
            ("{{ default `none` .z }} {{ default `none` .a }}", "none Abc d"),
            ("{{ regexReplaceAll `([a-z])c` .a `${1}X` }}", "AbX d"),
            ("{{ regexReplaceAllLiteral `[a-z]` .a `$1` }}", "A$1$1 $1"),
            ("{{ count `[a-z]` .a }}", "3"), ("{{ regexReplaceAll `^A|x*` `Axb` `-` }}", "-xb"),
            ("{{ len .a }} {{ index .a 0 }} {{ slice .a 1 3 }}", "5 65 bc"),
            ("{{ printf `%s-%5.1f-%03d-%q-%v` .a 2.55 7 `x` true }}", "Abc d-  2.5-007-\"x\"-true"),
            ("{{ print 1 2 `x` 3 }}{{ println `y` }}", "1 2x3y\n"), ("{{ printf `%d%%` 5 }}", "5%"),
            ("{{ printf `%d` `x` }}", "%!d(string=x)"), ("{{ __line__ | trunc 4 }}", "{\"a\""),
            ("{{ __timestamp__ | unixEpoch }}", "1700000000"),
            (
                "{{ __timestamp__ | date `2006-01-02T15:04:05.000Z07:00` }}",
                "2023-11-14T22:13:20.123Z"
            ),
            ("{{ date `Mon Jan _2 3:04PM 06` __timestamp__ }}", "Tue Nov 14 10:13PM 23"),
            (
                "{{ toDate `2006-01-02 15:04:05` `2021-11-02 10:30:00` | unixEpochMillis }}",
                "1635849000000"
            ),
            ("{{ unixToTime `1700000000123` | unixEpochNanos }}", "1700000000123000000"),
            ("{{ now | unixEpoch }} {{ date `15:04` now }}", "1700000600 22:23"),
            (
                "{{ html `<a href=\"x\">'&` }} {{ urlquery `a b&c` `/` }}",
                "&lt;a href=&#34;x&#34;&gt;&#39;&amp; a+b%26c%2F"
            ),
            ("{{ js `it's <b> \"é\" = 1` }}", #"it\'s \u003Cb\u003E \"é\" \u003D 1"#),
        ])
    func actions(template: String, expected: String) throws {
        let (line, error) = try render(template)
        #expect(line == expected)
        #expect(error.isEmpty)
    }

    @Test(
        "times are read in a zone",
        arguments: [
            ("`2006-01-02 15:04` `UTC` `2021-07-01 12:00`", "1625140800"),
            ("`2006-01-02 15:04` `Europe/Berlin` `2021-07-01 12:00`", "1625133600"),
            ("`2006-01-02 15:04` `Europe/Berlin` `2021-01-01 12:00`", "1609498800"),
            ("`2006-01-02 15:04` `America/New_York` `2021-07-01 12:00`", "1625155200"),
            // The zone that the text says comes first.
            ("`2006-01-02 15:04 -0700` `Europe/Berlin` `2021-07-01 12:00 +0000`", "1625140800"),
            ("`2006-01-02 15:04 Z07:00` `Europe/Berlin` `2021-07-01 12:00 Z`", "1625140800"),
            // Known by no name: UTC.
            ("`2006-01-02 15:04` `Middle/Earth` `2021-07-01 12:00`", "1625140800"),
            // The hour that is left out in spring, and what comes twice in autumn.
            ("`2006-01-02 15:04` `Europe/Berlin` `2021-03-28 02:30`", "1616895000"),
            ("`2006-01-02 15:04` `Europe/Berlin` `2021-10-31 03:30`", "1635647400"),
            ("`2006-01-02` `Asia/Kolkata` `2021-11-02`", "1635791400"),
        ])
    func zones(arguments: String, expected: String) throws {
        #expect(try render("{{ toDateInZone \(arguments) | unixEpoch }}").line == expected)
        // Dates are written as the server's clock has them.
        let time = Int64(expected).map { Timestamp(seconds: $0) }
        let date = try render("{{ toDateInZone \(arguments) | date `2006-01-02T15:04:05Z` }}")
        #expect(date.line == time.map { RFC3339.string($0) })
        #expect(date.error.isEmpty)
    }

    @Test("a time shows the zone that it was read in")
    func shownZones() throws {
        let shown = try render(
            "{{ toDateInZone `2006-01-02 15:04` `Asia/Kolkata` `2021-07-01 12:00` }}")
        #expect(shown.line.hasPrefix("2021-07-01 12:00:00 +0530 "))
        #expect(try render("{{ toDate `2006` `2021` }}").line == "2021-01-01 00:00:00 +0000 UTC")
    }

    @Test(
        "numbers",
        arguments: [
            (
                "{{ add .n 3 1 }} {{ sub .n 2 }} {{ mul .n 2 }} {{ div 7 2 }} {{ mod 7 4 }}",
                "16 10 24 3 3"
            ),
            ("{{ addf .f 1 }} {{ subf 5 .f }} {{ mulf .f 2 }} {{ divf 1 4 }}", "3.5 2.5 5 0.25"),
            ("{{ max 1 .n 3 }} {{ min 1 .n }} {{ maxf 1.5 .f }} {{ minf 1.5 .f }}", "12 1 2.5 1.5"),
            (
                "{{ ceil .f }} {{ floor .f }} {{ round 123.5555 3 }} {{ round -1.5 0 }}",
                "3 2 123.556 -2"
            ),
            ("{{ int .n }} {{ float64 .f }} {{ add `x` 1 }} {{ int `1.0` }}", "12 2.5 1 1"),
            (
                "{{ bytes `2KB` }} {{ duration `1m30s` }} {{ duration_seconds `1500ms` }}",
                "2000 90 1.5"
            ),
        ])
    func numbers(template: String, expected: String) throws {
        #expect(try render(template).line == expected)
    }

    @Test(
        "branches, loops and variables",
        arguments: [
            ("{{ if eq .a `Abc d` }}y{{ else }}n{{ end }}", "y"),
            ("{{ if .z }}y{{ else if .a }}e{{ else }}n{{ end }}", "e"),
            ("{{ if and .a (not .z) (or .z .n) }}y{{ end }}", "y"),
            ("{{ if or (eq .n `1` `12`) false }}y{{ end }}{{ if ne .n `12` }}no{{ end }}", "y"),
            ("{{ if gt (int .n) 5 }}big{{ end }}{{ if lt 1.5 0.5 }}no{{ end }}", "big"),
            ("{{ $x := .n }}{{ $x = add $x 1 }}{{ $x }}", "13"),
            ("{{ with .a }}{{ . }}!{{ end }}{{ with .z }}no{{ else }}none{{ end }}", "Abc d!none"),
            (
                "{{ $j := fromJson .j }}{{ range $i, $e := $j.k }}{{ $i }}={{ $e }};{{ end }}",
                "0=1;1=x;"
            ),
            ("{{ range (fromJson .j).k }}{{ . }},{{ end }}", "1,x,"),
            ("{{ range $k, $v := fromJson .j }}{{ $k }} {{ end }}", "k m "),
            ("{{ (fromJson .j).m.y }} {{ index (fromJson .j).k 1 }}", "true x"),
            (
                "{{ range fromJson `[1,2,3]` }}{{ if eq . 2.0 }}{{ break }}{{ end }}{{ . }}{{ end }}",
                "1"
            ),
            ("{{ range fromJson `[]` }}x{{ else }}empty{{ end }}", "empty"),
        ])
    func control(template: String, expected: String) throws {
        let (line, error) = try render(template)
        #expect(line == expected)
        #expect(error.isEmpty)
    }

    @Test(
        "what fails leaves the line and says so",
        arguments: [
            "{{ div 1 0 }}", "{{ upper 5 }}", "{{ index .a 99 }}", "{{ eq 1 `1` }}", "{{ .a.b }}",
            "{{ duration `x` }}", "{{ regexReplaceAll `(` .a `x` }}", "{{ .a 1 }}",
            "{{ trunc .a 1 }}",
            "{{ repeat 99999999 `xxxxxxxxx` }}", "{{ range .a }}{{ end }}", "{{ urldecode `%zz` }}",
        ])
    func failures(template: String) throws {
        let (line, error) = try render(template)
        #expect(line.hasPrefix("{\"a\":"))
        #expect(error == "TemplateFormatErr")
    }

    @Test(
        "what is no template is refused",
        arguments: [
            "{{", "{{ .a", "{{ end }}", "{{ if .a }}", "{{ else }}", "{{ $x }}", "{{ nope }}",
            "{{ 5x }}",
            "{{ (.a }}", "{{ .a ) }}", "{{ range }}{{ end }}", "{{ break }}",
            "{{ template \"x\" }}",
            "{{ \"open }}", "{{ /* open }}", "{{ .a | 5 }}", "{{ }}", "{{ $x = 5 }}", "{{ 'ab' }}",
        ])
    func refusals(template: String) {
        let error = failure {
            _ = try LogQLEngine.parse("{a=\"b\"} | line_format \(Self.quoted(template))")
        }
        #expect(error?.message.contains("invalid line template: ") == true, "\(template)")
    }

    @Test("no loop and no text grows beyond its bounds")
    func bounds() throws {
        let deep =
            String(repeating: "{{ if .a }}", count: 60) + String(repeating: "{{ end }}", count: 60)
        #expect(failure { _ = try render(deep) }?.message.contains("more than 50 levels") == true)
        let list = "fromJson `[\(String(repeating: "1,", count: 999))1]`"
        let nested = "{{ range \(list) }}{{ range \(list) }}{{ end }}{{ end }}"
        #expect(try render(nested).error == "TemplateFormatErr")
    }
}
