import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct SeriesChurnTests {
    private static let now = TemporaryStore.start / 1_000_000

    /// A sample of every series, its number the value.
    private func batch(_ series: Range<Int>, minute: Int) -> MetricBatch {
        var batch = MetricBatch()
        for number in series {
            let added = batch.append(
                Labels([
                    ("__name__", "m"), ("digit", "\(number % 10)"), ("pod", "pod-\(number)"),
                ]))
            batch.append(
                series: added, time: Self.now + Int64(minute) * 60_000, value: Double(number))
        }
        return batch
    }

    /// Values of the series that satisfy the matchers, by pod.
    private func values(
        _ store: SQLiteTelemetryStore, _ matchers: [LabelMatcher]
    ) throws -> [String: [Double]] {
        let selection = try store.selectSeries(matchers, in: 0...Int64.max)
        var values: [String: [Double]] = [:]
        for index in 0..<selection.count {
            var columns = SampleColumns()
            try selection.samples(index, into: &columns)
            values[selection.labels(index)["pod"] ?? ""] = columns.values
        }
        return values
    }

    @Test("series that ended leave memory; those that come again keep all their samples")
    func churn() async throws {
        let temporary = try TemporaryStore { $0.registeredSeriesMin = 10 }
        func append(_ series: Range<Int>, minute: Int) async throws {
            _ = try await temporary.append(batch(series, minute: minute))
        }
        try await append(0..<100, minute: 0)
        try temporary.store.seal()
        #expect(temporary.store.registeredSeriesCount == 100)
        temporary.clock.advance(byNanoseconds: 7_200_000_000_000)
        try await append(98..<103, minute: 120)
        try temporary.store.seal()
        try await append(99..<105, minute: 121)
        #expect(temporary.store.registeredSeriesCount == 6)

        func check(_ store: SQLiteTelemetryStore) throws {
            let all = try values(store, [LabelMatcher("__name__", .equal, "m")])
            #expect(all.count == 105)
            #expect(all["pod-7"] == [7])
            #expect(all["pod-98"] == [98, 98])
            #expect(all["pod-99"] == [99, 99, 99])
            #expect(all["pod-104"] == [104])
            #expect(
                try store.labelValues(of: "pod", matching: [], in: 0...Int64.max).count == 105)
        }
        try check(temporary.store)
        let copy = try temporary.openCopy()
        try check(copy)
        try copy.close()
        try temporary.store.seal()
        try check(temporary.store)
        try temporary.reopen()
        try check(temporary.store)
    }

    @Test("thousands of series are found by every kind of matcher while more arrive")
    func manySeries() async throws {
        let temporary = try TemporaryStore()
        var selections: [any SeriesSelection] = []
        var expected: [Int] = []
        var count = 0
        for size in [1, 1_022, 1, 1, 3_500, 700, 4_000] {
            _ = try await temporary.append(batch(count..<(count + size), minute: 0))
            count += size
            selections.append(
                try temporary.store.selectSeries(
                    [LabelMatcher("digit", .equal, "3")], in: 0...Int64.max))
            expected.append((0..<count).count { $0 % 10 == 3 })
            #expect(selections.last?.count == expected.last)
            if size == 3_500 { try temporary.store.seal() }
        }
        #expect(selections.map(\.count) == expected, "earlier selections keep what they found")
        for (matchers, expected) in [
            ([LabelMatcher("digit", .notEqual, "3")], { $0 % 10 != 3 }),
            ([LabelMatcher("pod", .matches, "pod-1..")], { (100..<200).contains($0) }),
            (
                [LabelMatcher("pod", .matches, "pod-(5|6000|99999)")],
                { $0 == 5 || $0 == 6_000 }
            ),
            ([LabelMatcher("pod", .doesNotMatch, ".*[0-8]")], { $0 % 10 == 9 }),
            ([LabelMatcher("none", .equal, "")], { _ in true }),
        ] as [([LabelMatcher], (Int) -> Bool)] {
            let found = try values(temporary.store, matchers)
            let wanted = (0..<count).filter(expected)
            #expect(found.count == wanted.count, "\(matchers)")
            #expect(wanted.allSatisfy { found["pod-\($0)"] == [Double($0)] }, "\(matchers)")
        }
    }

    @Test("days that had to leave memory are read again")
    func fewDaysInMemory() async throws {
        let temporary = try TemporaryStore { $0.loadedSeriesMax = 3 }
        for day in 0..<4 {
            _ = try await temporary.append(batch(0..<5, minute: -day * 1_440))
            try temporary.store.seal()
        }
        for _ in 0..<2 {
            let found = try values(temporary.store, [])
            #expect(found.count == 5)
            #expect(found["pod-2"] == [2, 2, 2, 2])
        }
        try temporary.reopen { $0.loadedSeriesMax = 3 }
        #expect(try values(temporary.store, [])["pod-4"] == [4, 4, 4, 4])
    }
}
