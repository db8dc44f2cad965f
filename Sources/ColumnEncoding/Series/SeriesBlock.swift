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

/// What is known of a chunk's samples without decoding them. Only chunks whose values are all finite
/// have one: staleness markers, NaN and infinities take part in no sum.
package struct ChunkSummary: Sendable, Hashable {
    package var count: Int
    package var firstTime: Int64
    package var lastTime: Int64
    package var first: Double
    package var last: Double
    /// Sum and compensation of Neumaier's summation, in the order of time.
    package var sum: Double
    package var compensation: Double
    package var minimum: Double
    package var maximum: Double
    /// How often a value is below its predecessor, and the sum of those predecessors.
    package var resets: Int
    package var resetSum: Double
}

/// How the values of a chunk become integers and those a column; raw bits are on disk.
struct ChunkLayout: OptionSet {
    let rawValue: UInt8

    /// Bits 0 to 3 hold the decimal exponent, unless the integers are bit patterns.
    static let exponentMask: UInt8 = 0x0F
    static let patterns = ChunkLayout(rawValue: 0x10)
    /// Differences are predicted from those of an earlier chunk.
    static let predicted = ChunkLayout(rawValue: 0x20)
    /// The payload begins with values that the integers do not represent.
    static let exceptions = ChunkLayout(rawValue: 0x40)
    static let summary = ChunkLayout(rawValue: 0x80)

    var exponent: Int { Int(rawValue & ChunkLayout.exponentMask) }
}

/// Predicts a chunk's differences from a sibling's: buckets of one histogram, requests by code and
/// their count rise together. A fixed-point product, so that every machine predicts the same.
enum DeltaPrediction {
    static let fractionBits: Int64 = 16

    @inline(__always)
    static func predict(_ difference: Int64, factor: Int64) -> Int64 {
        (difference &* factor) &>> fractionBits
    }
}
