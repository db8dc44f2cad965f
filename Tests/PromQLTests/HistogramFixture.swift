import PromQL
import QueryCore
import Store
import Telemetry

extension NativeHistogram {
    /// One span of positive buckets from `offset`, and one of negative ones.
    init(
        schema: Int32 = 0, count: Double, sum: Double = 0, zero: Double = 0,
        threshold: Double = 0.001, offset: Int32 = 0, _ positive: [Double] = [],
        negative: [Double] = [], bounds: [Double] = [], hint: ResetHint = .unknown
    ) {
        self.init(schema: bounds.isEmpty ? schema : Self.customBucketsSchema)
        self.count = count
        self.sum = sum
        zeroCount = zero
        zeroThreshold = bounds.isEmpty ? threshold : 0
        customBounds = bounds
        resetHint = hint
        if !positive.isEmpty {
            positiveSpans = [Span(offset: offset, length: UInt32(positive.count))]
            positiveCounts = positive
        }
        if !negative.isEmpty {
            negativeSpans = [Span(offset: offset, length: UInt32(negative.count))]
            negativeCounts = negative
        }
    }
}

extension TestStore {
    /// Adds histograms `interval` apart; `nil` for no sample.
    func add(_ notation: String, _ histograms: NativeHistogram?...) {
        var batch = MetricBatch()
        let series = batch.append(Labels(notation: notation))
        for (index, histogram) in histograms.enumerated() {
            guard let histogram else { continue }
            batch.histograms.append(
                HistogramSample(
                    series: series, time: start + Int64(index) * interval, histogram: histogram))
        }
        add(batch)
    }

    /// The only value of an instant query, and what is said about it.
    func result(_ query: String, at seconds: Double) throws -> QueryResult {
        try PromQLEngine(store: store, options: options)
            .instant(query, at: Int64((seconds * 1_000).rounded()))
    }
}
