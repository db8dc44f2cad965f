import PromQL
import QueryCore
import Testing

@Suite("selectors")
struct SelectorTests {
    @Test("the latest sample of the last five minutes counts, the bound itself excluded")
    func lookback() throws {
        let store = TestStore("x 7")
        #expect(try store.range("x", 0, 360, step: 60) == ["x 7 7 7 7 7 _ _"])
    }

    @Test("a stale marker ends a series at once")
    func stale() throws {
        let store = TestStore("x 7 stale _ 8")
        #expect(try store.range("x", 0, 240, step: 60) == ["x 7 _ _ 8 8"])
    }

    @Test("matchers of all four kinds, and several on one label")
    func matchers() throws {
        let store = TestStore(
            """
            x{a="1",b="u"} 1
            x{a="2",b="v"} 2
            x{b="w"} 3
            y{a="1"} 4
            """)
        #expect(try store.instant("x{a=\"1\"}") == ["x{a=\"1\", b=\"u\"} 1"])
        #expect(try store.instant("x{a!=\"1\"}").count == 2)
        #expect(try store.instant("x{b=~\"u|v\"}").count == 2)
        #expect(try store.instant("x{b!~\"u|v\"}") == ["x{b=\"w\"} 3"])
        #expect(try store.instant("x{a=\"\"}") == ["x{b=\"w\"} 3"])
        #expect(try store.instant("{__name__=~\".\", a=\"1\", b!=\"u\"}") == ["y{a=\"1\"} 4"])
        #expect(try store.instant("{\"y\"}") == ["y{a=\"1\"} 4"])
    }

    @Test("offset looks back, a negative one ahead")
    func offset() throws {
        let store = TestStore("x 0+1x10")
        #expect(try store.instant("x offset 2m", at: 300) == ["x 3"])
        #expect(try store.instant("x offset -2m", at: 300) == ["x 7"])
        #expect(try store.instant("sum_over_time(x[2m] offset 1m)", at: 300) == ["{} 7"])
    }

    @Test("@ pins the time, start() and end() are the query's")
    func anchors() throws {
        let store = TestStore("x 0+1x10")
        #expect(try store.range("x @ 120", 0, 120, step: 60) == ["x 2 2 2"])
        #expect(try store.range("x @ start()", 60, 180, step: 60) == ["x 1 1 1"])
        #expect(try store.range("x @ end() offset 1m", 60, 180, step: 60) == ["x 2 2 2"])
        #expect(
            try store.range("sum_over_time(x[2m] @ 240)", 0, 60, step: 60) == ["{} 7 7"])
        #expect(try store.range("x + (x @ 120)", 0, 60, step: 60) == ["{} 2 3"])
    }

    @Test("a range selector alone answers with the stored samples")
    func rangeSelector() throws {
        let store = TestStore("x 0+1x10")
        #expect(try store.instant("x[150s]", at: 300) == ["x 3@180 4@240 5@300"])
        #expect(try store.instant("x[3m:90s]", at: 300) == ["x 3@180 4@270"])
    }

    @Test("results are ordered by labels")
    func order() throws {
        let store = TestStore(
            """
            x{a="b"} 1
            x{a="a",z="1"} 2
            x{a="a"} 3
            """)
        #expect(
            try store.instant("x") == [
                "x{a=\"a\"} 3", "x{a=\"a\", z=\"1\"} 2", "x{a=\"b\"} 1",
            ])
    }

    @Test("a range query takes neither strings nor range vectors")
    func rangeTypes() {
        let store = TestStore("x 1")
        #expect(
            failure { _ = try store.range("x[5m]", 0, 60, step: 60) }
                == .badData(
                    "invalid expression type \"range vector\" for range query, "
                        + "must be Scalar or instant Vector"))
    }
}
