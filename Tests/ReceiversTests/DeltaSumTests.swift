import Receivers
import Telemetry
import Testing
import WireFormats

@Suite("Increments become totals")
struct DeltaSumTests {
    private let sums = DeltaSums()
    private let counter = Labels(["__name__": "orders_total"])

    private func floats(
        _ points: [(time: Int64, value: Double)], _ labels: Labels? = nil, isDelta: Bool = true
    ) -> Decoded<MetricBatch> {
        var batch = MetricBatch()
        let series = batch.append(labels ?? counter)
        for point in points { batch.append(series: series, time: point.time, value: point.value) }
        return sums.summed(
            Decoded(batch: TranslatedMetrics(batch: batch, isDelta: isDelta ? [true] : [])))
    }

    @Test("each increment raises the total of its own series")
    func sumsUp() {
        #expect(floats([(1, 5), (2, 3)]).batch.sampleValues == [5, 8])
        #expect(floats([(1, 1)], Labels(["__name__": "other"])).batch.sampleValues == [1])
        #expect(floats([(3, 2)]).batch.sampleValues == [10])
        #expect(floats([(4, 2)], isDelta: false).batch.sampleValues == [2])
    }

    @Test("a retry is answered with the same total, an earlier point is rejected")
    func order() {
        #expect(floats([(10, 5)]).batch.sampleValues == [5])
        #expect(floats([(10, 5)]).batch.sampleValues == [5])
        let late = floats([(9, 5), (11, 1)])
        #expect(late.batch.sampleTimes == [11])
        #expect(late.batch.sampleValues == [6])
        #expect(late.rejections.map(\.reason) == [.outOfOrderDelta])
    }

    @Test("the end of a series passes and leaves its total alone")
    func stale() {
        _ = floats([(1, 5)])
        let marked = floats([(2, Sample.staleMarker)])
        #expect(
            marked.batch.sampleValues.map(\.bitPattern) == [Sample.staleMarker.bitPattern])
        #expect(floats([(3, 1)]).batch.sampleValues == [6])
    }

    private func histogram(
        _ time: Int64, schema: Int32, offset: Int32, counts: [Double], zeroThreshold: Double = 0
    ) -> NativeHistogram? {
        var histogram = NativeHistogram(schema: schema)
        histogram.positiveSpans = [.init(offset: offset, length: UInt32(counts.count))]
        histogram.positiveCounts = counts
        histogram.count = counts.reduce(0, +)
        histogram.sum = histogram.count
        histogram.zeroThreshold = zeroThreshold
        var batch = MetricBatch()
        let series = batch.append(counter)
        batch.histograms.append(HistogramSample(series: series, time: time, histogram: histogram))
        let summed = sums.summed(
            Decoded(batch: TranslatedMetrics(batch: batch, isDelta: [true])))
        return summed.batch.histograms.first?.histogram
    }

    @Test("native histograms add bucket by bucket, at the coarser resolution")
    func histograms() throws {
        _ = histogram(1, schema: 1, offset: 1, counts: [1, 2, 3, 4])
        let same = try #require(histogram(2, schema: 1, offset: 3, counts: [10, 0, 0, 0, 0, 5]))
        #expect(same.positiveSpans == [.init(offset: 1, length: 4), .init(offset: 3, length: 1)])
        #expect(same.positiveCounts == [1, 2, 13, 4, 5])
        #expect(same.count == 25)
        // Buckets 1 and 2 of schema 1 are bucket 1 of schema 0, 3 and 4 are 2, 8 is 4.
        let coarser = try #require(histogram(3, schema: 0, offset: 2, counts: [100]))
        #expect(coarser.schema == 0)
        #expect(coarser.positiveSpans == [.init(offset: 1, length: 4)])
        #expect(coarser.positiveCounts == [3, 117, 0, 5])
    }

    @Test("buckets below a wider zero threshold go to the zero bucket")
    func zeroBuckets() throws {
        _ = histogram(1, schema: 0, offset: -3, counts: [7, 0, 0, 1])
        // Bucket −3 reaches to 2^−3.
        let wider = try #require(
            histogram(2, schema: 0, offset: 1, counts: [1], zeroThreshold: 0.125))
        #expect(wider.zeroCount == 7)
        #expect(wider.positiveCounts == [1, 1])
    }
}
