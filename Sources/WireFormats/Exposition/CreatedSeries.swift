import Telemetry

/// The `_created` lines of OpenMetrics (RFC draft, "Counter"): since when the other series with their labels
/// count. They may stand before or behind these, but within the family.
struct CreatedSeries {
    private static let suffix: StaticString = "_created"

    /// By the labels that the series of a metric have in common; in milliseconds.
    private var starts: [ContentHash: Int64] = [:]
    /// Which of the family's series are such lines.
    private var lines: Set<Int> = []
    private var familyStart = 0

    /// Notes a sample if it is such a line.
    /// - Parameter value: seconds.
    mutating func note(
        _ name: UnsafeRawBufferPointer, _ type: MetricType, series: UInt32, value: Double,
        of batch: MetricBatch
    ) {
        switch type {
        case .counter, .histogram, .gaugeHistogram, .summary: break
        default: return
        }
        let isCreated = Self.suffix.withUTF8Buffer { suffix in
            name.count > suffix.count && name.suffix(suffix.count).elementsEqual(suffix)
        }
        guard isCreated, value > 0,
            let time = Int64(exactly: (value * 1_000).rounded(.toNearestOrAwayFromZero))
        else { return }
        lines.insert(Int(series))
        starts[Self.common(Int(series), batch)] = time
    }

    /// Gives the family's series their starts. Each has one sample.
    mutating func endFamily(_ batch: inout MetricBatch) {
        defer { familyStart = batch.seriesCount }
        guard !starts.isEmpty else { return }
        for series in familyStart..<batch.seriesCount where !lines.contains(series) {
            guard let start = starts[Self.common(series, batch)],
                start <= batch.sampleTimes[series]
            else { continue }
            batch.starts.append(
                SeriesStart(
                    series: UInt32(series), time: start,
                    firstSampleTime: batch.sampleTimes[series]))
        }
        starts.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
    }

    /// The labels without name and bounds.
    private static func common(_ series: Int, _ batch: MetricBatch) -> ContentHash {
        var bytes: [UInt8] = []
        batch.labelBytes.withUnsafeBytes { all in
            var cursor = LabelCursor(
                UnsafeRawBufferPointer(rebasing: all[batch.labelRange(series)]))
            while let pair = cursor.next() {
                let isOwn =
                    pair.name.elementsEqual(Labels.metricName.utf8)
                    || pair.name.elementsEqual("le".utf8)
                    || pair.name.elementsEqual("quantile".utf8)
                if !isOwn { bytes.append(contentsOf: pair.encoded) }
            }
        }
        return bytes.withUnsafeBytes { ContentHash($0) }
    }
}
