import Foundation
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct MetricAdministrationTests {
    private static let hour: Int64 = 3_600_000
    /// Ten hours before the store's clock.
    private static let midnight = TemporaryStore.start / 1_000_000 - 10 * hour
    private static let everything = 0...Int64.max

    /// Three series from two days before midnight on, two samples an hour, the last ones in the head.
    private func fill(_ temporary: TemporaryStore) async throws {
        for part in 0..<3 {
            var batch = MetricBatch()
            for pod in ["a", "b", "c"] {
                let series = batch.append(Labels(["__name__": "m", "pod": pod]))
                let histogram = batch.append(Labels(["__name__": "h", "pod": pod]))
                for step in (part * 38)..<(part * 38 + 38) {
                    let time = Self.midnight - 48 * Self.hour + Int64(step) * Self.hour / 2
                    batch.append(series: series, time: time, value: Double(step))
                    if step % 10 == 0 {
                        var value = NativeHistogram(schema: 0)
                        value.count = Double(step)
                        batch.histograms.append(
                            HistogramSample(series: histogram, time: time, histogram: value))
                    }
                }
            }
            _ = try await temporary.append(batch)
            if part < 2 { try temporary.store.seal() }
        }
    }

    private func count(
        _ store: SQLiteTelemetryStore, _ name: String, _ pod: String,
        _ range: ClosedRange<Int64> = everything
    ) throws -> Int {
        let selection = try store.selectSeries(
            [LabelMatcher("__name__", .equal, name), LabelMatcher("pod", .equal, pod)], in: range)
        var columns = SampleColumns()
        var count = 0
        for index in 0..<selection.count {
            try selection.samples(index, into: &columns)
            count += columns.times.count + columns.histograms.count
        }
        return count
    }

    @Test("deleted samples are gone from files and head, those of other series and times stay")
    func deletes() async throws {
        let temporary = try TemporaryStore()
        try await fill(temporary)
        let range = (Self.midnight - 5 * Self.hour)...(Self.midnight + 6 * Self.hour)
        let pod = LabelMatcher("pod", .equal, "a")
        try temporary.store.deleteSeries(matchingAny: [[pod]], in: range)
        func check(_ store: SQLiteTelemetryStore) throws {
            #expect(try count(store, "m", "a", range) == 0)
            #expect(try count(store, "m", "a") == 114 - 23)
            #expect(try count(store, "h", "a", range) == 0)
            #expect(try count(store, "h", "a") == 12 - 2)
            for pod in ["b", "c"] {
                #expect(try count(store, "m", pod) == 114)
                #expect(try count(store, "h", pod) == 12)
            }
        }
        try check(temporary.store)
        let copy = try temporary.openCopy()
        try check(copy)
        try copy.close()
        try temporary.store.deleteSeries(
            matchingAny: [
                [LabelMatcher("pod", .equal, "b")], [LabelMatcher("pod", .matches, "c|d")],
            ], in: Self.everything)
        try temporary.reopen()
        #expect(try count(temporary.store, "m", "b") == 0)
        #expect(try count(temporary.store, "h", "c") == 0)
        #expect(try count(temporary.store, "m", "a") == 114 - 23)
    }

    @Test("summaries follow what is deleted; where only they are left, nothing is deleted")
    func summaries() async throws {
        let rollup = try #require(
            MetricRollup(interval: 3_600_000, retention: 400 * StoreConfiguration.day))
        let temporary = try TemporaryStore { $0.metricRollups = [rollup] }
        try await fill(temporary)
        try temporary.store.seal()
        try temporary.store.maintainMetrics()
        let first = (Self.midnight - 48 * Self.hour)...(Self.midnight - 36 * Self.hour)
        try temporary.store.deleteSeries(
            matchingAny: [[LabelMatcher("pod", .equal, "a")]], in: first)
        try temporary.store.maintainMetrics()
        let selection = try temporary.store.selectSeries(
            [LabelMatcher("pod", .equal, "a"), LabelMatcher("__name__", .equal, "m")],
            in: (Self.midnight - 48 * Self.hour)...(Self.midnight - 24 * Self.hour))
        let windows = SampleWindows(
            firstEnd: Self.midnight - 24 * Self.hour, step: 1, count: 1, range: 24 * Self.hour)
        var aggregates: [WindowAggregate] = []
        #expect(try selection.windowAggregates(0, windows, into: &aggregates))
        // 25 samples until noon went.
        #expect(aggregates.first?.count == 24)
        try temporary.reopen {
            $0.metricRollups = [rollup]
            $0.metricRetention = StoreConfiguration.day
        }
        try temporary.store.maintainMetrics()
        let left = try count(temporary.store, "m", "b")
        #expect(throws: StoreError.self) {
            try temporary.store.deleteSeries(
                matchingAny: [[LabelMatcher("pod", .equal, "b")]], in: Self.everything)
        }
        #expect(try count(temporary.store, "m", "b") == left)
    }

    @Test("a snapshot is a store of its own, with what was acknowledged before")
    func snapshot() async throws {
        let temporary = try TemporaryStore()
        try await fill(temporary)
        let folder = try temporary.store.snapshotMetrics(includesHead: true)
        try temporary.store.deleteSeries(
            matchingAny: [[LabelMatcher("__name__", .equal, "m")]], in: Self.everything)
        let copy = try SQLiteTelemetryStore(
            configuration: StoreConfiguration(directory: folder + "/tenants/default"),
            clock: temporary.clock, events: temporary.events)
        for pod in ["a", "b", "c"] {
            #expect(try count(copy, "m", pod) == 114)
            #expect(try count(copy, "h", pod) == 12)
            #expect(try count(temporary.store, "m", pod) == 0)
        }
        try copy.close()
    }
}
