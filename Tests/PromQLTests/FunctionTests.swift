import QueryCore
import Testing

@Suite("functions of instant vectors")
struct FunctionTests {
    @Test(
        "what maps a value, maps it and drops the name",
        arguments: [
            ("abs(x)", "2.5"), ("ceil(x)", "-2"), ("floor(x)", "-3"), ("sgn(x)", "-1"),
            ("exp(x - x)", "1"), ("sqrt(x * x)", "2.5"), ("ln(x)", "NaN"), ("log2(x + 10.5)", "3"),
            ("log10(x + 102.5)", "2"), ("round(x)", "-2"), ("round(x, 2)", "-2"),
            ("round(x + 0.26, 0.5)", "-2"), ("clamp(x, -2, 2)", "-2"), ("clamp_min(x, 1)", "1"),
            ("clamp_max(x, -3)", "-3"), ("deg(x + 2.5 + pi())", "180"),
            ("rad(x + 182.5)", "3.141592653589793"),
            ("sin(x + 2.5)", "0"), ("cosh(x + 2.5)", "1"), ("-x", "2.5"),
            ("acos(x + 3.5)", "0"), ("asin(x + 3.5) - pi() / 2", "0"), ("acos(x)", "NaN"),
            ("tan(x + 2.5)", "0"), ("sinh(x + 2.5)", "0"), ("asinh(x + 2.5)", "0"),
            ("acosh(x + 3.5)", "0"), ("acosh(x)", "NaN"), ("atanh(x + 2.5)", "0"),
            ("atanh(x + 3.5)", "+Inf"), ("cos(x + 2.5)", "1"), ("tanh(x + 2.5)", "0"),
            ("atan(x + 2.5)", "0"),
            ("timestamp(x)", "60"), ("timestamp(-x)", "120"), ("scalar(x) + x", "-5"),
        ])
    func elementwise(_ query: String, _ value: String) throws {
        let store = TestStore("x _ -2.5")
        #expect(try store.instant(query, at: 120) == ["{} \(value)"])
    }

    @Test("an inverted clamp is empty, a NaN bound gives NaN")
    func clamp() throws {
        let store = TestStore("x 1")
        #expect(try store.instant("clamp(x, 2, 1)").isEmpty)
        #expect(try store.instant("clamp(x, 0, NaN)") == ["{} NaN"])
    }

    @Test(
        "dates are UTC and Gregorian",
        arguments: [
            // 2024-02-29T13:37:00Z, a Thursday, the 60th day of a leap year.
            (1_709_213_820.0, "37 13 4 29 60 29 2 2024"),
            // 1969-12-31T23:59:00Z, a Wednesday.
            (-60.0, "59 23 3 31 365 31 12 1969"),
            (951_782_400.0, "0 0 2 29 60 29 2 2000"),
            (4_107_542_400.0, "0 0 1 1 60 31 3 2100"),
        ])
    func dates(_ seconds: Double, _ expected: String) throws {
        let functions = [
            "minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month",
            "month", "year",
        ]
        let store = TestStore()
        let found = try functions.map { try store.instant("\($0)(vector(\(seconds)))")[0] }
        #expect(found == expected.split(separator: " ").map { "{} \($0)" })
        #expect(try store.instant("year()", at: 1_709_213_820) == ["{} 2024"])
    }

    @Test("scalar() is NaN unless there is exactly one element")
    func scalar() throws {
        let store = TestStore("x{a=\"1\"} 1 2 _\nx{a=\"2\"} _ 5 6 stale")
        #expect(try store.range("scalar(x{a=\"1\"})", 0, 60, step: 60) == ["{} 1 2"])
        #expect(try store.range("scalar(x)", 0, 180, step: 60) == ["{} 1 NaN NaN 2"])
        #expect(try store.instant("scalar(nothing)") == ["NaN"])
    }

