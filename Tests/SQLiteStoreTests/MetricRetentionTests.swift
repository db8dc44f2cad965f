import Foundation
import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct MetricRetentionTests {
    private static let day: Int64 = 86_400_000
    private static let now = TemporaryStore.start / 1_000_000

    /// Waits until the first round of retention, which a store makes when it opens, left this many files.
    private func files(_ temporary: TemporaryStore, count: Int) async throws -> [String] {
        while true {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: temporary.directory + "/metrics"
            ).filter { $0.hasSuffix(".db") }
            if names.count <= count { return names.sorted() }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// How many days ago samples are there.
    private static func days(_ store: SQLiteTelemetryStore) throws -> [Int64] {
        let selection = try store.selectSeries([], in: 0...Int64.max)
        var days: Set<Int64> = []
        var columns = SampleColumns()
        for index in 0..<selection.count {
            try selection.samples(index, into: &columns)
            for time in columns.times { days.insert((now - time) / day) }
        }
        return days.sorted(by: >)
    }

    @Test("beyond the bound on bytes the oldest days go, whole, and today's stays")
    func byBytes() async throws {
        let temporary = try TemporaryStore()
        for back in (0...4).reversed() {
            var batch = MetricBatch()
            let series = batch.append(Labels(["__name__": "m"]))
            for index in 0..<8_000 {
                batch.append(
                    series: series, time: Self.now - Int64(back) * Self.day - Int64(index),
                    value: Double(index * index % 7_919) / 7)
            }
            _ = try await temporary.append(batch)
        }
        try temporary.store.seal()
        #expect(try Self.days(temporary.store) == [4, 3, 2, 1, 0])
        try temporary.store.close()
        let size = try FileManager.default.attributesOfItem(
            atPath: temporary.directory + "/metrics/2026-11-18.db")[.size]
        let bytes = try #require((size as? NSNumber)?.intValue)
        // Room for two and a half days.
        try temporary.reopen { $0.metricBytesMax = bytes * 5 / 2 }
        #expect(
            try await files(temporary, count: 2) == ["2026-11-20.db", "2026-11-21.db"])
        #expect(try Self.days(temporary.store) == [1, 0])
        try temporary.reopen { $0.metricBytesMax = 1 }
        #expect(try await files(temporary, count: 1) == ["2026-11-21.db"])
        #expect(try Self.days(temporary.store) == [0])
    }
}
