import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct SeriesAllowanceTests {
    private static let now = TemporaryStore.start / 1_000_000

    /// A sample of each user, of a target.
    private func batch(
        _ users: Range<Int>, instance: String = "a", minute: Int, value: Double = 1
    ) -> MetricBatch {
        var batch = MetricBatch()
        for user in users {
            let series = batch.append(
                Labels([
                    "__name__": "requests", "instance": instance, "job": "shop",
                    "user": "\(user)",
                ]))
            batch.append(series: series, time: Self.now + Int64(minute) * 60_000, value: value)
        }
        return batch
    }

    /// Values by series.
    private func content(_ store: SQLiteTelemetryStore) throws -> [String: [Double]] {
        let selection = try store.selectSeries([], in: 0...Int64.max)
        var content: [String: [Double]] = [:]
        for index in 0..<selection.count {
            var columns = SampleColumns()
            try selection.samples(index, into: &columns)
            content[selection.labels(index).description] = columns.values
        }
        return content
    }

    private static let overflow =
        #"requests{__overflow__="true", instance="a", job="shop"}"#

    private static func series(_ user: Int, _ instance: String = "a") -> String {
        #"requests{instance="\#(instance)", job="shop", user="\#(user)"}"#
    }

    @Test("series beyond the bound are added up, those within it and of other targets are kept")
    func folds() async throws {
        let temporary = try TemporaryStore { $0.seriesPerTargetMax = 3 }
        _ = try await temporary.append(batch(0..<2, minute: 0))
        // One request of a scrape brings more of what another began.
        _ = try await temporary.append(batch(0..<5, minute: 1))
        _ = try await temporary.append(batch(5..<9, minute: 1, value: 10))
        _ = try await temporary.append(batch(0..<3, instance: "b", minute: 1))
        let expected: [String: [Double]] = [
            Self.series(0): [1, 1], Self.series(1): [1, 1], Self.series(2): [1],
            Self.overflow: [42],
            Self.series(0, "b"): [1], Self.series(1, "b"): [1], Self.series(2, "b"): [1],
        ]
        #expect(try content(temporary.store) == expected)
        let overflows = temporary.store.seriesOverflows()
        #expect(overflows.count == 1)
        #expect(overflows.first?.metric == "requests")
        #expect(overflows.first?.instance == "a")
        #expect(overflows.first?.foldedSamples == 6)
        #expect(overflows.first?.lastTime == Self.now + 60_000)
        let copy = try temporary.openCopy()
        #expect(try content(copy) == expected)
        try copy.close()
        try temporary.store.seal()
        #expect(try content(temporary.store) == expected)
        _ = try await temporary.append(batch(0..<9, minute: 2))
        #expect(try content(temporary.store)[Self.overflow] == [42, 6])
        #expect(temporary.store.registeredSeriesCount == 7)
    }

    @Test("staleness markers of series beyond the bound end none of them")
    func ignoresMarkers() async throws {
        let temporary = try TemporaryStore { $0.seriesPerTargetMax = 1 }
        _ = try await temporary.append(batch(0..<4, minute: 0))
        _ = try await temporary.append(batch(2..<3, minute: 0, value: Telemetry.Sample.staleMarker))
        #expect(try content(temporary.store)[Self.overflow] == [3])
    }

    @Test("a request that is sent again adds nothing, requests of other series add at each time")
    func sumsOnce() async throws {
        let temporary = try TemporaryStore { $0.seriesPerTargetMax = 1 }
        _ = try await temporary.append(batch(0..<1, minute: 0))
        func shard(_ user: Int, _ value: Double) -> MetricBatch {
            var batch = MetricBatch()
            let series = batch.append(
                Labels([
                    "__name__": "requests", "instance": "a", "job": "shop", "user": "\(user)",
                ]))
            for minute in [1, 2] as [Int64] {
                batch.append(series: series, time: Self.now + minute * 60_000, value: value)
            }
            return batch
        }
        for (user, value) in [(1, 5.0), (2, 7), (1, 5), (3, 1), (2, 7)] {
            _ = try await temporary.append(shard(user, value))
        }
        #expect(try content(temporary.store)[Self.overflow] == [13, 13])
    }

    @Test("series that have ended make room on their target")
    func freesPlaces() async throws {
        let temporary = try TemporaryStore { $0.seriesPerTargetMax = 2 }
        _ = try await temporary.append(batch(0..<3, minute: 0))
        try temporary.store.seal()
        temporary.clock.advance(byNanoseconds: 600_000_000_000)
        // Of the two that were let in one goes on.
        _ = try await temporary.append(batch(1..<4, minute: 10))
        try temporary.store.seal()
        temporary.clock.advance(byNanoseconds: 600_000_000_000)
        _ = try await temporary.append(batch(1..<2, minute: 20))
        _ = try await temporary.append(batch(3..<4, minute: 20))
        try temporary.store.seal()
        _ = try await temporary.append(batch(3..<5, minute: 21))
        let content = try content(temporary.store)
        #expect(content[Self.series(0)] == [1])
        #expect(content[Self.series(1)] == [1, 1, 1])
        #expect(content[Self.series(3)] == [1])
        #expect(content[Self.overflow] == [1, 2, 1, 1])
    }
}