    @Test("absent() has the labels that equality fixes, where nothing is found")
    func absent() throws {
        let store = TestStore("x{a=\"1\"} _ 1 stale")
        #expect(
            try store.instant("absent(y{a=\"1\", b=~\"c\", d=\"2\", d=\"3\"})") == ["{a=\"1\"} 1"])
        #expect(try store.range("absent(x)", 0, 120, step: 60) == ["{} 1 _ 1"])
        #expect(try store.instant("absent(sum(y))") == ["{} 1"])
        #expect(
            try store.range("absent_over_time(x{a=\"1\"}[1m])", 0, 120, step: 60)
                == ["{a=\"1\"} 1 _ 1"])
    }

    @Test(
        "names of labels that are no text are refused",
        arguments: [
            "label_replace(x, \"\\xff\", \"\", \"a\", \"(.*)\")",
            "label_join(x, \"\\xff\", \"-\", \"a\")", "label_join(x, \"a\", \"-\", \"\\xff\")",
            "count_values(\"a\\xc5z\", x)",
        ])
    func brokenNames(query: String) {
        let error = failure { _ = try TestStore("x 1").instant(query) }
        #expect(error?.kind == .execution)
        #expect(error?.message.contains("label name") == true)
    }

    @Test("label_replace sets where the whole label matches, and removes with an empty text")
    func labelReplace() throws {
        let store = TestStore("x{a=\"foo-bar\"} 1\nx{a=\"qux\"} 2")
        #expect(
            try store.instant("label_replace(x, \"b\", \"$2.${1}\", \"a\", \"(.*)-(.*)\")")
                == ["x{a=\"foo-bar\", b=\"bar.foo\"} 1", "x{a=\"qux\"} 2"])
        #expect(
            try store.instant("label_replace(x{a=\"qux\"}, \"a\", \"\", \"a\", \"qux\")") == ["x 2"]
        )
        let error = failure {
            _ = try store.instant("label_replace(x, \"a\", \"\", \"a\", \".*\")")
        }
        #expect(error?.message == "vector cannot contain metrics with the same labelset")
        #expect(error?.kind == .execution)
    }

    @Test("label_join joins, a missing label counting as empty")
    func labelJoin() throws {
        let store = TestStore("x{a=\"1\",c=\"3\"} 1")
        #expect(
            try store.instant("label_join(x, \"j\", \"-\", \"a\", \"b\", \"c\")")
                == ["x{a=\"1\", c=\"3\", j=\"1--3\"} 1"])
    }

    @Test("sort and sort_desc put NaN last and keep their order")
    func sorting() throws {
        let store = TestStore("x{a=\"1\"} 2\nx{a=\"2\"} NaN\nx{a=\"3\"} 1\nx{a=\"4\"} 3")
        #expect(
            try store.instant("sort(x)") == [
                "x{a=\"3\"} 1", "x{a=\"1\"} 2", "x{a=\"4\"} 3", "x{a=\"2\"} NaN",
            ])
        #expect(
            try store.instant("sort_desc(x)") == [
                "x{a=\"4\"} 3", "x{a=\"1\"} 2", "x{a=\"3\"} 1", "x{a=\"2\"} NaN",
            ])
    }
}

@Suite("functions over time")
struct OverTimeTests {
    private let store = TestStore("x 3 1 NaN 2\ny 2 4 4 4 5 5 7 9")

    @Test("sums and means of windows with and without fractions are right side by side")
    func fractionsAmongWholeNumbers() throws {
        let store = TestStore("x 1 2 2.5 4 5 6 -0 8")
        #expect(
            try store.range("sum_over_time(x[2m])", 60, 420, step: 60)
                == ["{} 3 4.5 6.5 9 11 6 8"])
        #expect(
            try store.range("avg_over_time(x[2m])", 60, 420, step: 60)
                == ["{} 1.5 2.25 3.25 4.5 5.5 3 4"])
        // More fractions than are left out one by one.
        let many = TestStore("y 0.5+1x99 7 8 9")
        #expect(
            try many.range("sum_over_time(y[3m])", 5_880, 6_120, step: 60)
                == ["{} 292.5 295.5 205 114.5 24"])
    }

    @Test(
        "aggregates of a window",
        arguments: [
            ("sum_over_time(y[8m])", "40"), ("avg_over_time(y[8m])", "5"),
            ("count_over_time(y[8m])", "8"), ("min_over_time(y[8m])", "2"),
            ("max_over_time(y[8m])", "9"), ("stddev_over_time(y[8m])", "2"),
            ("stdvar_over_time(y[8m])", "4"), ("present_over_time(y[8m])", "1"),
            ("quantile_over_time(0.5, y[8m])", "4.5"), ("quantile_over_time(0, y[8m])", "2"),
            ("quantile_over_time(-1, y[8m])", "-Inf"), ("quantile_over_time(2, y[8m])", "+Inf"),
            ("min_over_time(x[10m])", "1"), ("max_over_time(x[10m])", "3"),
            ("sum_over_time(x[10m])", "NaN"), ("quantile_over_time(0, x[10m])", "NaN"),
        ])
    func aggregates(_ query: String, _ value: String) throws {
        #expect(try store.instant(query, at: 420) == ["{} \(value)"])
    }

    @Test("first and last keep the metric name")
    func edges() throws {
        #expect(try store.instant("last_over_time(y[8m])", at: 420) == ["y 9"])
        #expect(try store.instant("first_over_time(y[8m])", at: 420) == ["y 2"])
    }

    @Test("sums are compensated: small numbers survive between large ones")
    func compensation() throws {
        let store = TestStore("x 1e100 1 -1e100 1")
        #expect(try store.instant("sum_over_time(x[5m])", at: 180) == ["{} 2"])
        #expect(try store.instant("avg_over_time(x[5m])", at: 180) == ["{} 0.5"])
    }

    @Test("an average of huge numbers does not overflow")
    func overflow() throws {
        let store = TestStore("x 1.5e308 1.5e308 1.5e308")
        #expect(
            try store.instant("avg_over_time(x[5m])", at: 120)
                == ["{} \(TestStore.text(1.5e308))"])
    }

    @Test("deriv and predict_linear follow a line")
    func regression() throws {
        // x = 60, 120, … rises by 2 a second from 10.
        let store = TestStore("x 10+120x10\nflat 5+0x10")
        #expect(try store.instant("deriv(x[5m])", at: 300) == ["{} 2"])
        #expect(try store.instant("predict_linear(x[5m], 60)", at: 300) == ["{} 730"])
        #expect(try store.instant("predict_linear(x[5m] offset 1m, 60)", at: 300) == ["{} 730"])
        #expect(try store.instant("deriv(flat[5m])", at: 300) == ["{} 0"])
    }

    @Test("a subquery evaluates at multiples of its step")
    func subqueries() throws {
        let store = TestStore("x 0+1x20")
        #expect(try store.instant("x[3m:1m]", at: 330) == ["x 3@180 4@240 5@300"])
        #expect(try store.instant("max_over_time(rate(x[2m])[5m:1m])", at: 600).count == 1)
        #expect(
            try store.range("sum_over_time(x[2m:1m])", 120, 240, step: 60) == ["{} 3 5 7"])
        #expect(
            try store.instant("sum_over_time(x[2m:1m] offset 1m)", at: 300) == ["{} 7"])
        #expect(
            try store.range("sum_over_time(x[2m:1m] @ 180)", 0, 60, step: 60) == ["{} 5 5"])
        #expect(try store.instant("max_over_time(timestamp(x)[2m:])", at: 300) == ["{} 300"])
    }
}

