/// Samples of several series in columns, series after series. What a block of a metric partition holds.
package struct SeriesBlock: Sendable {
    /// Ids of the series within their partition, ascending.
    package var series: [UInt32] = []
    /// Samples of each series.
    package var counts: [UInt32] = []
    /// Milliseconds, strictly ascending within a series.
    package var times: [Int64] = []
    package var values: [Double] = []

    package init() {}

    package var sampleCount: Int { times.count }

    /// Where the samples of the `index`-th series begin is the sum of the counts before it.
    package func starts() -> [Int] {
        var starts: [Int] = []
        starts.reserveCapacity(counts.count)
        var start = 0
        for count in counts {
            starts.append(start)
            start += Int(count)
        }
        return starts
    }
}

/// How the values of one series in a block are laid out; raw values are on disk.
enum ValueLayout: UInt8 {
    /// Integers scaled by a power of ten, minus the first of them.
    case offsets = 0
    /// Integers scaled by a power of ten, differences to the one before.
    case deltas = 1
    /// Bit patterns, each combined by exclusive or with the one before.
    case patterns = 2
}
