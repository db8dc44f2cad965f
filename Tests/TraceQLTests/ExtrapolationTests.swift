import Telemetry
import Testing
import TraceQL

@Suite("Extrapolation from sampled spans")
struct ExtrapolationTests {
    /// Kept with probabilities 1/2, 1/4 and 1, taking 250, 500 and 1,000 ms; the last trace states are no
    /// probabilities.
    private func spans() -> TestSpans {
        let spans = TestSpans()
        spans.add(1, at: 1, lasting: 250) { $0.traceState = "ot=th:8" }
        spans.add(2, at: 2, lasting: 500) { $0.traceState = "congo=t61, ot=rv:0123;th:c0" }
        spans.add(3, at: 3, lasting: 1_000)
        spans.add(4, "odd", at: 4) { $0.traceState = "ot=th:xyz" }
        spans.add(5, "odd", at: 5) { $0.traceState = "ot=th:123456789abcdef" }
        return spans
    }

    private func value(_ function: String) throws -> String {
        try spans().series(
            "{ name = \"span\" } | \(function) with (extrapolate=true)", from: 0, to: 10, step: 10
        ).joined(separator: "; ")
    }

    @Test("a span counts for those that were not kept")
    func counts() throws {
        #expect(try value("count_over_time()") == "__name__=count_over_time: 0 7")
        #expect(try value("rate()") == "__name__=rate: 0 700")
        #expect(try value("sum_over_time(duration)") == "__name__=sum_over_time: - 3.5")
        #expect(try value("avg_over_time(duration)") == "__name__=avg_over_time: - 0.5")
        let histogram = try value("histogram_over_time(duration)")
        #expect(histogram.contains(": 0 2") && histogram.contains(": 0 4"), "\(histogram)")
        let comparison = try value("compare({ duration > 300ms })")
        #expect(comparison.contains("__meta_type=selection name=span: 0 5"), "\(comparison)")
        #expect(comparison.contains("__meta_type=baseline name=span: 0 2"), "\(comparison)")
    }

    @Test("extremes do not change, nor anything that is not asked for")
    func unchanged() throws {
        #expect(try value("max_over_time(duration)") == "__name__=max_over_time: - 1")
        #expect(try value("min_over_time(duration)") == "__name__=min_over_time: - 0.25")
        for query in ["", " with (extrapolate=false)"] {
            #expect(
                try spans().series(
                    "{ name = \"span\" } | count_over_time()" + query, from: 0, to: 10, step: 10)
                    == ["__name__=count_over_time: 0 3"])
        }
    }

    @Test("a trace state that says nothing to be read counts once")
    func unreadable() throws {
        #expect(
            try spans().series(
                "{ name = \"odd\" } | count_over_time() with (extrapolate=true)", from: 0, to: 10,
                step: 10) == ["__name__=count_over_time: 0 2"])
    }
}
