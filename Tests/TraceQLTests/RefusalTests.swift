import QueryCore
import Testing
import TraceQL

struct RefusalTests {
    private static let parent =
        "parent is a span: compare it with nil, or read an attribute of it (parent.NAME)"

    private static let refusals: [(query: String, message: String)] = [
        ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
        ("{ .a = }", "parse error at line 1, col 8: syntax error: unexpected }"),
        ("{ .a = 1", "parse error at line 1, col 9: syntax error: unexpected $end, expecting }"),
        ("{ . }", "parse error at line 1, col 3: syntax error: an attribute needs a name"),
        ("{ foo = 1 }", "parse error at line 1, col 3: syntax error: unexpected foo"),
        ("{ .a = \"x }", "parse error at line 1, col 8: literal not terminated"),
        ("{ .a = 'x' }", "parse error at line 1, col 8: syntax error: unexpected character '''"),
        (
            "{ span:foo = 1 }",
            "parse error at line 1, col 8: syntax error: unexpected foo, expecting an intrinsic of span:"
        ),
        ("{ childCount > 1 }", "parse error at line 1, col 3: syntax error: unexpected childCount"),
        (
            "{ .a = nil = nil",
            "parse error at line 1, col 17: syntax error: unexpected $end, expecting }"
        ),
        (
            "{ 1 }",
            "parse error at line 1, col 1: span filter field expressions must resolve to a boolean: { 1 }"
        ),
        (
            "{ name }",
            "parse error at line 1, col 1: span filter field expressions must resolve to a boolean: { name }"
        ),
        (
            "{ duration + 1s }",
            "parse error at line 1, col 1: span filter field expressions must resolve to a boolean: { duration + 1s }"
        ),
        (
            "{ name = 1 }",
            "parse error at line 1, col 3: binary operations must operate on the same type: name = 1"
        ),
        (
            "{ status = server }",
            "parse error at line 1, col 3: binary operations must operate on the same type: status = server"
        ),
        (
            "{ status > ok }",
            "parse error at line 1, col 3: illegal operation for the given types: status > ok"
        ),
        (
            "{ true > false }",
            "parse error at line 1, col 3: illegal operation for the given types: true > false"
        ),
        (
            "{ name && true }",
            "parse error at line 1, col 3: binary operations must operate on the same type: name && true"
        ),
        (
            "{ duration =~ \"x\" }",
            "parse error at line 1, col 3: binary operations must operate on the same type: duration =~ \"x\""
        ),
        ("{ .a =~ .b }", "parse error at line 1, col 9: invalid type for =~ or !~: .b"),
        (
            "{ name =~ \"[\" }",
            "parse error at line 1, col 11: invalid regex: \"[\": missing ]: ["
        ),
        (
            "{ !duration }",
            "parse error at line 1, col 3: illegal operation for the given type: !duration"
        ),
        (
            "{ -name = 1 }",
            "parse error at line 1, col 3: illegal operation for the given type: -name"
        ),
        (
            "{ name = nil }",
            "parse error at line 1, col 3: name=nil is not valid because intrinsics cannot be nil"
        ),
        (
            "{ resource.service.name = nil }",
            "parse error at line 1, col 3: resource.service.name=nil is not valid because "
                + "resource.service.name cannot be nil"
        ),
        (
            "{ .a } | count()",
            "parse error at line 1, col 17: syntax error: unexpected $end, expecting a comparison"
        ),
        ("{ .a } | count() > ", "parse error at line 1, col 20: syntax error: unexpected $end"),
        ("{ .a } | 1 > 2", "parse error at line 1, col 12: syntax error: unexpected >"),
        (
            "{ .a } | sum(name) > 1",
            "parse error at line 1, col 10: aggregate field expressions must resolve to a number type: sum(name)"
        ),
        (
            "{ .a } | max(1) > 1",
            "parse error at line 1, col 10: aggregate field expressions must reference the span: max(1)"
        ),
        (
            "{ .a } | count() > \"x\"",
            "parse error at line 1, col 20: syntax error: unexpected STRING"
        ),
        (
            "{ .a } | by(1)",
            "parse error at line 1, col 10: grouping field expressions must reference the span: by(1)"
        ),
        (
            "{ .a } | coalesce(1)",
            "parse error at line 1, col 19: syntax error: unexpected INTEGER, expecting )"
        ),
        (
            "{ .a } | select()",
            "parse error at line 1, col 17: syntax error: unexpected ), expecting an attribute"
        ),
        ("{ .a } + { .b }", "parse error at line 1, col 8: syntax error: unexpected +"),
        ("{ .a } >= { .b }", "parse error at line 1, col 8: syntax error: unexpected >="),
        (
            "{ .a } && ({ .b } | count() > 1)",
            "parse error at line 1, col 8: syntax error: unexpected &&"
        ),
        ("{ .a } && rate()", "parse error at line 1, col 11: syntax error: unexpected rate"),
        ("rate()", "parse error at line 1, col 1: syntax error: unexpected rate"),
        (
            "{ } | rate() | rate()",
            "parse error at line 1, col 16: syntax error: unexpected rate, expecting topk or bottomk"
        ),
        (
            "{ } | rate() | topk(0)",
            "parse error at line 1, col 14: topk and bottomk need a number above zero"
        ),
        (
            "{ } | rate() by(1)",
            "parse error at line 1, col 17: syntax error: unexpected INTEGER, expecting an attribute"
        ),
        (
            "{ } | max_over_time(name)",
            "parse error at line 1, col 7: max_over_time needs numbers, and name is none"
        ),
        (
            "{ } | quantile_over_time(duration, 1.5)",
            "parse error at line 1, col 7: quantile must be between 0 and 1: 1.5"
        ),
        (
            "{ } | rate() by(.a, .b, .c, .d, .e, .f)",
            "parse error at line 1, col 7: rate groups by at most 5 attributes"
        ),
        ("({ } | rate()) % 2", "parse error at line 1, col 16: syntax error: unexpected %"),
        (
            "({ } | compare({ .a })) + 1",
            "parse error at line 1, col 1: `compare()` cannot be used with second stage functions"
        ),
        ("{ parent = 1 }", "parse error at line 1, col 3: \(parent)"),
        ("{ parent }", "parse error at line 1, col 3: \(parent)"),
        ("{ } | rate() by(parent)", "parse error at line 1, col 7: \(parent)"),
        (
            "coalesce() | { true }",
            "parse error at line 1, col 1: syntax error: unexpected coalesce"
        ),
        ("({ } | rate()) * 10s", "parse error at line 1, col 16: syntax error: unexpected *"),
        ("10s * 2 + ({ } | rate())", "parse error at line 1, col 9: syntax error: unexpected +"),
        ("2s - ({ } | rate())", "parse error at line 1, col 4: syntax error: unexpected -"),
        ("({ } | rate()) > (10s * 2)", "parse error at line 1, col 18: syntax error: unexpected ("),
        (
            "({ } | rate()) > (10s * 10s)",
            "parse error at line 1, col 23: syntax error: unexpected *"
        ),
        (
            "(by(name) | count()) && ({ .a } | count() > 1)",
            "parse error at line 1, col 22: syntax error: unexpected &&"
        ),
        ("{ .a = 1 } { .b = 2 }", "parse error at line 1, col 12: syntax error: unexpected {"),
        ("{\n .a = 1 &&\n}", "parse error at line 3, col 1: syntax error: unexpected }"),
        (
            "{ .a = 99999999999999999999 }",
            "parse error at line 1, col 8: number 99999999999999999999 is out of range"
        ),
    ]

    @Test("a wrong query is refused with its place and a reason", arguments: refusals)
    func refused(query: String, message: String) {
        #expect(failure { _ = try TraceQLEngine.parse(query) }?.message == message, "\(query)")
    }

    @Test("what cannot be evaluated is refused by name")
    func notEvaluated() {
        let engine = TestSpans().engine
        #expect(
            failure { _ = try engine.search(TraceQLSearch(query: "{ } | rate()")) }?.message
                == "a query of spans is needed here, and this one yields series")
        #expect(
            failure { _ = try TestSpans().series("{ }", from: 0, to: 10, step: 1) }?.message
                == "a query of series is needed here, and this one yields spans")
    }
}
