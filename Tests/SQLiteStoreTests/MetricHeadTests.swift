import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct MetricHeadTests {
    private static let now = TemporaryStore.start / 1_000_000

    /// Samples by pod and time, the last written of equal times.
    private typealias Content = [String: [Int64: Double]]

    /// Some of 60 series, some of their samples late or written again.
    private func batch(
        _ number: Int, _ random: inout SplitMix, into expected: inout Content
    ) -> MetricBatch {
        var batch = MetricBatch()
        for value in 0..<Int.random(in: 0...30, using: &random) {
            let pod = "pod-\(Int.random(in: 0..<60, using: &random))"
            let series = batch.append(Labels(["__name__": "m", "pod": pod]))
            let back = Int.random(in: 0..<8, using: &random) == 0 ? 40 : 2
            let step = number - Int.random(in: 0..<back, using: &random)
            let time = Self.now + Int64(step) * 1_000
            batch.append(series: series, time: time, value: Double(number * 100 + value))
            expected[pod, default: [:]][time] = Double(number * 100 + value)
        }
        return batch
    }

    private func content(
        _ store: SQLiteTelemetryStore, _ range: ClosedRange<Int64>
    ) throws -> Content {
        let selection = try store.selectSeries([LabelMatcher("__name__", .equal, "m")], in: range)
        var content: Content = [:]
        for index in 0..<selection.count {
            var columns = SampleColumns()
            try selection.samples(index, into: &columns)
            #expect(columns.times == columns.times.sorted())
            guard !columns.times.isEmpty else { continue }
            content[selection.labels(index)["pod"] ?? ""] = Dictionary(
                uniqueKeysWithValues: zip(columns.times, columns.values))
        }
        return content
    }

    @Test(
        "samples are found whether they came one by one, were sorted by a query, or sealed since",
        arguments: [1, 2, 3, 4] as [UInt64])
    func sortedByQueries(seed: UInt64) async throws {
        let temporary = try TemporaryStore { $0.looseSamplesMax = 50 }
        var random = SplitMix(state: seed)
        var expected: Content = [:]
        for number in 0..<150 {
            _ = try await temporary.append(batch(number, &random, into: &expected))
            if number % 7 == 0 {
                #expect(
                    try content(temporary.store, 0...Int64.max) == expected,
                    "seed \(seed), batch \(number)")
            }
            if number % 11 == 0 {
                let ends = [Int64(number - 20) * 1_000, Int64(number) * 500].sorted()
                let range = (Self.now + ends[0])...(Self.now + ends[1])
                let part = expected.mapValues { $0.filter { range.contains($0.key) } }
                    .filter { !$0.value.isEmpty }
                #expect(try content(temporary.store, range) == part)
            }
            if number == 90 { try temporary.store.seal() }
        }
        let copy = try temporary.openCopy()
        #expect(try content(copy, 0...Int64.max) == expected, "seed \(seed)")
        try copy.close()
        try temporary.reopen()
        #expect(try content(temporary.store, 0...Int64.max) == expected, "seed \(seed)")
    }

    @Test("a start told with every sample is journalled once, and there after a crash")
    func starts() async throws {
        let temporary = try TemporaryStore()
        let labels = Labels(["__name__": "m", "pod": "a"])
        func append(_ second: Int64) async throws {
            var batch = MetricBatch()
            let series = batch.append(labels)
            let time = Self.now + second * 1_000
            batch.append(series: series, time: time, value: Double(second))
            batch.starts = [
                SeriesStart(series: series, time: Self.now - 500, firstSampleTime: time)
            ]
            _ = try await temporary.append(batch)
        }
        func told(_ store: SQLiteTelemetryStore) throws -> [SeriesStarts] {
            try store.startTimes(matching: [], in: 0...Int64.max)
        }
        let once = [SeriesStarts(labels: labels, sampleTimes: [Self.now], starts: [Self.now - 500])]
        for second in 0..<5 { try await append(Int64(second)) }
        #expect(try told(temporary.store) == once)
        let crashed = try temporary.openCopy()
        #expect(try told(crashed) == once)
        try crashed.close()
        try temporary.store.seal()
        try await append(6)
        #expect(try told(temporary.store) == once)
        try temporary.reopen()
        #expect(try told(temporary.store) == once)
    }

    @Test("lists of labels follow what comes, is sealed and is asked for")
    func listings() async throws {
        let temporary = try TemporaryStore { $0.looseSamplesMax = 3 }
        var pods: [String] = []
        func append(_ number: Int, at time: Int64) async throws {
            var batch = MetricBatch()
            let series = batch.append(Labels(["__name__": "m", "pod": "pod-\(number)"]))
            batch.append(series: series, time: time, value: 1)
            _ = try await temporary.append(batch)
        }
        for number in 0..<9 {
            try await append(number, at: Self.now + Int64(number) * 1_000)
            pods.append("pod-\(number)")
            let store = temporary.store
            #expect(
                store.listingAtHand(.values(of: "pod"), matching: [], in: 0...Int64.max) == nil)
            // Twice: the second answer is the one that was kept.
            for _ in 0..<2 {
                let late = try store.labelValues(
                    of: "pod", matching: [], in: (Self.now + Int64(number) * 1_000)...Int64.max)
                #expect(late.contains("pod-\(number)"))
                #expect(try store.labelValues(of: "pod", matching: [], in: 0...Int64.max) == pods)
                #expect(
                    store.listingAtHand(.values(of: "pod"), matching: [], in: 0...Int64.max)
                        == pods)
                #expect(
                    try store.labelValues(
                        of: "pod", matching: [LabelMatcher("pod", .equal, "pod-0")],
                        in: 0...Int64.max) == ["pod-0"])
                #expect(
                    try store.labelNames(matching: [], in: 0...Int64.max) == ["__name__", "pod"])
                #expect(
                    try store.labelNames(
                        matching: [LabelMatcher("pod", .equal, "")], in: 0...Int64.max)
                        == [])
            }
            if number == 4 { try store.seal() }
        }
        try temporary.store.seal()
        #expect(
            try temporary.store.labelValues(of: "pod", matching: [], in: 0...Int64.max) == pods)
    }

    @Test("batches whose labels are read only when needed are stored like others")
    func unreadLabels() async throws {
        let temporary = try TemporaryStore()
        let labels = Labels(["__name__": "m", "pod": "a"])
        for minute in 0..<3 {
            var batch = MetricBatch()
            batch.labelEnds = [0]
            batch.seriesIDs = [labels.seriesID]
            batch.unread = UnreadLabels(
                body: [9] + labels.bytes, runs: [1..<UInt32(labels.bytes.count + 1)]
            ) { run, bytes in bytes.append(contentsOf: run) }
            batch.append(
                series: 0, time: Self.now + Int64(minute) * 60_000, value: Double(minute))
            _ = try await temporary.append(batch)
            // What is journalled from now on needs the labels again.
            if minute == 1 { try temporary.store.seal() }
        }
        #expect(try content(temporary.store, 0...Int64.max)["a"]?.count == 3)
        let copy = try temporary.openCopy()
        #expect(try content(copy, 0...Int64.max)["a"]?.count == 3)
        try copy.close()
    }
}

/// Steele, Lea and Flood's SplitMix64.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
