import PromQL
import QueryCore
import Testing

@Suite("PromQL parser")
struct ParserTests {
    @Test(
        "what it accepts prints back in one form",
        arguments: [
            ("foo", "foo"),
            ("1 + 2 * 3 ^ -4", "1 + 2 * 3 ^ -4"),
            ("0x1F", "31"), ("1_000", "1000"), ("010", "8"), (".5", "0.5"), ("1e3", "1000"),
            ("+Inf", "+Inf"), ("-inf", "-Inf"), ("1h30m", "1h30m"), ("90m", "1h30m"),
            ("foo{a='b', c=~\"d\",}", "foo{a=\"b\",c=~\"d\"}"),
            ("{\"foo.bar\", `l.x`!~'y'}", "{__name__=\"foo.bar\",\"l.x\"!~\"y\"}"),
            ("sum(foo) by (a,b)", "sum by (a, b) (foo)"),
            ("sum by () (foo)", "sum(foo)"),
            ("sum without (\"a.b\") (foo)", "sum without (\"a.b\") (foo)"),
            ("topk(5, foo)", "topk(5, foo)"),
            ("foo[5m] offset -1h @ 1.5", "foo[5m] @ 1.500 offset -1h"),
            ("foo[300]", "foo[5m]"),
            ("foo @ start() offset 1w", "foo @ start() offset 1w"),
            ("rate(foo[5m])[1h:1m] @ end()", "rate(foo[5m])[1h:1m] @ end()"),
            ("foo[5m:]", "foo[5m:]"),
            ("a+on(x)group_left(y)b", "a + on (x) group_left (y) b"),
            ("a/ignoring(x)group_right b", "a / ignoring (x) group_right () b"),
            ("a == bool 1", "a == bool 1"),
            ("a AND on() b", "a and on () b"),
            ("-foo ^ 2", "-foo ^ 2"), ("-(1)", "-(1)"), ("--1", "1"),
            ("\"a\\n\\u00e9\\x41\" # comment", "\"a\\né\\u{41}\"".replacing("\\u{41}", with: "A")),
            ("sum", "sum"), ("by + offset", "by + offset"), ("start", "start"),
            ("a atan2 b", "a atan2 b"), ("time()", "time()"),
        ])
    func accepts(_ source: String, _ printed: String) throws {
        let expression = try PromQLEngine.parse(source)
        #expect(expression.description == printed)
        #expect(try PromQLEngine.parse(printed).description == printed)
    }

    @Test(
        "what it refuses, and how",
        arguments: [
            ("", "unknown position: parse error: no expression found in input"),
            ("1 +", "1:4: parse error: unexpected end of input"),
            ("foo bar", "1:5: parse error: unexpected identifier \"bar\""),
            ("(1", "1:3: parse error: unclosed left parenthesis"),
            ("1)", "1:3: parse error: unexpected right parenthesis ')'"),
            (
                "foo{a}",
                "1:6: parse error: unexpected \"}\" in label matching, expected label matching operator"
            ),
            ("foo{a=1}", "1:7: parse error: unexpected character inside braces: '1'"),
            (
                "foo{a=b}",
                "1:7: parse error: unexpected identifier \"b\" in label matching, expected string"
            ),
            ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
            (
                "{a=\"\"}",
                "1:1: parse error: vector selector must contain at least one non-empty matcher"
            ),
            (
                "foo{__name__=\"bar\"}",
                "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""
            ),
            (
                "rate(foo)",
                "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"
            ),
            (
                "sum(foo[5m])",
                "1:5: parse error: expected type instant vector in aggregation expression, got range vector"
            ),
            ("nope(foo)", "1:1: parse error: unknown function with name \"nope\""),
            ("abs()", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 0"),
            (
                "round(a, 1, 2)",
                "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"
            ),
            (
                "label_join(a, \"b\")",
                "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2"
            ),
            (
                "topk(foo)",
                "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"
            ),
            ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
            ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
            (
                "a + bool b",
                "1:3: parse error: bool modifier can only be used on comparison operators"
            ),
            (
                "1 and 2",
                "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"
            ),
            (
                "a and on(x) group_left b",
                "1:1: parse error: no grouping allowed for \"and\" operation"
            ),
            (
                "a + on(x) group_left(x) b",
                "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"
            ),
            (
                "1 + on(x) a",
                "1:1: parse error: vector matching only allowed between instant vectors"
            ),
            (
                "\"a\" + 1",
                "1:1: parse error: binary expression must contain only scalar and instant vector types"
            ),
            (
                "-foo[5m]",
                "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\""
            ),
            ("foo[5m", "1:7: parse error: unexpected end of input in duration expression"),
            ("foo[5x]", "1:5: parse error: bad number or duration syntax: \"5x\""),
            (
                "foo[]",
                "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"
            ),
            ("foo[0s]", "1:5: parse error: duration must be greater than 0"),
            ("foo[1m1h]", "1:5: parse error: not a valid duration string: \"1m1h\""),
            ("(foo)[5m]", "1:6: parse error: ranges only allowed for vector selectors"),
            ("foo offset 1m[5m]", "1:14: parse error: no offset modifiers allowed before range"),
            (
                "foo offset",
                "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()"
            ),
            (
                "1 offset 1m",
                "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"
            ),
            ("foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
            (
                "foo[5m][1h:]",
                "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"
            ),
            ("\"a", "1:1: parse error: unterminated quoted string"),
            ("a = b", "1:3: parse error: unexpected \"=\""),
            ("a ! b", "1:3: parse error: unexpected character after '!': ' '"),
            ("sum(a b)", "1:7: parse error: unexpected identifier \"b\" in aggregation"),
            (
                "sum by a (b)",
                "1:8: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\""
            ),
            ("a\n+ ;", "2:3: parse error: unexpected character: ';'"),
            (
                "foo smoothed anchored",
                "1:1: parse error: anchored and smoothed modifiers cannot be used together"
            ),
            (
                "foo[5m:] anchored",
                "1:1: parse error: anchored modifier is not supported for subqueries"
            ),
            ("foo[5m / 0]", "1:8: parse error: division by zero"),
            (
                "a and fill (1) b",
                "1:1: parse error: filling in missing series not allowed for set operators"
            ),
        ])
    func refuses(_ source: String, _ message: String) {
        let error = failure { _ = try PromQLEngine.parse(source) }
        #expect(error?.message == message)
        #expect(error?.kind == .badData)
    }

    @Test("nesting and chains beyond the bound are refused, not followed")
    func depth() {
        let nested = String(repeating: "(", count: 100_000) + "1"
        #expect(
            failure { _ = try PromQLEngine.parse(nested) }?.message.contains("200 levels") == true)
        let chain = "1" + String(repeating: "+1", count: 100_000)
        #expect(
            failure { _ = try PromQLEngine.parse(chain) }?.message.contains("2000 operators")
                == true)
        let subqueries = "a" + String(repeating: "[1m:]", count: 100_000)
        #expect(
            failure { _ = try PromQLEngine.parse(subqueries) }?.message.contains("200 levels")
                == true)
    }

    @Test("an error shows the line with carets under the place")
    func excerpt() {
        let error = failure { _ = try PromQLEngine.parse("sum(\n  rate(foo)\n)") }
        #expect(error?.excerpt == "  rate(foo)\n       ^^^")
    }
}
