import Store
import Telemetry
import Testing

@Suite struct StartTimeContractTests {
    private static let midnight: Int64 = 1_795_219_200_000

    /// Samples of a counter, each with the start it names.
    private func batch(_ job: String, _ samples: [(time: Int64, start: Int64)]) -> MetricBatch {
        var batch = MetricBatch()
        let other = batch.append(Labels(["__name__": "other_total"]))
        let series = batch.append(Labels(["__name__": "c_total", "job": job]))
        for (time, start) in samples {
            batch.append(series: other, time: time, value: 1)
            batch.append(series: series, time: time, value: Double(time - start))
            batch.starts.append(SeriesStart(series: series, time: start, firstSampleTime: time))
        }
        return batch
    }

    /// The starts of samples at `times`.
    private func starts(
        _ store: StoreUnderTest, _ job: String, at times: [Int64]
    ) throws -> [Int64?] {
        let matchers = [
            LabelMatcher("__name__", .equal, "c_total"), LabelMatcher("job", .matches, job),
        ]
        return try times.map { time in
            let found = try store.metrics.startTimes(matching: matchers, in: (time - 5)...time)
            #expect(found.allSatisfy { $0.sampleTimes == $0.sampleTimes.sorted() })
            return found.first?.start(ofSampleAt: time)
        }
    }

    @Test(
        "every sample knows since when its series counts, also across midnight and restarts",
        arguments: StoreKind.allCases)
    func found(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        let midnight = Self.midnight
        let first = midnight - 100_000
        _ = try await store.append(
            batch("web", [(midnight - 30_000, first), (midnight - 15_000, first)]))
        _ = try await store.append(batch("web", [(midnight, first), (midnight + 15_000, first)]))
        // A restart of the program that counts, and a sample of before that comes late.
        _ = try await store.append(batch("web", [(midnight + 30_000, midnight + 20_000)]))
        _ = try await store.append(batch("web", [(midnight + 5_000, first)]))
        _ = try await store.append(batch("api", [(midnight + 1, midnight)]))
        let times = [-30_000, -15_000, 0, 5_000, 15_000, 30_000].map { midnight + $0 }
        let wanted = [first, first, first, first, first, midnight + 20_000]
        #expect(try starts(store, "web", at: times) == wanted)
        try store.restart()
        #expect(try starts(store, "web", at: times) == wanted)
        #expect(try starts(store, "a.i", at: [midnight + 1]) == [midnight])
        #expect(
            try store.metrics.startTimes(
                matching: [LabelMatcher("__name__", .equal, "other_total")], in: 0...Int64.max
            ).isEmpty)
        _ = try await store.append(batch("web", [(midnight + 45_000, midnight + 20_000)]))
        #expect(try starts(store, "web", at: [midnight + 45_000]) == [midnight + 20_000])
    }
}
