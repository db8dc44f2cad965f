import Platform
import Store
import Telemetry
import WireFormats

/// Finds the totals of before a restart in the store: the latest sample of a series that sent increments is
/// its total.
///
/// Only asked in the first hour after a start: later, what is not known has sent nothing for so long that it
/// begins anew.
package final class DeltaRecovery: Sendable {
    /// Samples that are dated a little ahead count as well.
    private static let aheadMilliseconds: Int64 = 600_000

    private let store: any MetricStore
    /// Reads block.
    private let pool = BlockingPool(name: "delta totals", threads: 1, capacity: 64)
    /// Milliseconds.
    private let startedAt: Int64

    /// - Parameter startedAt: milliseconds.
    package init(store: any MetricStore, startedAt: Int64) {
        self.store = store
        self.startedAt = startedAt
    }

    /// Whether totals of before the start may still matter.
    func isOpen(at now: Int64) -> Bool { now < startedAt &+ DeltaSums.idleMilliseconds }

    /// The latest samples of series, as far as there are any.
    func totals(
        of series: [SeriesID: Labels]
    ) async throws(StoreError) -> [SeriesID: DeltaSums.Total] {
        let range =
            (startedAt &- DeltaSums.idleMilliseconds)...(startedAt &+ Self.aheadMilliseconds)
        let result: Result<[SeriesID: DeltaSums.Total], StoreError>
        do {
            result = try await pool.run { [store] in
                Result { () throws(StoreError) in try Self.read(series, range, from: store) }
            }
        } catch {
            // The queue of reads is full.
            throw .overloaded(retryAfterMilliseconds: 1_000)
        }
        return try result.get()
    }

    private static func read(
        _ series: [SeriesID: Labels], _ range: ClosedRange<Int64>, from store: any MetricStore
    ) throws(StoreError) -> [SeriesID: DeltaSums.Total] {
        var totals: [SeriesID: DeltaSums.Total] = [:]
        var columns = SampleColumns()
        for name in Set(series.values.map { $0[Labels.metricName] ?? "" }).sorted() {
            let selection = try store.selectSeries(
                [LabelMatcher(Labels.metricName, .equal, name)], in: range)
            for index in 0..<selection.count {
                let id = selection.labels(index).seriesID
                guard series[id] != nil else { continue }
                try selection.samples(index, into: &columns)
                totals[id] = latest(columns)
            }
        }
        return totals
    }

    private static func latest(_ columns: SampleColumns) -> DeltaSums.Total? {
        let stale = Sample.staleMarker.bitPattern
        let number = columns.values.lastIndex { $0.bitPattern != stale }
        let histogram = columns.histograms.last { $0.histogram.sum.bitPattern != stale }
        if let histogram, number.map({ columns.times[$0] < histogram.time }) ?? true {
            return DeltaSums.Total(histogram: histogram.histogram, time: histogram.time)
        }
        return number.map { DeltaSums.Total(value: columns.values[$0], time: columns.times[$0]) }
    }
}

extension DeltaSums {
    /// Takes over what `recovery` finds of series that are new here.
    package func recover(
        _ translated: TranslatedMetrics, from recovery: DeltaRecovery, at now: Int64
    ) async throws(StoreError) {
        guard recovery.isOpen(at: now), !translated.isDelta.isEmpty else { return }
        let unknown = unknownSeries(of: translated)
        guard !unknown.isEmpty else { return }
        let found = try await recovery.totals(of: unknown)
        for (id, total) in found { adopt(total, for: id) }
    }
}
