import LogQL
import QueryCore
import Testing

@Suite("LogQL parser")
struct ParserTests {
    @Test(
        "what it accepts prints back in one form",
        arguments: [
            ("{app=\"a\"}", "{app=\"a\"}"),
            ("{ app = `a` , b=~\"x|y\" , }", "{app=\"a\", b=~\"x|y\"}"),
            ("({app=\"a\"}) # comment", "{app=\"a\"}"),
            (
                "{a!=\"\", b!~\"z\"}|=\"x\"!=\"y\"|~`\\d`!~\"z\"",
                "{a!=\"\", b!~\"z\"} |= \"x\" != \"y\" |~ \"\\\\d\" !~ \"z\""
            ),
            ("{a=\"b\"} |= \"x\" or \"y\"", "{a=\"b\"} |= \"x\" or \"y\""),
            ("{a=\"b\"}|json|status>=500", "{a=\"b\"} | json | status >= 500"),
            (
                "{a=\"b\"} | x = 5 or y==-1.5, z!=\"c\"",
                "{a=\"b\"} | x == 5 or y == -1.5 and z != \"c\""
            ),
            (
                "{a=\"b\"} | (x=`1` or y=`2`) z=~`3`",
                "{a=\"b\"} | (x = \"1\" or y = \"2\") and z =~ \"3\""
            ),
            (
                "{a=\"b\"} | d > 1h30m and d < 1.5s and s <= 20MB and t != 1KiB",
                "{a=\"b\"} | d > 1h30m and d < 1s500ms and s <= 20MB and t != 1KiB"
            ),
            ("{a=\"b\"} | d > 1d", "{a=\"b\"} | d > 24h"),
            ("{a=\"b\"} | json != \"x\"", "{a=\"b\"} | json != \"x\""),
            (
                "{a=\"b\"} | drop __error__,x | json = \"y\"",
                "{a=\"b\"} | drop __error__, x | json = \"y\""
            ),
            ("{a=\"\\u00e9\\n\\x41\\\"\"}", "{a=\"é\\nA\\\"\"}"),
            ("rate({a=\"b\"}[5m])", "rate({a=\"b\"} [5m])"),
            ("rate({a=\"b\"}[5m] |= \"x\")", "rate({a=\"b\"} |= \"x\" [5m])"),
            (
                "sum by(x , y)(count_over_time({a=\"b\"} | json [1m] offset 1h))",
                "sum by (x, y) (count_over_time({a=\"b\"} | json [1m] offset 1h))"
            ),
            (
                "max(bytes_rate(({a=\"b\"})[90s])) without (c)",
                "max without (c) (bytes_rate({a=\"b\"} [1m30s]))"
            ),
            (
                "((avg(sum by (a) (bytes_over_time({a=\"b\"}[1s])))))",
                "avg(sum by (a) (bytes_over_time({a=\"b\"} [1s])))"
            ),
        ])
    func accepts(_ source: String, _ printed: String) throws {
        let expression = try LogQLEngine.parse(source)
        #expect(expression.description == printed)
        #expect(try LogQLEngine.parse(printed).description == printed)
    }

    private static let emptySelector =
        "parse error : queries require at least one regexp or equality matcher that does not have an "
        + "empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but "
        + "app=~\".+\" will"

