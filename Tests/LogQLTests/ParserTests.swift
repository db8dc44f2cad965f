import LogQL
import QueryCore
import Testing

@Suite("LogQL parser")
struct ParserTests {
    private static let forms: [(String, String)] = [
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
        ("{a=\"b\"} | json x=\"a.b[0]\", y", "{a=\"b\"} | json x=\"a.b[0]\", y=\"y\""),
        (
            "{a=\"b\"} | logfmt --strict --keep-empty x,y=`z`",
            "{a=\"b\"} | logfmt --strict --keep-empty x=\"x\", y=\"z\""
        ),
        ("{a=\"b\"} | regexp `(?P<x>.)`", "{a=\"b\"} | regexp \"(?P<x>.)\""),
        ("{a=\"b\"} | pattern `<x> <_>`", "{a=\"b\"} | pattern \"<x> <_>\""),
        ("{a=\"b\"} |> `<_> x` !> `y`", "{a=\"b\"} |> \"<_> x\" !> \"y\""),
        (
            "{a=\"b\"} |= ip(`10.0.0.0/8`) or `x` | i!=ip(\"::1\")",
            "{a=\"b\"} |= ip(\"10.0.0.0/8\") or \"x\" | i != ip(\"::1\")"
        ),
        (
            "{a=\"b\"}|unpack|decolorize|distinct x,y|keep a,b=~`c`|drop d",
            "{a=\"b\"} | unpack | decolorize | distinct x, y | keep a, b=~\"c\" | drop d"
        ),
        (
            "{a=\"b\"} | line_format `{{.x}}` | label_format y=z,w=`{{.v}}`",
            "{a=\"b\"} | line_format \"{{.x}}\" | label_format y=z, w=\"{{.v}}\""
        ),
        (
            "quantile_over_time(0.99,{a=\"b\"}|json|unwrap duration(x)|__error__=``[1m]) by (c)",
            "quantile_over_time(0.99, {a=\"b\"} | json | unwrap duration(x) | __error__ = \"\" [1m]) by (c)"
        ),
        ("sum_over_time({a=\"b\"}[1m] | unwrap x)", "sum_over_time({a=\"b\"} | unwrap x [1m])"),
        ("sum_over_time(({a=\"b\"})[1m] | unwrap x)", "sum_over_time({a=\"b\"} | unwrap x [1m])"),
        ("rate(({a=\"b\"}[1m]))", "rate({a=\"b\"} [1m])"),
        ("rate((({a=\"b\"} | json)[1m]))", "rate({a=\"b\"} | json [1m])"),
        ("rate(({a=\"b\"}[1m] | json))", "rate({a=\"b\"} | json [1m])"),
        (
            "topk(3, sum by (a) (rate({a=\"b\"}[1m])))",
            "topk(3, sum by (a) (rate({a=\"b\"} [1m])))"
        ),
        (
            "vector(1) >= bool on(a) group_left(b) vector(2) or vector(3)",
            "(vector(1) >= bool on (a) group_left (b) vector(2)) or vector(3)"
        ),
        (
            "label_replace(vector(1), `a`, `$1`, `b`, `(.)`)",
            "label_replace(vector(1), \"a\", \"$1\", \"b\", \"(.)\")"
        ),
        ("1 + 2 * 3", "1 + (2 * 3)"),
        (
            "((avg(sum by (a) (bytes_over_time({a=\"b\"}[1s])))))",
            "avg(sum by (a) (bytes_over_time({a=\"b\"} [1s])))"
        ),
    ]

    @Test("what it accepts prints back in one form", arguments: ParserTests.forms)
    func accepts(_ source: String, _ printed: String) throws {
        let expression = try LogQLEngine.parse(source)
        #expect(expression.description == printed)
        #expect(try LogQLEngine.parse(printed).description == printed)
    }

    private static let emptySelector =
        "parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will"

