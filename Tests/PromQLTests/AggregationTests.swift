import Testing

@Suite("aggregations")
struct AggregationTests {
    private let store = TestStore(
        """
        x{a="1",b="u"} 1
        x{a="1",b="v"} 3
        x{a="2",b="u"} 5
        x{b="w"} NaN
        """)

    @Test(
        "every operator, by and without",
        arguments: [
            ("sum by (a) (x{b!=\"w\"})", ["{a=\"1\"} 4", "{a=\"2\"} 5"]),
            ("sum without (b) (x)", ["{} NaN", "{a=\"1\"} 4", "{a=\"2\"} 5"]),
            ("avg(x{b!=\"w\"})", ["{} 3"]),
            ("count(x)", ["{} 4"]),
            ("min(x)", ["{} 1"]), ("max(x)", ["{} 5"]),
            ("min by (a) (x{b=\"w\"})", ["{} NaN"]),
            ("group by (a) (x{a!=\"\"})", ["{a=\"1\"} 1", "{a=\"2\"} 1"]),
            ("stdvar(x{a=\"1\"})", ["{} 1"]), ("stddev(x{a=\"1\"})", ["{} 1"]),
            ("stdvar(x)", ["{} NaN"]),
            ("quantile(0.5, x{b!=\"w\"})", ["{} 3"]),
            ("quantile(0.25, x{b!=\"w\"})", ["{} 2"]),
            ("topk(1, x)", ["x{a=\"2\", b=\"u\"} 5"]),
            ("topk(2, x)", ["x{a=\"2\", b=\"u\"} 5", "x{a=\"1\", b=\"v\"} 3"]),
            (
                "bottomk(1, x) by (b)",
                [
                    "x{a=\"1\", b=\"u\"} 1", "x{a=\"1\", b=\"v\"} 3", "x{b=\"w\"} NaN",
                ]
            ),
            ("topk(0, x)", []),
            ("count_values(\"v\", x > bool 2)", ["{v=\"0\"} 2", "{v=\"1\"} 2"]),
            (
                "count_values(\"v\", x{a=\"1\"}) by (a)",
                ["{a=\"1\", v=\"1\"} 1", "{a=\"1\", v=\"3\"} 1"]
            ),
            ("count_values(\"b\", x{a=\"1\"}) without (a)", ["{b=\"1\"} 1", "{b=\"3\"} 1"]),
            ("sum(nothing)", []),
        ])
    func operators(_ query: String, _ lines: [String]) throws {
        #expect(try store.instant(query) == lines)
    }

    @Test("topk chooses at every step anew")
    func topkPerStep() throws {
        let store = TestStore("x{a=\"1\"} 1 5 1\nx{a=\"2\"} 2 2 2")
        #expect(
            try store.range("topk(1, x)", 0, 120, step: 60)
                == ["x{a=\"1\"} _ 5 _", "x{a=\"2\"} 2 _ 2"])
    }

    @Test("a parameter may differ from step to step")
    func parameterPerStep() throws {
        let store = TestStore("k 1 2\nx{a=\"1\"} 1 1\nx{a=\"2\"} 2 2")
        #expect(
            try store.range("topk(scalar(k), x)", 0, 60, step: 60)
                == ["x{a=\"1\"} _ 1", "x{a=\"2\"} 2 2"])
    }

    @Test("members come and go; a step without members has no value")
    func gaps() throws {
        let store = TestStore("x{a=\"1\"} 1 stale stale\nx{a=\"2\"} 2 2 stale")
        #expect(try store.range("sum(x)", 0, 120, step: 60) == ["{} 3 2 _"])
        #expect(try store.range("count(x)", 0, 120, step: 60) == ["{} 2 1 _"])
        #expect(try store.range("avg(x)", 0, 120, step: 60) == ["{} 1.5 2 _"])
    }

    @Test("a mean whose sum would be infinite is taken all the same, step by step")
    func largeMean() throws {
        let store = TestStore(
            "x{a=\"1\"} 1e308 1 stale\nx{a=\"2\"} 1e308 2 1e308\nx{a=\"3\"} 1e308 3 1e308")
        let shown = { (condition: String) in
            try store.range("avg(x) \(condition)", 0, 120, step: 60)
        }
        #expect(try shown("> bool 9.999e307") == ["{} 1 0 1"])
        #expect(try shown("< bool 1.001e308") == ["{} 1 1 1"])
        #expect(try shown("== bool 2") == ["{} 0 1 0"])
        #expect(try store.instant("avg(x)", at: 60) == ["{} 2"])
    }

    @Test("sums over series are compensated")
    func compensation() throws {
        let store = TestStore("x{a=\"1\"} 1e100\nx{a=\"2\"} 1\nx{a=\"3\"} -1e100")
        #expect(try store.instant("sum(x)") == ["{} 1"])
    }
}