    @Test(
        "what it refuses, and how",
        arguments: [
            ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
            (
                "{",
                "parse error at line 1, col 2: syntax error: unexpected $end, expecting IDENTIFIER"
            ),
            (
                "{a}",
                "parse error at line 1, col 3: syntax error: unexpected }, expecting =, !=, =~ or !~"
            ),
            (
                "{a=b}",
                "parse error at line 1, col 4: syntax error: unexpected IDENTIFIER, expecting STRING"
            ),
            (
                "{a=\"b\"",
                "parse error at line 1, col 7: syntax error: unexpected $end, expecting }"
            ),
            (
                "{a=\"b\"} |",
                "parse error at line 1, col 10: syntax error: unexpected $end, expecting IDENTIFIER"
            ),
            (
                "{a=\"b\"}\n |= 5",
                "parse error at line 2, col 5: syntax error: unexpected NUMBER, expecting STRING"
            ),
            ("{a=\"b\"} x", "parse error at line 1, col 9: syntax error: unexpected IDENTIFIER"),
            (
                "{a=\"b\"} | x",
                "parse error at line 1, col 12: syntax error: unexpected $end, expecting a comparison"
            ),
            (
                "{a=\"b\"} | x > \"1\"",
                "parse error at line 1, col 15: syntax error: unexpected STRING, expecting a number, duration or size"
            ),
            (
                "{a=\"b\"} | x =~ 1",
                "parse error at line 1, col 16: syntax error: unexpected NUMBER, expecting STRING"
            ),
            (
                "{a=\"b\"} | x > -5s",
                "parse error at line 1, col 16: syntax error: unexpected DURATION, expecting NUMBER"
            ),
            ("{a=\"b", "parse error at line 1, col 4: literal not terminated"),
            ("{a=\"\\q\"}", "parse error at line 1, col 4: invalid char escape"),
            (
                "{a=\"b\"} ; ",
                "parse error at line 1, col 9: syntax error: unexpected character ';'"
            ),
            (
                "{a=\"b\"} | x > 5zz",
                "parse error at line 1, col 15: syntax error: bad number, duration or size \"5zz\""
            ),
            (
                "rate({a=\"b\"})",
                "parse error at line 1, col 13: syntax error: unexpected ), expecting ["
            ),
            (
                "rate({a=\"b\"}[5])",
                "parse error at line 1, col 14: syntax error: unexpected NUMBER, expecting DURATION"
            ),
            ("{}", emptySelector), ("{a=\"\"}", emptySelector),
            ("{a=~\".*\", b!=\"x\"}", emptySelector),
            ("{a=\"b\"} | line_format \"x\"", "not supported yet: line_format"),
            ("{a=\"b\"} | logfmt", "not supported yet: logfmt"),
            ("{a=\"b\"} |> \"<_> x\"", "not supported yet: line filter |>"),
            ("{a=\"b\"} |= ip(\"1.2.3.4\")", "not supported yet: ip()"),
            ("{a=\"b\"} | x = ip(\"1.2.3.4\")", "not supported yet: ip()"),
            ("{a=\"b\"} | json x=\"y\"", "not supported yet: json with parameters"),
            ("topk(5, rate({a=\"b\"}[5m]))", "not supported yet: topk"),
            (
                "sum(rate({a=\"b\"}[5m])) > 2",
                "not supported yet: operator > between metric queries"
            ),
            (
                "sum(vector(1) or vector(2))",
                "not supported yet: operator or between metric queries"
            ),
            (
                "vector(1) / on (a) vector(1)", "not supported yet: on between metric queries"
            ),
            ("1 + 1", "not supported yet: a query of numbers alone"),
            (
                "vector(1) + ",
                "parse error at line 1, col 13: syntax error: unexpected $end"
            ),
            (
                "vector(1)" + String(repeating: "^1", count: 101),
                "parse error at line 1, col 210: more than 100 operators"
            ),
        ])
    func refuses(_ source: String, _ message: String) {
        let error = failure { _ = try LogQLEngine.parse(source) }
        #expect(error?.kind == .badData)
        #expect(error?.message == message)
    }

    @Test("a pattern that is none is refused where it stands")
    func patterns() {
        for source in ["{a=~\"(\"}", "{a=\"b\"} |~ \"(\"", "{a=\"b\"} | x !~ \"(\""] {
            let error = failure { _ = try LogQLEngine.parse(source) }
            #expect(error?.message.contains("error parsing regexp: ") == true, "\(source)")
            #expect(
                error?.range.map { source.utf8.count - $0.end } == (source.hasSuffix("}") ? 1 : 0))
        }
    }

    @Test("depth and length are bounded")
    func bounds() {
        let deep = String(repeating: "sum(", count: 200) + "rate({a=\"b\"}[1m])"
        #expect(
            failure { _ = try LogQLEngine.parse(deep) }?.message.contains("more than 100") == true)
        let filters = "{a=\"b\"} | " + String(repeating: "(", count: 200) + "x = 1"
        #expect(
            failure { _ = try LogQLEngine.parse(filters) }?.message.contains("more than 100")
                == true)
        let parentheses = String(repeating: "(", count: 100_000) + "{a=\"b\"}"
        #expect(
            failure { _ = try LogQLEngine.parse(parentheses) }?.message.contains("more than 100")
                == true)
        let long = "{a=\"" + String(repeating: "b", count: 200_000) + "\"}"
        #expect(
            failure { _ = try LogQLEngine.parse(long) }?.message.contains("maximum size") == true)
    }

    @Test("no prefix and no single changed byte of a query crashes")
    func robustness() {
        let source = Array(
            "sum by (a) (rate({a=\"b\", c=~`x`} |= \"é\\n\" or \"z\" | json | d >= 1.5s and e!=2KB[5m]))"
                .utf8)
        for length in 0..<source.count {
            _ = failure {
                _ = try LogQLEngine.parse(String(decoding: source[..<length], as: UTF8.self))
            }
            for byte: UInt8 in [0, 0x22, 0x28, 0x5C, 0x7C, 0xC3, 0xFF] {
                var changed = source
                changed[length] = byte
                let text = String(decoding: changed, as: UTF8.self)
                if let tree = try? LogQLEngine.parse(text) {
                    #expect(
                        (try? LogQLEngine.parse(tree.description).description) == tree.description)
                }
            }
        }
    }
}
