import Store
import Telemetry
import Testing

@Suite struct ExemplarContractTests {
    private func batch(_ job: String, _ times: [Int64], traces: [String]) -> MetricBatch {
        var batch = MetricBatch()
        let other = batch.append(Labels(["__name__": "other"]))
        let series = batch.append(Labels(["__name__": "latency", "job": job]))
        batch.append(series: other, time: times[0], value: 1)
        for (time, trace) in zip(times, traces) {
            batch.exemplars.append(
                Exemplar(
                    series: series, time: time, value: 0.25, labels: Labels(["trace_id": trace])))
        }
        return batch
    }

    @Test(
        "exemplars are found by labels and time, each once, also across midnight",
        arguments: StoreKind.allCases)
    func found(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        let midnight: Int64 = 1_795_219_200_000
        _ = try await store.append(
            batch("web", [midnight - 1_000, midnight, midnight + 5], traces: ["a", "b", "c"]))
        _ = try await store.append(batch("api", [midnight + 1], traces: ["d"]))
        // The same again, as a sender does that got no answer.
        _ = try await store.append(batch("web", [midnight], traces: ["b"]))
        func traces(_ matchers: [LabelMatcher], _ range: ClosedRange<Int64>) throws -> [String] {
            try store.metrics.exemplars(matching: matchers, in: range).map { series in
                "\(series.labels["job"] ?? ""):"
                    + series.exemplars.map { $0.labels["trace_id"] ?? "" }.joined()
            }
        }
        let name = LabelMatcher("__name__", .equal, "latency")
        #expect(try traces([name], 0...Int64.max) == ["api:d", "web:abc"])
        #expect(try traces([name], midnight...(midnight + 4)) == ["api:d", "web:b"])
        #expect(
            try traces([name, LabelMatcher("job", .matches, "w.*")], 0...midnight) == ["web:ab"])
        #expect(try traces([LabelMatcher("__name__", .equal, "other")], 0...Int64.max) == [])
    }
}
