import QueryCore
import Telemetry

/// What an expression needs of the histograms that its selectors read. Prometheus reads count and sum alone
/// where nothing else is asked for, and notes on the way which histograms are resets: only there its sums
/// and operators know of conflicts (`detectHistogramStatsDecoding`, `HistogramStatsIterator`).
enum HistogramReading: Sendable {
    case asStored
    /// Under `histogram_count`, `histogram_sum` or `histogram_avg`.
    case countsAndSums
    /// Under what looks at buckets, or in a subquery, whatever stands below.
    case wholeBuckets

    /// For the arguments of a function.
    func within(_ function: Function) -> HistogramReading {
        switch (self, function) {
        case (.wholeBuckets, _): .wholeBuckets
        case (_, .histogramQuantile), (_, .histogramQuantiles), (_, .histogramFraction):
            .wholeBuckets
        case (_, .histogramCount), (_, .histogramSum), (_, .histogramAvg): .countsAndSums
        default: self
        }
    }
}

extension HistogramValue {
    /// Says whether this is a reset since the histogram that was read before it. A sender that said so, or
    /// that it is a gauge, is believed.
    mutating func noteReset(since previous: HistogramValue) {
        guard resetHint == .unknown || resetHint == .notReset else { return }
        resetHint = isReset(since: previous) ? .reset : .notReset
    }
}

extension [HistogramPoint] {
    /// Says of every histogram whether it is a reset. Nothing is known of the first.
    mutating func noteResets() {
        for index in indices.dropFirst() {
            self[index].value.noteReset(since: self[index - 1].value)
        }
    }
}
