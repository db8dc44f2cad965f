import Synchronization
import Telemetry
import WireFormats

/// Running totals of series that send increments, so that the store keeps cumulative series only
/// (OpenTelemetry metrics data model, "Sums: Delta-to-Cumulative").
///
/// A point later than the last one of its series is added. One of the same time is a retry: the total is
/// given again, not raised. An earlier one is rejected. Totals live in memory; after a restart they go on from
/// the latest sample in the store (`DeltaRecovery`).
package final class DeltaSums: Sendable {
    /// An entry takes about 80 bytes, with a native histogram up to 3 KiB.
    static let streamsMax = 200_000
    /// A series without points for so long makes room for others.
    static let idleMilliseconds: Int64 = 3_600_000

    struct Total: Sendable {
        var value = 0.0
        var histogram: NativeHistogram?
        var time: Int64
    }

    private let totals = Mutex<[SeriesID: Total]>([:])

    package init() {}

    /// Series with increments that have no total here.
    func unknownSeries(of translated: TranslatedMetrics) -> [SeriesID: Labels] {
        let batch = translated.batch
        var unknown: [SeriesID: Labels] = [:]
        totals.withLock { totals in
            for series in 0..<batch.seriesCount
            where translated.isDelta[series] && totals[batch.seriesIDs[series]] == nil {
                unknown[batch.seriesIDs[series]] = batch.labels(series)
            }
        }
        return unknown
    }

    /// Goes on from a total, unless there is one already.
    func adopt(_ total: Total, for id: SeriesID) {
        totals.withLock { totals in
            if totals[id] == nil, totals.count < Self.streamsMax { totals[id] = total }
        }
    }

    /// Replaces increments by totals; what cannot be summed up is left out and told.
    package func summed(_ decoded: Decoded<TranslatedMetrics>) -> Decoded<MetricBatch> {
        let isDelta = decoded.batch.isDelta
        var summed = decoded.map(\.batch)
        guard !isDelta.isEmpty else { return summed }
        var tally = RejectionTally()
        totals.withLock { totals in
            sumFloats(&summed.batch, isDelta, &totals, &tally)
            sumHistograms(&summed.batch, isDelta, &totals, &tally)
        }
        summed.rejections += tally.rejections
        return summed
    }

    private func sumFloats(
        _ batch: inout MetricBatch, _ isDelta: [Bool], _ totals: inout [SeriesID: Total],
        _ tally: inout RejectionTally
    ) {
        var kept = 0
        for row in batch.sampleTimes.indices {
            let series = Int(batch.sampleSeries[row])
            let sample = Sample(time: batch.sampleTimes[row], value: batch.sampleValues[row])
            var value: Double? = sample.value
            if isDelta[series], !sample.isStaleMarker {
                value =
                    Self.update(batch.seriesIDs[series], sample.time, &totals) {
                        $0.value += sample.value
                    }?.value
                if value == nil { Self.reject(series, sample.time, batch, totals, &tally) }
            }
            guard let value else { continue }
            batch.sampleSeries[kept] = batch.sampleSeries[row]
            batch.sampleTimes[kept] = sample.time
            batch.sampleValues[kept] = value
            kept += 1
        }
        batch.sampleSeries.removeSubrange(kept...)
        batch.sampleTimes.removeSubrange(kept...)
        batch.sampleValues.removeSubrange(kept...)
    }

    private func sumHistograms(
        _ batch: inout MetricBatch, _ isDelta: [Bool], _ totals: inout [SeriesID: Total],
        _ tally: inout RejectionTally
    ) {
        var kept: [HistogramSample] = []
        for var sample in batch.histograms {
            let series = Int(sample.series)
            let isStale = sample.histogram.sum.bitPattern == Sample.staleMarker.bitPattern
            if isDelta[series], !isStale {
                let total = Self.update(batch.seriesIDs[series], sample.time, &totals) { total in
                    total.histogram = total.histogram?.adding(sample.histogram) ?? sample.histogram
                }
                guard let histogram = total?.histogram else {
                    Self.reject(series, sample.time, batch, totals, &tally)
                    continue
                }
                sample.histogram = histogram
            }
            kept.append(sample)
        }
        batch.histograms = kept
    }

    /// The total after a point; `nil` if the point is too early or there are too many series.
    private static func update(
        _ id: SeriesID, _ time: Int64, _ totals: inout [SeriesID: Total],
        _ add: (inout Total) -> Void
    ) -> Total? {
        guard var total = totals[id] else {
            guard makeRoom(at: time, &totals) else { return nil }
            var total = Total(time: time)
            add(&total)
            totals[id] = total
            return total
        }
        guard time >= total.time else { return nil }
        if time > total.time {
            add(&total)
            total.time = time
            totals[id] = total
        }
        return total
    }

    private static func makeRoom(at time: Int64, _ totals: inout [SeriesID: Total]) -> Bool {
        if totals.count < streamsMax { return true }
        totals = totals.filter { $0.value.time > time &- idleMilliseconds }
        return totals.count < streamsMax
    }

    private static func reject(
        _ series: Int, _ time: Int64, _ batch: MetricBatch, _ totals: [SeriesID: Total],
        _ tally: inout RejectionTally
    ) {
        let labels = batch.labels(series).description.prefix(200)
        if totals[batch.seriesIDs[series]] == nil {
            tally.add(.tooManyDeltaSeries, example: "\(labels)")
        } else {
            tally.add(.outOfOrderDelta, example: "\(labels) at \(time) ms")
        }
    }
}
