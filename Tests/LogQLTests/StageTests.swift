import LogQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("stages of pipelines")
struct StageTests {
    /// `labels | line` of the one line that passes, without the stream's own label.
    private func run(_ stages: String, on line: String) throws -> String? {
        let logs = TestLogs()
        logs.add(at: 1, .string(line))
        let streams = try LogQLEngine(store: logs.store).streams(
            "{service_name=\"shop\"} \(stages)", start: .zero, end: .distantFuture, limit: 9)
        guard let stream = streams.first, let entry = stream.entries.first else { return nil }
        let pairs = stream.labels.pairs.filter { $0.name != "service_name" }
        let labels = pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        return "\(labels) | \(String(decoding: entry.line, as: UTF8.self))"
    }

    /// The labels alone.
    private func labels(_ stages: String, of line: String) throws -> String? {
        try run(stages, on: line).map { text in
            String(text.prefix(text.count - line.count - 3))
        }
    }

    @Test(
        "json takes single values by their paths",
        arguments: [
            ("a=\"a\"", "a=1"), ("x=\"b.c\"", "x=d e"), ("x=\"b[\\\"f g\\\"]\"", "x=[1,{\"h\":2}]"),
            ("x=\"b[\\\"f g\\\"][1].h\", a", "a=1 x=2"),
            ("x=\"b\"", "x={\"c\":\"d e\",\"f g\":[1,{\"h\":2}]}"),
            ("x=\"missing.y\"", ""), ("x=\"n\"", ""),
            ("service_name=\"a\"", "service_name_extracted=1"),
        ])
    func jsonFields(fields: String, expected: String) throws {
        let line = #"{"a":1,"b":{"c":"d e","f g":[1,{"h":2}]},"n":null}"#
        let found = try labels("| json \(fields)", of: line)
        if fields.contains("[\\\"f g\\\"][1]") || !expected.contains("{") {
            #expect(found == expected)
        } else {
            #expect(found?.replacing(" ", with: "") == expected.replacing(" ", with: ""))
        }
        #expect(
            try labels("| json \(fields)", of: "no")
                == "__error__=JSONParserErr __error_details__=expecting a JSON object, but it is not one"
        )
    }

    @Test(
        "ip() looks for addresses in a value, with a port too; a line without the label fails",
        arguments: [
            ("a=ip(\"10.0.0.0/8\")", "a=10.0.0.6:4000", true),
            ("a!=ip(\"10.0.0.0/8\")", "a=10.0.0.6:4000", false),
            ("a=ip(\"10.0.0.0/8\")", "a=11.0.0.6:4000", false),
            ("a!=ip(\"10.0.0.0/8\")", "a=11.0.0.6", true),
            ("a=ip(\"2001:db8::/32\")", "a=[2001:db8::1]:443", true),
            ("a=ip(\"10.0.0.6\")", "a=\"1.2.3.4, 10.0.0.6\"", true),
            ("b!=ip(\"10.0.0.0/8\")", "a=10.0.0.6", false),
        ])
    func addresses(filter: String, line: String, passes: Bool) throws {
        #expect(try (run("| logfmt | \(filter)", on: line) != nil) == passes)
    }

    @Test(
        "logfmt reads pairs, quoted values and flags",
        arguments: [
            ("a=1 b=\"x y\" c", "a=1 b=x y"), ("a=\"q\\\"t\\n\" b.c=2", "a=q\"t\n b_c=2"),
            ("  a=1   a=2  ", "a=1"), ("a= b=3", "b=3"), ("x=y=z b=1", "b=1"), ("=1 b=1", "b=1"),
            ("a=\"open b=1", ""), ("größe=5", "gr__e=5"), ("", ""), ("just words here", ""),
        ])
    func logfmt(line: String, expected: String) throws {
        #expect(try labels("| logfmt", of: line) == expected)
    }

    @Test("strict logfmt fails on what the other passes over, and takes chosen keys")
    func strictLogfmt() throws {
        #expect(
            try labels("| logfmt --strict", of: "x=y=z b=1")
                == "__error__=LogfmtParserErr "
                + "__error_details__=logfmt syntax error at pos 4 : unexpected '='")
        #expect(
            try labels("| logfmt --strict", of: "x=\"open")
                == "__error__=LogfmtParserErr "
                + "__error_details__=logfmt syntax error at pos 8 : unterminated quoted value")
        #expect(try labels("| logfmt --strict", of: "b=1 flag") == "b=1")
        #expect(try labels("| logfmt s=\"b.c\", a", of: "a=1 b.c=2 d=3") == "a=1 s=2")
    }

    @Test("regexp and pattern make labels of what they capture")
    func captures() throws {
        let line = "10.0.0.1 - GET /cart?x=1 200"
        #expect(
            try labels("| regexp \"(?P<method>[A-Z]+) (?P<path>[^? ]+)(?P<no>#)?\"", of: line)
                == "method=GET path=/cart")
        #expect(try labels("| regexp \"(?P<x>zzz)\"", of: line) == "")
        #expect(
            try labels("| pattern `<ip> - <method> <path>?<_> <status>`", of: line)
                == "ip=10.0.0.1 method=GET path=/cart status=200")
        #expect(try labels("| pattern `GET <x>`", of: line) == "")
        #expect(
            try labels("| pattern `<ip> - <rest>#<x>`", of: line)
                == "ip=10.0.0.1 rest=GET /cart?x=1 200")
    }

    @Test(
        "a line filter by pattern fits the whole line",
        arguments: [
            ("foo <_> baz", true), ("<_> bar baz", true), ("foo bar baz", true), ("<_> bar", false),
            ("bar <_>", false), ("foo <_>", true), ("<_>", true), ("foo<_>bar baz", true),
            ("foo <_>bar baz", false), ("foo bar baz<_>", false), ("<_>baz", true), ("x", false),
        ])
    func patternFilter(pattern: String, fits: Bool) throws {
        #expect((try run("|> `\(pattern)`", on: "foo bar baz") != nil) == fits)
        #expect((try run("!> `\(pattern)`", on: "foo bar baz") == nil) == fits)
    }

    @Test("unpack gives the packed line and its labels back")
    func unpack() throws {
        #expect(
            try run("| unpack", on: #"{"_entry":"the \"line\"","pod":"p1","n":5}"#)
                == "pod=p1 | the \"line\"")
        #expect(
            try run("| unpack |= `line` | pod=`p1`", on: #"{"_entry":"the line","pod":"p1"}"#)
                == "pod=p1 | the line")
        #expect(
            try run("| unpack | drop __error_details__", on: "[1]")
                == "__error__=JSONParserErr | [1]")
    }

    @Test("decolorize takes colours out")
    func decolorize() throws {
        #expect(
            try run("| decolorize |= \"error: x\"", on: "\u{1B}[31;1merror\u{1B}[0m: x")
                == " | error: x")
        #expect(try run("| decolorize", on: "plain \u{1B}") == " | plain \u{1B}")
    }

    @Test("labels are renamed, set, dropped and kept")
    func labels() throws {
        let line = "a=1 b=2 c=3"
        #expect(try labels("| logfmt | label_format x=a", of: line) == "b=2 c=3 x=1")
        #expect(
            try labels("| logfmt | label_format a=b, x=`{{.a}}-{{.c}}`", of: line)
                == "a=2 c=3 x=2-3")
        #expect(try labels("| logfmt | label_format x=missing", of: line) == "a=1 b=2 c=3")
        #expect(try labels("| logfmt | drop a, b=`3`, c=~`[0-9]`", of: line) == "b=2")
        #expect(try labels("| logfmt | keep a, c=`9`", of: line) == "a=1")
        #expect(
            try labels("| logfmt | label_format service_name=`x`", of: line)?.contains("a=1")
                == true)
        #expect(try labels("| logfmt | drop a | a=``", of: line) == "b=2 c=3")
        #expect(try labels("| logfmt | label_format a=`` | a!=``", of: line) == nil)
    }

    @Test("of lines with the same values the first in the order of the scan stays")
    func distinct() throws {
        let logs = TestLogs()
        for (time, level) in [(1, "info"), (2, "warn"), (3, "info"), (4, "warn")] {
            logs.add(at: Int64(time), .string("level=\(level) n=\(time)"))
        }
        let found = try logs.lines("{service_name=\"shop\"} | logfmt | distinct level | keep n")
        #expect(found.map { String($0.suffix(3)) } == ["n=3", "n=4"])
    }

    @Test(
        "addresses are found in lines and compared in labels",
        arguments: [
            ("192.168.4.5", true), ("192.168.4.0/24", true), ("192.168.4.1-192.168.4.9", true),
            ("192.168.5.0/24", false), ("10.0.0.0/8", false), ("::1", false), ("fe80::/10", false),
        ])
    func addresses(set: String, holds: Bool) throws {
        let line = "from=192.168.4.5:8080 to=none"
        #expect((try run("|= ip(\"\(set)\")", on: line) != nil) == holds)
        #expect((try run("!= ip(\"\(set)\")", on: line) == nil) == holds)
        let plain = "addr=192.168.4.5 x=y"
        #expect((try run("| logfmt | addr = ip(\"\(set)\")", on: plain) != nil) == holds)
        #expect((try run("| logfmt | addr != ip(\"\(set)\")", on: plain) == nil) == holds)
        #expect(try run("| logfmt | x = ip(\"\(set)\")", on: plain) == nil)
    }

    @Test("addresses of IPv6 in all their spellings")
    func sixes() throws {
        for text in ["fe80::1", "fe80:0:0:0:0:0:0:1", "FE80::0001", "fe80::0.0.0.1"] {
            #expect(try run("|= ip(\"fe80::/64\")", on: "peer [\(text)] up") != nil, "\(text)")
            #expect(try run("|= ip(\"fe80::1\")", on: "peer \(text)") != nil, "\(text)")
        }
        #expect(try run("|= ip(\"::/0\")", on: "at 12:30:45 nothing") == nil)
    }

    @Test("stages see what those before them made of the line")
    func order() throws {
        let line = "a=1 b=2"
        #expect(
            try run("| logfmt | line_format `x={{.a}} y=z` | logfmt |= `y=z` != `b=`", on: line)
                == "a=1 b=2 x=1 y=z | x=1 y=z")
        #expect(try run("| line_format `{}` | json", on: line) == " | {}")
    }

    @Test("records kept as fields go through all stages as their lines would")
    func fields() throws {
        let logs = TestLogs()
        logs.add(
            at: 1, .empty,
            attributes: [
                Attribute("path", .string("/a")), Attribute("code", .int(500)),
                Attribute("in", .map([Attribute("ms", .double(1.5))])),
            ])
        let all = "{service_name=\"shop\"}"
        #expect(
            try logs.lines(all + " | json | line_format `{{.code}} {{.path}} {{.in_ms}}`")
                == [
                    "{code=\"500\", in_ms=\"1.5\", path=\"/a\", service_name=\"shop\"} 1 500 /a 1.5"
                ])
        #expect(try logs.lines(all + " | json ms=`in.ms` | ms > 1 | drop ms").count == 1)
        #expect(try logs.lines(all + " | regexp `\"path\":\"(?P<p>[^\"]+)\"` | p=`/a`").count == 1)
        #expect(try logs.lines(all + " | json | in_ms >= 1.5 and code = 500").count == 1)
    }
}
