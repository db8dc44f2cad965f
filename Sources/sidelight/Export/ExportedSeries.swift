import Pipeline
import Store
import Telemetry

/// Reads series out of a store as lines, with the metadata of all metrics at the end.
struct ExportedSeries {
    let store: any MetricStore
    /// Whether series that are counted from spans are left out.
    var leavesOutDerived = false

    private static let day: Int64 = 86_400_000

    /// A day at a time, so that no more labels are in memory than a day has.
    func read(
        _ range: TimeRange, into sink: @escaping ExportSource.Sink
    ) throws(StoreError) -> Bool {
        let first = Self.ceiling(range.start)
        let end = Self.ceiling(range.end)
        guard first < end else { return true }
        let metadata = try store.metricMetadata().filter {
            !leavesOutDerived || !DerivedSeriesName.isOfSpans($0.family)
        }
        var writer = SeriesWriter(metadata: metadata, sink: sink)
        for window in Self.windows(first..<end) {
            let selection = try store.selectSeries(
                [LabelMatcher(Labels.metricName, .notEqual, "")], in: window)
            var columns = SampleColumns()
            for index in 0..<selection.count {
                let labels = selection.labels(index)
                if leavesOutDerived, DerivedSeriesName.isOfSpans(labels[Labels.metricName] ?? "") {
                    continue
                }
                try selection.samples(index, into: &columns)
                writer.add(labels, columns)
                guard writer.goesOn else { return false }
            }
        }
        return writer.finish()
    }

    /// The earliest whole millisecond that is not before `time`.
    private static func ceiling(_ time: Timestamp) -> Int64 {
        let milliseconds = time.milliseconds
        return Timestamp(milliseconds: milliseconds) < time ? milliseconds + 1 : milliseconds
    }

    /// The days of a range, those of the last three years one by one.
    private static func windows(_ range: Range<Int64>) -> [ClosedRange<Int64>] {
        var windows: [ClosedRange<Int64>] = []
        var start = range.lowerBound
        let (recent, overflow) = range.upperBound.subtractingReportingOverflow(3 * 365 * day)
        if !overflow, start < recent {
            windows.append(start...(recent - 1))
            start = recent
        }
        while start < range.upperBound {
            let ofDay = ((start % day) + day) % day
            let next = min(start + (day - ofDay), range.upperBound)
            windows.append(start...(next - 1))
            start = next
        }
        return windows
    }
}
