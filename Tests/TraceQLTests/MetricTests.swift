import QueryCore
import Store
import Telemetry
import Testing
import TraceQL

struct MetricTests {
    /// Spans at 1 … 10 seconds, alternating between two services; each takes its number in seconds.
    private func spans() -> TestSpans {
        let spans = TestSpans()
        for number in 1...10 {
            spans.add(
                trace: UInt64(number), UInt64(number), number > 5 ? "late" : "early",
                service: number % 2 == 0 ? "even" : "odd", at: Int64(number) * 1_000,
                lasting: Int64(number) * 1_000, [Attribute("size", .int(Int64(number)))])
        }
        return spans
    }

    private func series(_ query: String, step: Int64 = 5_000) throws -> [String] {
        try spans().series(query, from: 5_000, to: 10_000, step: step)
    }

    @Test("an interval ends at its time, which belongs to it; the first one ends at the start")
    func intervals() throws {
        #expect(
            try series("{ } | count_over_time()") == ["__name__=count_over_time: 5 5"])
        #expect(
            try spans().series("{ } | count_over_time()", from: 5_500, to: 9_500, step: 2_000)
                == ["__name__=count_over_time: 2 2 2 2"])
    }

    @Test("a span that stands for several counts and measures as often")
    func adjustedCounts() throws {
        let spans = TestSpans()
        spans.add(
            trace: 1, 1, at: 1_000, lasting: 1_000,
            [Attribute(SpanBatch.adjustedCountKey, .double(4))])
        spans.add(trace: 2, 2, at: 2_000, lasting: 6_000)
        let expected = [
            ("count_over_time()", "__name__=count_over_time: 5 0"),
            ("rate()", "__name__=rate: 1 0"),
            ("sum_over_time(duration)", "__name__=sum_over_time: 10 -"),
            ("avg_over_time(duration)", "__name__=avg_over_time: 2 -"),
            ("max_over_time(duration)", "__name__=max_over_time: 6 -"),
            ("quantile_over_time(duration, .7)", "p=0.7: 1.073741824 -"),
        ]
        for (function, series) in expected {
            #expect(
                try spans.series("{ } | \(function)", from: 5_000, to: 10_000, step: 5_000)
                    == [series])
        }
    }

    @Test(
        "functions over time",
        arguments: [
            ("{ } | rate()", ["__name__=rate: 1 1"]),
            ("{ name = \"late\" } | rate()", ["__name__=rate: 0 1"]),
            ("{ name = \"nobody\" } | rate()", ["__name__=rate: 0 0"]),
            ("{ name = \"nobody\" } | max_over_time(duration)", []),
            ("{ } | min_over_time(duration)", ["__name__=min_over_time: 1 6"]),
            ("{ } | max_over_time(duration)", ["__name__=max_over_time: 5 10"]),
            ("{ } | avg_over_time(span.size)", ["__name__=avg_over_time: 3 8"]),
            ("{ } | sum_over_time(.size)", ["__name__=sum_over_time: 15 40"]),
            ("{ } | sum_over_time(.missing)", []),
            (
                "{ } | count_over_time() by(resource.service.name)",
                ["resource.service.name=even: 2 3", "resource.service.name=odd: 3 2"]
            ),
            (
                "{ } | count_over_time() by(name, resource.service.name)",
                [
                    "name=early resource.service.name=even: 2 0",
                    "name=early resource.service.name=odd: 3 0",
                    "name=late resource.service.name=even: 0 3",
                    "name=late resource.service.name=odd: 0 2",
                ]
            ),
            ("{ } | count_over_time() by(.missing)", [".missing=nil: 5 5"]),
            (
                "{ } | max_over_time(duration) by(name)", ["name=early: 5 -", "name=late: - 10"]
            ),
            (
                "{ } | histogram_over_time(.size)",
                [
                    "__bucket=1: 1 0", "__bucket=2: 1 0", "__bucket=4: 2 0", "__bucket=8: 1 3",
                    "__bucket=16: 0 2",
                ]
            ),
            ("{ } | quantile_over_time(.size, 1)", ["p=1: 8 16"]),
            ("{ } | rate() by(name) | topk(1)", ["name=early: 1 -", "name=late: - 1"]),
            ("{ } | rate() by(name) | bottomk(1)", ["name=early: - 0", "name=late: 0 -"]),
            ("{ } | rate() by(name) > 0.5", ["name=early: 1 -", "name=late: - 1"]),
            ("{ } | max_over_time(duration) > 7s", ["__name__=max_over_time: - 10"]),
            ("({ name = \"late\" } | rate()) / ({ } | rate())", ["__name__=rate: 0 1"]),
            ("({ } | rate()) / ({ name = \"late\" } | rate())", ["__name__=rate: - 1"]),
            ("({ } | rate()) * 2 + 1", ["__name__=rate: 3 3"]),
            ("10 - ({ } | count_over_time())", ["__name__=count_over_time: 5 5"]),
            ("{ } | count() > 0 | rate()", ["__name__=rate: 1 1"]),
            ("{ } | count() > 1 | rate()", ["__name__=rate: 0 0"]),
            ("{ rootName = \"late\" } | rate()", ["__name__=rate: 0 1"]),
            (
                "{ } | count_over_time() by(rootServiceName)",
                ["rootServiceName=even: 2 3", "rootServiceName=odd: 3 2"]
            ),
            ("{ } | by(name) | select(.size) | rate()", ["__name__=rate: 1 1"]),
        ] as [(String, [String])])
    func functions(query: String, expected: [String]) throws {
        #expect(try series(query) == expected, "\(query)")
    }

    @Test("quantiles lie between powers of two along the exponent")
    func quantiles() throws {
        let spans = TestSpans()
        for number in 1...100 {
            // Up to 100 ms: buckets end at powers of two nanoseconds.
            spans.add(trace: UInt64(number), 1, at: 500, lasting: Int64(number))
        }
        let windows = try MetricWindows(
            start: Timestamp(milliseconds: 0), end: Timestamp(milliseconds: 1_000))
        let result = try spans.engine.metrics(
            "{ } | quantile_over_time(duration, 0.5, 0.99)", windows: windows)
        #expect(
            result.series.map(\.labels) == [
                [Attribute("p", .double(0.5))], [Attribute("p", .double(0.99))],
            ])
        let median = result.series[0].values[0]
        let high = result.series[1].values[0]
        // The bucket of 50 ms is 33.6 … 67.1 ms.
        #expect(median > 0.033 && median < 0.068)
        #expect(high > 0.067 && high <= 0.1343)
    }

    @Test("a value over the whole range is one number a series")
    func instant() throws {
        let windows = try MetricWindows(
            start: Timestamp(milliseconds: 0), end: Timestamp(milliseconds: 10_000))
        let result = try spans().engine.metrics("{ } | rate()", windows: windows)
        #expect(result.series.map(TestSpans.text) == ["__name__=rate: 1"])
    }

    @Test("ranges and series are bounded, and the refusal names the bound")
    func bounds() throws {
        let start = Timestamp(milliseconds: 0)
        #expect(
            failure {
                _ = try MetricWindows(
                    start: start, end: Timestamp(milliseconds: 1_000), step: 1, countMax: 100)
            }?.message.contains("more than 100 steps") == true)
        #expect(
            failure { _ = try MetricWindows(start: start, end: start, step: 1, countMax: 1) }?
                .message == "end must be greater than start")
        #expect(
            failure { _ = try MetricWindows(start: .distantPast, end: .distantFuture) }?.message
                == "the range is too long")
        var limits = QueryLimits()
        limits.seriesMax = 3
        let windows = try MetricWindows(start: start, end: Timestamp(milliseconds: 20_000))
        #expect(
            failure {
                _ = try spans().engine.metrics(
                    "{ } | rate() by(.size)", windows: windows,
                    context: QueryContext(limits: limits))
            }?.message == "the query yields more than 3 series; group by fewer attributes")
        let context = QueryContext()
        _ = try spans().engine.metrics("{ } | rate() by(.size)", windows: windows, context: context)
        #expect(context.heldSampleCount == 0 && context.peakSamples > 0)
    }

    @Test("series name spans as examples, spread over the range and at most as many as asked for")
    func exemplars() throws {
        let windows = try MetricWindows(
            start: Timestamp(milliseconds: 1_000), end: Timestamp(milliseconds: 10_000),
            step: 1_000_000_000, countMax: 100)
        func examples(_ query: String, _ limit: Int) throws -> [[String]] {
            try spans().engine.metrics(query, windows: windows, exemplarsMax: limit).series.map {
                $0.exemplars.map { "\($0.trace.low) \($0.time.milliseconds) \(Int($0.value))" }
            }
        }
        #expect(
            try examples("{ name = \"late\" } | count_over_time()", 100)
                == [["6 6000 1", "7 7000 1", "8 8000 1", "9 9000 1", "10 10000 1"]])
        #expect(try examples("{ } | max_over_time(duration)", 2)[0].count == 2)
        #expect(try examples("{ } | max_over_time(duration)", 0) == [[]])
        #expect(try examples("{ } | rate() with (exemplars=false)", 100) == [[]])
        #expect(
            try examples("{ name = \"late\" } | quantile_over_time(.size, 0.5, 1)", 100)
                .map(\.count) == [5, 0])
        #expect(
            try examples("{ } | max_over_time(duration) by(name) | topk(1) > 8", 100)
                == [["9 9000 9", "10 10000 10"]])
        #expect(
            try examples("{ name = \"late\" } | quantile_over_time(.size, 0.99)", 4)
                .map(\.count) == [2], "two in each half of the range")
        #expect(
            try examples("({ name = \"late\" } | count_over_time()) * 2", 100)
                == [["6 6000 1", "7 7000 1", "8 8000 1", "9 9000 1", "10 10000 1"]])
        let whole = try MetricWindows(
            start: Timestamp(milliseconds: 0), end: Timestamp(milliseconds: 10_000),
            step: 10_000_000_000, countMax: 100)
        let few = try spans().engine.metrics("{ } | rate()", windows: whole, exemplarsMax: 5)
        #expect(few.series.map(\.exemplars.count) == [2], "none before the first span")
    }

    @Test("compare() names spans as examples where it counts all values of an attribute")
    func comparedExemplars() throws {
        let windows = try MetricWindows(
            start: Timestamp(milliseconds: 0), end: Timestamp(milliseconds: 10_000),
            step: 5_000_000_000, countMax: 100)
        let result = try spans().engine.metrics(
            "{ } | compare({ name = \"late\" && .size > 8 })", windows: windows, exemplarsMax: 100)
        func traces(_ text: String) -> [UInt64] {
            let found = result.series.first { TestSpans.text($0).hasPrefix(text) }
            return found?.exemplars.map(\.trace.low) ?? []
        }
        #expect(traces("__meta_type=selection_total name=nil") == [9, 10])
        #expect(traces("__meta_type=selection_total span.size=nil") == [9, 10])
        #expect(traces("__meta_type=baseline_total name=nil").count == 8)
        #expect(traces("__meta_type=selection name=late").isEmpty)
    }

    @Test("compare() counts the values of attributes of selected spans and of the others")
    func compare() throws {
        let found = try series("{ } | compare({ name = \"late\" && .size > 8 })")
        #expect(found.contains("__meta_type=selection resource.service.name=even: 0 1"))
        #expect(found.contains("__meta_type=selection resource.service.name=odd: 0 1"))
        #expect(found.contains("__meta_type=baseline name=early: 5 0"))
        #expect(found.contains("__meta_type=baseline name=late: 0 3"))
        #expect(found.contains("__meta_type=baseline_total name=nil: 5 3"))
        #expect(found.contains("__meta_type=selection_total span.size=nil: 0 2"))
        #expect(found.contains("__meta_type=selection span.size=9: 0 1"))
        let top = try series("{ } | compare({ name = \"late\" }, 1, 8000000000, 10000000000)")
        #expect(top.contains("__meta_type=selection_total name=nil: 0 2"))
        #expect(top.filter { $0.contains("=baseline span.size=") }.count == 1)
    }
}
