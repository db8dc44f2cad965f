import Platform
import Store
import Telemetry
import Testing

@Suite struct MetricContractTests {
    private struct Series: Equatable {
        var labels: Labels
        var times: [Int64]
        var values: [UInt64]
        var histograms: [NativeHistogram]
    }

    private func series(
        _ store: StoreUnderTest, _ matchers: [LabelMatcher], _ range: ClosedRange<Int64>
    ) throws -> [Series] {
        let selection = try store.metrics.selectSeries(matchers, in: range)
        var found: [Series] = []
        for index in 0..<selection.count {
            var columns = SampleColumns()
            try selection.samples(index, into: &columns)
            // A selection may name a series that has samples only near the range.
            if columns.times.isEmpty, columns.histograms.isEmpty { continue }
            found.append(
                Series(
                    labels: selection.labels(index), times: columns.times,
                    values: columns.values.map(\.bitPattern),
                    histograms: columns.histograms.map(\.histogram)))
        }
        return found
    }

    private static let matchers: [[LabelMatcher]] = [
        [], [LabelMatcher("__name__", .equal, "metric_1")],
        [LabelMatcher("job", .matches, "job-[02]"), LabelMatcher("code", .notEqual, "200")],
        [LabelMatcher("code", .equal, "")],
        [LabelMatcher("code", .doesNotMatch, "20[01]"), LabelMatcher("__name__", .matches, ".+")],
        [LabelMatcher("code", .matches, "|201")], [LabelMatcher("nothing", .notEqual, "x")],
        [LabelMatcher("nothing", .equal, "x")], [LabelMatcher("__name__", .equal, "histogram")],
    ]

    @Test(
        "samples, histograms and labels equal the model's",
        arguments: StoreKind.allCases.filter { $0 != .memory }, [31, 32, 33, 34] as [UInt64])
    func equalsModel(kind: StoreKind, seed: UInt64) async throws {
        let model = try StoreUnderTest(.memory)
        let store = try StoreUnderTest(kind)
        let generator = Generator(seed: seed)
        for _ in 0..<40 {
            let batch = generator.metrics()
            _ = try await model.append(batch)
            _ = try await store.append(batch)
        }
        let midnight: Int64 = 1_795_219_200_000
        let ranges: [ClosedRange<Int64>] = [
            0...Int64.max, (midnight - 600_000)...(midnight + 900_000),
            midnight...(midnight + 1_000_000), 5...6,
        ]
        for matchers in Self.matchers {
            for range in ranges {
                #expect(
                    try series(store, matchers, range) == series(model, matchers, range),
                    "\(matchers) \(range), seed \(seed)")
            }
            #expect(
                try store.metrics.labelNames(matching: matchers, in: 0...Int64.max)
                    == model.metrics.labelNames(matching: matchers, in: 0...Int64.max))
            for name in ["job", "code", "__name__", "nothing"] {
                #expect(
                    try store.metrics.labelValues(of: name, matching: matchers, in: 0...Int64.max)
                        == model.metrics.labelValues(
                            of: name, matching: matchers, in: 0...Int64.max))
            }
        }
        #expect(try store.metrics.metricMetadata() == model.metrics.metricMetadata())
    }

    @Test("a pattern that is none is refused by name", arguments: StoreKind.allCases)
    func badPattern(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        _ = try await store.append(Generator(seed: 1).metrics())
        #expect {
            _ = try store.metrics.selectSeries(
                [LabelMatcher("job", .matches, "a(")], in: 0...Int64.max)
        } throws: { error in
            guard case StoreError.invalidPattern("a(", _)? = error as? StoreError else {
                return false
            }
            return true
        }
    }
}
