import Telemetry
import WireFormats

/// The groups of metrics that were pushed, as the Pushgateway keeps them (github.com/prometheus/pushgateway,
/// "API"): what a group holds is told again and again, as if it were scraped, until it is replaced or deleted.
/// Decides only; what it returns is stored by others.
package struct PushedGroups: Sendable {
    /// What a push does with what its group holds already.
    package enum Replacing: Sendable {
        /// `PUT`.
        case everything
        /// `POST`: metrics of the same names.
        case sameNames
    }

    /// More series than this are not taken; some 200 bytes each.
    package static let seriesMax = 100_000

    private struct Value: Sendable {
        var labels: Labels
        var name: String
        var number: Double
        var histogram: NativeHistogram?
    }

    private struct Group: Sendable {
        var values: [SeriesID: Value] = [:]
        /// Seconds.
        var pushed = 0.0
        var failed = 0.0
    }

    private static let pushTime = "push_time_seconds"
    private static let failureTime = "push_failure_time_seconds"

    private var groups: [Labels: Group] = [:]
    package private(set) var seriesCount = 0

    package init() {}

    /// Takes a push whose series carry the group's labels.
    /// - Returns: what is to be stored: the push, the ends of what it replaces, the times of the group. `nil`
    ///   if there would be too many series.
    package mutating func push(
        _ batch: MetricBatch, to key: Labels, _ replacing: Replacing, at time: Int64
    ) -> MetricBatch? {
        let old = groups[key]
        let new = Self.values(of: batch)
        let names = Set(new.values.map(\.name))
        var group = old ?? Group()
        switch replacing {
        case .everything: group.values = new
        case .sameNames:
            group.values = group.values.filter { !names.contains($0.value.name) }
            group.values.merge(new) { _, new in new }
        }
        let count = seriesCount - (old?.values.count ?? 0) + group.values.count
        guard count <= Self.seriesMax else { return nil }
        group.pushed = Double(time) / 1_000
        groups[key] = group
        seriesCount = count
        var stored = batch
        for (id, value) in old?.values ?? [:] where group.values[id] == nil {
            Self.end(value, at: time, &stored)
        }
        Self.tell(group, key, at: time, &stored)
        return stored
    }

    /// Notes a push that was refused.
    /// - Returns: what is to be stored.
    package mutating func fail(_ key: Labels, at time: Int64) -> MetricBatch {
        var group = groups[key] ?? Group()
        group.failed = Double(time) / 1_000
        var stored = MetricBatch()
        // A group that never was is not made by its failure.
        guard groups[key] != nil else { return stored }
        groups[key] = group
        Self.tell(group, key, at: time, &stored)
        return stored
    }

    /// Deletes a group.
    /// - Returns: the ends of its series; nothing if there is no such group.
    package mutating func delete(_ key: Labels, at time: Int64) -> MetricBatch {
        var ended = MetricBatch()
        guard let group = groups.removeValue(forKey: key) else { return ended }
        seriesCount -= group.values.count
        for value in group.values.values { Self.end(value, at: time, &ended) }
        for name in [Self.pushTime, Self.failureTime] {
            let series = ended.append(key.setting(Labels.metricName, name))
            ended.append(series: series, time: time, value: Sample.staleMarker)
        }
        return ended
    }

    /// What all groups hold, as of `time`.
    package func samples(at time: Int64) -> MetricBatch {
        var batch = MetricBatch()
        for (key, group) in groups {
            for value in group.values.values {
                let series = batch.append(value.labels)
                if let histogram = value.histogram {
                    batch.histograms.append(
                        HistogramSample(series: series, time: time, histogram: histogram))
                } else {
                    batch.append(series: series, time: time, value: value.number)
                }
            }
            Self.tell(group, key, at: time, &batch)
        }
        return batch
    }

    private static func values(of batch: MetricBatch) -> [SeriesID: Value] {
        var values: [SeriesID: Value] = [:]
        func add(_ series: UInt32, _ number: Double, _ histogram: NativeHistogram?) {
            let labels = batch.labels(Int(series))
            values[batch.seriesIDs[Int(series)]] = Value(
                labels: labels, name: labels[Labels.metricName] ?? "", number: number,
                histogram: histogram)
        }
        for row in batch.sampleTimes.indices {
            add(batch.sampleSeries[row], batch.sampleValues[row], nil)
        }
        for sample in batch.histograms { add(sample.series, 0, sample.histogram) }
        return values
    }

    /// The samples that the Pushgateway adds to a group.
    private static func tell(
        _ group: Group, _ key: Labels, at time: Int64, _ batch: inout MetricBatch
    ) {
        for (name, value) in [(pushTime, group.pushed), (failureTime, group.failed)] {
            let series = batch.append(key.setting(Labels.metricName, name))
            batch.append(series: series, time: time, value: value)
        }
    }

    private static func end(_ value: Value, at time: Int64, _ batch: inout MetricBatch) {
        let series = batch.append(value.labels)
        guard value.histogram != nil else {
            return batch.append(series: series, time: time, value: Sample.staleMarker)
        }
        var histogram = NativeHistogram(schema: 0)
        histogram.sum = Sample.staleMarker
        batch.histograms.append(HistogramSample(series: series, time: time, histogram: histogram))
    }
}

extension PushedGroups {
    /// Of the two metrics that a group gets.
    package static let metadata = [
        MetricMetadata(
            family: pushTime, type: .gauge,
            help: "Last Unix time when changing this group in the Pushgateway succeeded."),
        MetricMetadata(
            family: failureTime, type: .gauge,
            help: "Last Unix time when changing this group in the Pushgateway failed."),
    ]
}
