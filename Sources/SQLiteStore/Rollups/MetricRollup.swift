/// Samples summed up by intervals (count, sum, extremes, ends and resets of each), kept beside the samples and
/// longer than they are.
package struct MetricRollup: Hashable, Sendable {
    private static let dayMilliseconds: Int64 = 86_400_000

    /// Milliseconds.
    package let interval: Int64
    /// How long, in nanoseconds.
    package let retention: Int64

    /// `nil` unless the interval is whole minutes and a day consists of whole intervals.
    package init?(interval: Int64, retention: Int64) {
        guard interval > 0, interval % 60_000 == 0, Self.dayMilliseconds % interval == 0,
            retention > 0
        else { return nil }
        self.interval = interval
        self.retention = retention
    }

    /// `5m`, `1h`.
    package var name: String {
        interval % 3_600_000 == 0 ? "\(interval / 3_600_000)h" : "\(interval / 60_000)m"
    }
}

/// What is kept of an interval: each column of a series is stored like the samples of a series of its own, so
/// that it is encoded as losslessly and as tightly.
///
/// Columns `last` and `first` have the times of those samples, the others that of the last one. A column
/// that says the same as another in every interval is left out.
enum RollupColumn: UInt32, CaseIterable {
    case last = 0
    case first
    case count
    case sum
    /// Left out if it is `first`, as in counters.
    case minimum
    /// Left out if it is `last`.
    case maximum
    /// Left out if there are none.
    case resetSum
    case resets

    static let perSeries: UInt32 = 8
    /// More series a day cannot be told apart by numbers of columns.
    static let seriesMax = UInt32.max / perSeries

    /// The number of this column of a series.
    func number(_ series: UInt32) -> UInt32 { series * Self.perSeries + rawValue }
}

extension Int64 {
    /// The end of the interval `(end - length, end]` that this time lies in.
    func endOfInterval(_ length: Int64) -> Int64 {
        let rest = self % length
        if rest == 0 { return self }
        return self &- rest &+ (rest > 0 ? length : 0)
    }
}
