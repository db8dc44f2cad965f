import QueryCore
import Testing
import TraceQL

struct ParserTests {
    private func printed(_ query: String) throws -> String {
        try TraceQLEngine.parse(query).description
    }

    @Test("what Tempo's grammar accepts is parsed and prints back to the same query")
    func acceptedQueries() throws {
        let queries = [
            "{ }", "{ true }", "{ .a = 1 }", #"{ span."my attr".x = "y" }"#, "{ .a = -1 }",
            "{ duration > 1s && status = error }", "{ name =~ `a.*` || kind != server }",
            "{ resource.service.name = \"x\" } >> { span.http.status_code >= 500 }",
            "{ 1 + 2 * 3 ^ 2 = .x % 4 - 5 / 6 }", "{ !(.a && .b) }", "{ .a != nil && nil = .b }",
            "{ nil = nil }", "{ nil != .a }", "{ event:name = \"e\" && event.k = 1 }",
            "{ link:traceID = \"00\" && link.k = 1 && link:spanID = \"1\" }",
            "{ instrumentation:name = \"i\" && instrumentation:version = \"1\" }",
            "{ instrumentation.x = 1 }", "{ trace:id = \"1\" && trace:duration > 1ms }",
            "{ trace:rootName = \"r\" && trace:rootService = \"s\" && rootServiceName = \"s\" }",
            "{ span:id = \"1\" && span:parentID = \"\" && span:childCount > 2 }",
            "{ span:statusMessage = \"m\" && span:kind = client && span:status = unset }",
            "{ nestedSetLeft > 1 && nestedSetRight < 5 && nestedSetParent = -1 }",
            "{ traceDuration > 1h30m && event:timeSinceStart < 1.5ms }",
            "{ parent.x = 1 && parent.span.y = 2 && parent.resource.z = 3 }",
            "{ .a = minInt || .a = maxInt || .a = 0x1F || .a = 1e3 || .a = .5 }",
            "{ .a } && { .b } || { .c }", "({ .a } > { .b }) !>> { .c }",
            "{ .a } < { .b } << { .c } ~ { .d } !> { .e } !< { .f } !<< { .g } !~ { .h }",
            "{ .a } &> { .b } &< { .c } &>> { .d } &<< { .e } &~ { .f }",
            "{ .a } | count() > 2", "{ .a } | avg(duration) * 2 + 1s >= 1m",
            "{ .a } | min(.b) = 1 | max(.b + 1) != 2 | sum(.c) < 3.5", "count() > 1",
            "{ .a } | by(.b) | coalesce() | select(.c, name, event:name)", "by(name)",
            "select(.a) | { .b }", "({ .a } | count() > 1) && ({ .b })",
            "({ .a } | count() > 1) >> ({ .b } | by(.c))", "(({ .a }))", "(count() > 2)",
            "({ .a } | count()) > ({ .b } | count()) * 2", "({ .a } | count()) > 3",
            "({ .a } | count() > 1 | { .b } | avg(duration)) + ({ } | max(.c)) <= 2s",
            "{ parent = nil && nil != parent }", "{ } | rate() with (extrapolate=true)",
            "{ } with (nonsense=1)", "{ } | rate() with (extrapolate=1)",
            "({ } | max_over_time(duration)) > 10s", "{ } | rate() >= -10s",
            "(by(name) | count()) > 2",
            "{ } | rate()", "{ .a } | rate() by(.b, resource.c, name)",
            "{ } | count_over_time() by(span.a)", "{ } | min_over_time(duration)",
            "{ } | max_over_time(.a) by(.b)", "{ } | avg_over_time(duration)",
            "{ } | sum_over_time(span.bytes) by(name)", "{ } | histogram_over_time(duration)",
            "{ } | quantile_over_time(duration, .5, 0.9, 1) by(name)",
            "{ } | compare({ status = error })", "{ } | compare({ .a }, 5, 100, 200)",
            "{ } | rate() by(.a) | topk(5) > 0.5 | bottomk(2)", "{ } | rate() > 1 != 3",
            "({ .a } | rate()) / ({ } | rate())", "(({ .a } | rate()) + 1) * 2 - ({ } | rate())",
            "100 * ({ } | rate() | topk(3)) > 5", "({ } | rate()) / -(2 + 3) | topk(1)",
            "{ } | rate() with (exemplars=true)", "{ .a } with (most_recent=true, sample=0.5)",
            "{ .a } // a comment\n | /* another */ count() > 1",
            "(({ } | rate()) > 1)", "{ name = \"a\\\"b\\n\" }",
        ]
        for query in queries {
            let text = try #require(
                try? printed(query),
                "\(query): \(failure { _ = try printed(query) }?.message ?? "")")
            #expect(try printed(text) == text, "\(query)")
        }
    }

    @Test("operators bind as in Tempo's grammar")
    func precedence() throws {
        let expected = [
            "{ .a || .b && .c }": "{ (.a || .b) && .c }",
            "{ .a = 1 && .b = 2 }": "{ (.a = 1) && (.b = 2) }",
            "{ .a + 1 > .b * 2 }": "{ (.a + 1) > (.b * 2) }",
            "{ .a - 1 - 2 = 0 }": "{ ((.a - 1) - 2) = 0 }",
            "{ .a ^ 2 ^ 3 = 0 }": "{ (.a ^ (2 ^ 3)) = 0 }",
            "{ -.a * 2 = 0 }": "{ (-(.a * 2)) = 0 }",
            "{ -.a + 2 = 0 }": "{ ((-.a) + 2) = 0 }",
            "{ !.a = .b }": "{ (!.a) = .b }",
            "{ !.a && .b }": "{ (!.a) && .b }",
            "{ .a } && { .b } > { .c }": "{ .a } && ({ .b } > { .c })",
            "{ .a } > { .b } >> { .c }": "({ .a } > { .b }) >> { .c }",
            "{ } | max(duration) > 1s + 2 * 3s": "{ } | max(duration) > 7s",
            "{ .a != nil = true }": "{ (.a != nil) = true }",
            "1 + 2 * ({ } | rate())": "(1) + ((2) * ({ } | rate()))",
        ]
        for (query, text) in expected { #expect(try printed(query) == text) }
    }

    @Test("names of attributes hold what Tempo's may hold")
    func attributeNames() throws {
        #expect(try printed("{ .a-b/c*d+e%f:g = 1 }") == "{ .a-b/c*d+e%f:g = 1 }")
        #expect(try printed(#"{ ."a b" = 1 }"#) == #"{ ."a b" = 1 }"#)
        #expect(try printed(#"{ .a."b(c)".d = 1 }"#) == #"{ ."a.b(c).d" = 1 }"#)
        #expect(try printed(#"{ span."q\"\\" = 1 }"#) == #"{ span."q\"\\" = 1 }"#)
        #expect(try printed("{ parent.span.x = 1 }") == "{ parent.span.x = 1 }")
        #expect(try printed("{ span.duration = 1 }") == "{ span.duration = 1 }")
    }

    @Test("durations are read and printed as Go does")
    func durations() throws {
        let durations = [
            "1h30m": "1h30m0s", "1.5s": "1.5s", "100ms": "100ms", "250us": "250µs",
            "1d": "24h0m0s", "0s": "0s", "1ns": "1ns", "90s": "1m30s", "1ms5us": "1.005ms",
        ]
        for (text, expected) in durations {
            #expect(try printed("{ duration > \(text) }") == "{ duration > \(expected) }")
        }
    }

    @Test("the nesting and the length of a query are bounded")
    func bounds() {
        let deep = String(repeating: "(", count: 5_000)
        #expect(failure { _ = try TraceQLEngine.parse("{ \(deep)") }?.kind == .badData)
        #expect(failure { _ = try TraceQLEngine.parse(deep) }?.kind == .badData)
        let signs = String(repeating: "-", count: 100_000)
        #expect(failure { _ = try TraceQLEngine.parse("{ \(signs)1 = 1 }") }?.kind == .badData)
        #expect(failure { _ = try TraceQLEngine.parse("\(signs)1 > count()") }?.kind == .badData)
        let long = String(repeating: "a", count: 200_000)
        #expect(
            failure { _ = try TraceQLEngine.parse(long) }?.message.contains("maximum size") == true)
        let chain = Array(repeating: ".a = 1", count: 5_000).joined(separator: " && ")
        #expect(failure { _ = try TraceQLEngine.parse("{ \(chain) }") }?.kind == .badData)
    }

    @Test("text that was cut off anywhere is refused or parsed, never more")
    func cutText() {
        let query = #"{ span."a b" = "x\n" && .b =~ `y` } >> { } | by(.c) | avg(.d) > 1.5ms"#
        for length in 0..<query.utf8.count {
            let cut = String(decoding: query.utf8.prefix(length), as: UTF8.self)
            if let error = failure({ _ = try TraceQLEngine.parse(cut) }) {
                #expect(error.kind == .badData)
            }
        }
    }
}