    private static let refusals: [(String, String)] = [
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
        (
            "rate(({a=\"b\"} | json [1m] | logfmt))",
            "parse error at line 1, col 27: syntax error: unexpected |, expecting )"
        ),
        (
            "variants(count_over_time({a=\"b\"}[1m])) of ({a=\"b\"}[1m])",
            "parse error at line 1, col 1: variants is not supported: Loki tried it behind a switch "
                + "and took it out again"
        ),
        (
            "{a=\"b\"} | line_format \"{{ .x | nope }}\"",
            "parse error at line 1, col 23: invalid line template: function \"nope\" not defined"
        ),
        (
            "{a=\"b\"} | label_format x=\"{{ .y\"",
            "parse error at line 1, col 26: invalid template for label 'x': unclosed action"
        ),
        (
            "{a=\"b\"} | label_format x=y, x=z",
            "parse error at line 1, col 29: multiple label name 'x' not allowed in a single format operation"
        ),
        (
            "{a=\"b\"} | label_format __error__=y",
            "parse error at line 1, col 24: __error__ cannot be formatted"
        ),
        (
            "{a=\"b\"} | regexp \"x\"",
            "parse error at line 1, col 18: at least one named capture must be supplied"
        ),
        (
            "{a=\"b\"} | pattern \"x <_>\"",
            "parse error at line 1, col 19: invalid pattern: at least one capture is required"
        ),
        (
            "{a=\"b\"} | pattern \"<x><y>\"",
            "parse error at line 1, col 19: invalid pattern: found consecutive capture '<y>': invalid expression"
        ),
        (
            "{a=\"b\"} |> \"<x> y\"",
            "parse error at line 1, col 12: invalid pattern: named captures are not allowed"
        ),
        (
            "{a=\"b\"} |~ ip(\"1.2.3.4\")",
            "parse error at line 1, col 25: ip() goes with |= and != only"
        ),
        (
            "{a=\"b\"} |= ip(\"1.2.3\")",
            "parse error at line 1, col 15: invalid ip(): \"1.2.3\" is no address"
        ),
        (
            "{a=\"b\"} | x > ip(\"1.2.3.4\")",
            "parse error at line 1, col 28: ip() goes with = and != only"
        ),
        (
            "{a=\"b\"} | json x=\"a..b\"",
            "parse error at line 1, col 18: cannot parse expression [a..b]: a field is expected"
        ),
        (
            "{a=\"b\"} | logfmt --loose",
            "parse error at line 1, col 20: syntax error: unexpected IDENTIFIER, expecting --strict or --keep-empty"
        ),
        (
            "{a=\"b\"} | unwrap x",
            "parse error at line 1, col 11: syntax error: unwrap outside of a range aggregation"
        ),
        (
            "sum_over_time({a=\"b\"}[5m])",
            "parse error at line 1, col 1: invalid aggregation sum_over_time without unwrap"
        ),
        (
            "count_over_time({a=\"b\"} | unwrap x [5m])",
            "parse error at line 1, col 1: invalid aggregation count_over_time with unwrap"
        ),
        (
            "rate({a=\"b\"}[5m]) by (x)",
            "parse error at line 1, col 19: grouping not allowed for rate aggregation"
        ),
        (
            "quantile_over_time({a=\"b\"} | unwrap x [5m])",
            "parse error at line 1, col 20: parameter required for operation quantile_over_time"
        ),
        (
            "avg_over_time({a=\"b\"} | unwrap seconds(x) [5m])",
            "parse error at line 1, col 32: unwrap by seconds() is not known"
        ),
        (
            "topk(rate({a=\"b\"}[5m]))",
            "parse error at line 1, col 6: parameter required for operation topk"
        ),
        (
            "topk(0, rate({a=\"b\"}[5m]))",
            "parse error at line 1, col 6: invalid parameter (must be greater than 0) topk"
        ),
        (
            "sort(rate({a=\"b\"}[5m])) by (x)",
            "parse error at line 1, col 5: grouping not allowed for sort"
        ),
        ("sum(1)", "parse error at line 1, col 5: sum of a number"),
        (
            "vector(1) and 1",
            "parse error at line 1, col 11: unexpected literal for right leg of logical/set binary operation (and)"
        ),
        (
            "vector(1) + bool vector(1)",
            "parse error at line 1, col 13: bool goes with comparisons only"
        ),
        (
            "vector(1) or on (a) group_left vector(1)",
            "parse error at line 1, col 21: no grouping allowed for set operation or"
        ),
        (
            "label_replace(vector(1), \"a\", \"b\", \"c\", \"(\")",
            "parse error at line 1, col 41: error parsing regexp: missing ): ("
        ),
        (
            "vector(1) + ",
            "parse error at line 1, col 13: syntax error: unexpected $end"
        ),
        (
            "vector(1)\(String(repeating: "^1", count: 101))",
            "parse error at line 1, col 210: more than 100 operators"
        ),
    ]

    @Test("what it refuses, and how", arguments: ParserTests.refusals)
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
