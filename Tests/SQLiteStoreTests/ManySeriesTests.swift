import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct ManySeriesTests {
    private static let now = TemporaryStore.start / 1_000_000
    private static let day: Int64 = 86_400_000

    /// More series than one segment of an index holds, with more label pairs than two bytes can number.
    private static let count = 17_500

    private static func labels(_ number: Int) -> Labels {
        Labels([
            "__name__": "m", "a": "a\(number)", "b": "b\(number)", "c": "c\(number)",
            "d": "d\(number)", "e": "e\(number)", "odd": number % 2 == 1 ? "yes" : "",
        ])
    }

    private static func batch(_ numbers: [Int], at time: Int64) -> MetricBatch {
        var batch = MetricBatch()
        for number in numbers {
            let series = batch.append(labels(number))
            batch.append(series: series, time: time, value: Double(number))
        }
        return batch
    }

    private func found(
        _ store: SQLiteTelemetryStore, _ matchers: [LabelMatcher]
    ) throws -> [Labels: [Double]] {
        let selection = try store.selectSeries(matchers, in: 0...Int64.max)
        var found: [Labels: [Double]] = [:]
        var columns = SampleColumns()
        for index in 0..<selection.count {
            try selection.samples(index, into: &columns)
            found[selection.labels(index)] = columns.values
        }
        return found
    }

    @Test("each of many series is found by its labels, in the head, sealed and after a restart")
    func found() async throws {
        let temporary = try TemporaryStore { $0.looseSamplesMax = 5_000 }
        for start in stride(from: 0, to: Self.count, by: 700) {
            let numbers = Array(start..<min(start + 700, Self.count))
            _ = try await temporary.append(Self.batch(numbers, at: Self.now))
        }
        let wanted = [0, 1, 1_023, 1_024, 4_095, 5_000, 16_383, 16_384, 17_407, 17_499]
        func check(_ stage: String) throws {
            for number in wanted {
                #expect(
                    try found(temporary.store, [LabelMatcher("c", .equal, "c\(number)")])
                        == [Self.labels(number): [Double(number)]], "\(stage): \(number)")
            }
            let names = wanted.map { "e\($0)" }.joined(separator: "|")
            #expect(
                try found(temporary.store, [LabelMatcher("e", .matches, names)])
                    == Dictionary(
                        uniqueKeysWithValues: wanted.map { (Self.labels($0), [Double($0)]) }),
                "\(stage)")
            #expect(
                try found(
                    temporary.store,
                    [LabelMatcher("odd", .equal, ""), LabelMatcher("a", .matches, "a1749.")])
                    == Dictionary(
                        uniqueKeysWithValues: stride(from: 17_490, to: 17_500, by: 2).map {
                            (Self.labels($0), [Double($0)])
                        }), "\(stage)")
            #expect(
                try temporary.store.labelValues(of: "b", matching: [], in: 0...Int64.max)
                    == (0..<Self.count).map { "b\($0)" }.sorted(), "\(stage)")
        }
        try check("head")
        try temporary.store.seal()
        try check("sealed")
        try temporary.reopen()
        try check("restarted")
    }

    @Test(
        "labels of series that have ended are not listed for days that have none of their samples")
    func ended() async throws {
        let temporary = try TemporaryStore()
        func append(_ name: String, _ pod: String, at time: Int64) async throws {
            var batch = MetricBatch()
            let series = batch.append(Labels(["__name__": "m", name: "x", "pod": pod]))
            batch.append(series: series, time: time, value: 1)
            _ = try await temporary.append(batch)
        }
        func check(_ stage: String) throws {
            let range = (Self.now + Self.day - 1)...Int64.max
            let store = temporary.store
            #expect(
                try store.labelNames(matching: [], in: range) == ["__name__", "new", "pod"],
                "\(stage)")
            #expect(
                try store.labelValues(of: "pod", matching: [], in: range) == ["c", "d"],
                "\(stage)")
            #expect(try store.labelValues(of: "old", matching: [], in: range) == [], "\(stage)")
            #expect(
                try store.labelValues(of: "pod", matching: [], in: 0...Int64.max)
                    == ["a", "b", "c", "d"], "\(stage)")
        }
        try await append("old", "a", at: Self.now)
        try await append("old", "b", at: Self.now)
        try temporary.store.seal()
        try await append("new", "c", at: Self.now + Self.day)
        try await append("new", "d", at: Self.now + Self.day)
        try check("head")
        try temporary.store.seal()
        try check("sealed")
        try await append("new", "d", at: Self.now + Self.day + 1)
        try check("sealed and head")
    }

    @Test(
        "a head is sealed whole however its samples came: in order, late, twice, over midnight",
        arguments: [1, 2, 3] as [Int])
    func sealed(variant: Int) async throws {
        let temporary = try TemporaryStore()
        var expected: [Int: [Int64: Double]] = [:]
        for step in 0..<40 {
            let late = variant == 2 && step % 7 == 3 ? 5 : 0
            let repeated = variant == 2 && step % 5 == 4 ? 1 : 0
            let scale: Int64 = variant == 3 ? 3_600_000 : 1_000
            let time = Self.now + Int64(step - late - repeated) * scale
            var batch = MetricBatch()
            for number in [3, 1, 2] {
                let series = batch.append(Self.labels(number))
                let value = Double(step * 10 + number)
                batch.append(series: series, time: time, value: value)
                expected[number, default: [:]][time] = value
            }
            _ = try await temporary.append(batch)
        }
        for stage in ["head", "sealed", "restarted"] {
            if stage == "sealed" { try temporary.store.seal() }
            if stage == "restarted" { try temporary.reopen() }
            for number in 1...3 {
                let selection = try temporary.store.selectSeries(
                    [LabelMatcher("a", .equal, "a\(number)")], in: 0...Int64.max)
                var columns = SampleColumns()
                try selection.samples(0, into: &columns)
                #expect(
                    Dictionary(uniqueKeysWithValues: zip(columns.times, columns.values))
                        == expected[number], "\(stage)")
                #expect(columns.times == columns.times.sorted(), "\(stage)")
            }
        }
    }
}