@Suite("classic histograms")
struct HistogramTests {
    private let store = TestStore(
        """
        h_bucket{le="0.1",a="1"} 0
        h_bucket{le="1",a="1"} 50
        h_bucket{le="10",a="1"} 100
        h_bucket{le="+Inf",a="1"} 100
        h_bucket{le="1",a="2"} 10
        h_bucket{le="2",a="2"} 20
        torn_bucket{le="1"} 10
        torn_bucket{le="2"} 8
        torn_bucket{le="4"} 20
        torn_bucket{le="+Inf"} 20
        empty_bucket{le="1"} 0
        empty_bucket{le="+Inf"} 0
        negative_bucket{le="-1"} 5
        negative_bucket{le="1"} 10
        negative_bucket{le="+Inf"} 12
        """)

    @Test(
        "quantiles are linear within a bucket",
        arguments: [
            // Rank 25 of 50 in (0.1, 1].
            ("0.25", "0.55"), ("0.5", "1"), ("0.75", "5.5"), ("1", "10"),
            // Nothing to interpolate in an empty bucket.
            ("0", "NaN"),
            ("-0.1", "-Inf"), ("1.1", "+Inf"), ("NaN", "NaN"),
        ])
    func quantiles(_ quantile: String, _ value: String) throws {
        #expect(
            try store.instant("histogram_quantile(\(quantile), h_bucket{a=\"1\"})")
                == ["{a=\"1\"} \(value)"])
    }

    @Test("without a bucket to +Inf or without observations it is NaN")
    func undefined() throws {
        #expect(
            try store.instant("histogram_quantile(0.5, h_bucket{a=\"2\"})") == ["{a=\"2\"} NaN"])
        #expect(try store.instant("histogram_quantile(0.5, empty_bucket)") == ["{} NaN"])
    }

    @Test("falling counts are raised, and the answer says so")
    func monotonicity() throws {
        // Counts become 10 10 20 20; rank 15 lies half way in (2, 4].
        #expect(try store.instant("histogram_quantile(0.75, torn_bucket)") == ["{} 3"])
    }

    @Test("a first bucket with a bound that is not positive has no lower end")
    func negative() throws {
        #expect(try store.instant("histogram_quantile(0.1, negative_bucket)") == ["{} -1"])
        #expect(try store.instant("histogram_quantile(0.99, negative_bucket)") == ["{} 1"])
    }

    @Test("histogram_fraction is the share between two bounds")
    func fraction() throws {
        #expect(
            try store.instant("histogram_fraction(0.1, 1, h_bucket{a=\"1\"})") == ["{a=\"1\"} 0.5"])
        #expect(
            try store.instant("histogram_fraction(0, 5.5, h_bucket{a=\"1\"})") == ["{a=\"1\"} 0.75"]
        )
    }
}
