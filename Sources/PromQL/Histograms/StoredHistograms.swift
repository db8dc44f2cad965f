import QueryCore
import Store
import Telemetry

extension HistogramSample {
    /// The staleness marker of histogram series stands in their sums.
    var isStaleMarker: Bool { histogram.sum.bitPattern == Sample.staleMarker.bitPattern }

    var value: HistogramValue { HistogramValue(histogram) }
}

extension SampleColumns {
    /// Adds the result of a subquery's step. What it says of resets was about another neighbour.
    mutating func append(_ histogram: HistogramValue, at time: Int64) {
        var native = histogram.native
        if native.resetHint != .gauge { native.resetHint = .unknown }
        histograms.append(HistogramSample(series: 0, time: time, histogram: native))
    }

    /// How many numbers the histograms weigh.
    var histogramWeight: Int {
        histograms.reduce(0) { $0 + HistogramValue.weight(of: $1.histogram) }
    }
}

extension HistogramValue {
    /// How many numbers a histogram weighs in the account of samples.
    static func weight(of histogram: NativeHistogram) -> Int {
        10 + histogram.positiveCounts.count + histogram.negativeCounts.count
    }

    var weight: Int { 10 + positive.counts.count + negative.counts.count }
}
