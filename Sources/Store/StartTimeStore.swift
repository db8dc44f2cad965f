import Telemetry

/// Since when a series counts, by time.
package struct SeriesStarts: Hashable, Sendable {
    package var labels: Labels
    /// Milliseconds, ascending: of the first sample of each start.
    package var sampleTimes: [Int64]
    /// Milliseconds.
    package var starts: [Int64]

    package init(labels: Labels, sampleTimes: [Int64], starts: [Int64]) {
        self.labels = labels
        self.sampleTimes = sampleTimes
        self.starts = starts
    }

    /// The start that a sample counts from; `nil` if nobody told.
    package func start(ofSampleAt time: Int64) -> Int64? {
        var low = 0
        var high = sampleTimes.count
        while low < high {
            let middle = (low + high) / 2
            if sampleTimes[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : starts[low - 1]
    }

    /// - Parameter found: by series, starts by the time of their first sample.
    package static func sorted(_ found: [Labels: [Int64: Int64]]) -> [SeriesStarts] {
        found.map { labels, starts in
            let times = starts.keys.sorted()
            return SeriesStarts(
                labels: labels, sampleTimes: times, starts: times.map { starts[$0] ?? 0 })
        }.sorted { $0.labels.bytes.lexicographicallyPrecedes($1.labels.bytes) }
    }
}

/// Keeps since when series count. Apart from the samples: nearly all queries do without.
package protocol StartTimeStore: Sendable {
    /// What is needed to tell the start of every sample in `range` of the series that satisfy all `matchers`,
    /// by series; one that nobody told a start of is left out.
    func startTimes(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesStarts]
}

extension StartTimeStore {
    /// Of a store that keeps none.
    package func startTimes(
        matching matchers: [LabelMatcher], in range: ClosedRange<Int64>
    ) throws(StoreError) -> [SeriesStarts] { [] }
}
