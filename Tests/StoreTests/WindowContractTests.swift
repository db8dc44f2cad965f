import Store
import Telemetry
import Testing

/// Aggregates over windows must equal what looking at every sample gives, however the samples came.
@Suite struct WindowContractTests {
    private static let midnight: Int64 = 1_795_219_200_000

    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 31
        }
    }

    /// Series of several kinds over two days, in batches that are early, late and overlapping.
    private static func batches(seed: UInt64) -> [MetricBatch] {
        var random = Random(state: seed)
        var samples: [(series: Int, time: Int64, value: Double)] = []
        for series in 0..<6 {
            var time = midnight - Int64.random(in: 0...40_000_000, using: &random)
            var value = 0.0
            for _ in 0..<Int.random(in: 1...3_000, using: &random) {
                time += [15_000, 15_000, 15_003, 60_000][Int.random(in: 0...3, using: &random)]
                switch series {
                case 0: value += Double(Int.random(in: 0...9, using: &random))
                case 1:
                    value += Double(Int.random(in: 0...9, using: &random))
                    if Int.random(in: 0...80, using: &random) == 0 { value = 1 }
                case 2: value = Double.random(in: -1...1, using: &random)
                case 3:
                    value = Double(Int.random(in: -500...500, using: &random)) / 100
                    let odd = Int.random(in: 0...300, using: &random)
                    if odd == 0 { value = .nan }
                    if odd == 1 { value = Sample.staleMarker }
                case 4: value = 42
                default:
                    let odd = Int.random(in: 0...900, using: &random)
                    value = odd == 0 ? .infinity : odd == 1 ? -.infinity : Double(odd)
                }
                samples.append((series, time, value))
            }
        }
        samples.sort { $0.time < $1.time }
        // Some samples come again with another value, some come late.
        for _ in 0..<200 {
            let index = Int.random(in: samples.indices, using: &random)
            let place = Int.random(in: samples.indices, using: &random)
            var again = samples[index]
            again.value = again.series == 4 ? 42 : Double(Int.random(in: 0...99, using: &random))
            samples.insert(again, at: place)
        }
        var batches: [MetricBatch] = []
        var start = 0
        while start < samples.count {
            let end = min(samples.count, start + Int.random(in: 1...4_000, using: &random))
            batches.append(batch(of: samples[start..<end]))
            start = end
        }
        return batches
    }

    private static func batch(
        of samples: ArraySlice<(series: Int, time: Int64, value: Double)>
    ) -> MetricBatch {
        var batch = MetricBatch()
        let numbers = (0..<6).map { batch.append(Labels([("__name__", "m"), ("s", "\($0)")])) }
        for sample in samples {
            batch.append(series: numbers[sample.series], time: sample.time, value: sample.value)
        }
        return batch
    }

    private static let windows: [SampleWindows] = [
        SampleWindows(firstEnd: midnight + 80_000_000, step: 1, count: 1, range: 150_000_000),
        SampleWindows(
            firstEnd: midnight - 20_000_000, step: 3_600_000, count: 20, range: 21_600_000),
        SampleWindows(firstEnd: midnight - 30_000_000, step: 977_001, count: 90, range: 7_200_000),
        SampleWindows(firstEnd: midnight + 1_000_000, step: 0, count: 3, range: 60_000),
        SampleWindows(firstEnd: midnight, step: 600_000, count: 40, range: 300_000),
    ]

    @Test(
        "aggregates of windows equal those of the model",
        arguments: StoreKind.allCases.filter { $0 != .memory }, [1, 2, 3] as [UInt64])
    func equalsModel(kind: StoreKind, seed: UInt64) async throws {
        let model = try StoreUnderTest(.memory)
        let store = try StoreUnderTest(kind)
        for batch in Self.batches(seed: seed) {
            _ = try await model.append(batch)
            _ = try await store.append(batch)
        }
        for windows in Self.windows {
            let range =
                (windows.firstEnd - windows.range + 1)...windows.end(windows.count - 1)
            let expected = try model.metrics.selectSeries([], in: range)
            let found = try store.metrics.selectSeries([], in: range)
            // A selection may name a series that has samples only near the range.
            var places: [Labels: Int] = [:]
            for series in 0..<expected.count { places[expected.labels(series)] = series }
            #expect(found.count >= expected.count)
            for series in 0..<found.count {
                var ours: [WindowAggregate] = []
                var theirs = [WindowAggregate](repeating: WindowAggregate(), count: windows.count)
                #expect(try found.windowAggregates(series, windows, into: &ours))
                if let place = places.removeValue(forKey: found.labels(series)) {
                    #expect(try expected.windowAggregates(place, windows, into: &theirs))
                }
                try #require(ours.count == windows.count)
                for (index, pair) in zip(ours, theirs).enumerated() {
                    #expect(
                        Self.areEqual(pair.0, pair.1),
                        "series \(series) window \(index) of \(windows), seed \(seed)")
                }
            }
            #expect(places.isEmpty)
        }
    }

    /// All but sums to the bit; sums but for rounding.
    private static func areEqual(_ a: WindowAggregate, _ b: WindowAggregate) -> Bool {
        guard a.count == b.count else { return false }
        if a.count == 0 { return true }
        return a.firstTime == b.firstTime && a.lastTime == b.lastTime && a.resets == b.resets
            && a.first.bitPattern == b.first.bitPattern && a.last.bitPattern == b.last.bitPattern
            && (a.minimum == b.minimum || a.minimum.isNaN && b.minimum.isNaN)
            && (a.maximum == b.maximum || a.maximum.isNaN && b.maximum.isNaN)
            && areClose(a.sum + a.compensation, b.sum + b.compensation)
            && areClose(a.resetSum, b.resetSum)
    }

    private static func areClose(_ a: Double, _ b: Double) -> Bool {
        a == b || a.isNaN && b.isNaN || abs(a - b) <= 1e-12 * max(1, abs(a), abs(b))
    }

    @Test("a series of native histograms has no such aggregates", arguments: StoreKind.allCases)
    func histograms(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        var batch = MetricBatch()
        let series = batch.append(Labels([("__name__", "h")]))
        batch.histograms.append(
            HistogramSample(
                series: series, time: Self.midnight, histogram: NativeHistogram(schema: 0)))
        _ = try await store.append(batch)
        let selection = try store.metrics.selectSeries(
            [], in: (Self.midnight - 10)...(Self.midnight + 10))
        try #require(selection.count == 1)
        var aggregates: [WindowAggregate] = []
        let windows = SampleWindows(firstEnd: Self.midnight, step: 1, count: 1, range: 5)
        #expect(try !selection.windowAggregates(0, windows, into: &aggregates))
    }
}
