import Telemetry
import Testing

@Suite("metric batches")
struct MetricBatchTests {
    @Test("series keep their labels and identity, however they were added")
    func series() {
        var dice = Dice(seed: 41)
        var batch = MetricBatch()
        var expected: [Labels] = []
        for number in 0..<200 {
            let pairs = (0..<dice.roll(5)).map { (name: "l\($0)", value: dice.text()) }
            let labels = Labels(pairs + [(name: "n", value: String(number))])
            if dice.roll(2) == 0 {
                #expect(batch.append(labels) == UInt32(number))
            } else {
                batch.labelBytes.append(contentsOf: labels.bytes)
                #expect(batch.finishSeries() == UInt32(number))
            }
            expected.append(labels)
        }
        #expect(batch.seriesCount == 200)
        for (index, labels) in expected.enumerated() {
            #expect(batch.labels(index) == labels)
            #expect(batch.seriesIDs[index] == labels.seriesID)
        }
    }

    @Test("float and histogram samples count, a series alone does not")
    func counts() {
        var batch = MetricBatch()
        #expect(batch.isEmpty)
        let series = batch.append(Labels(["__name__": "up"]))
        #expect(batch.isEmpty && batch.sampleCount == 0)
        batch.append(series: series, time: 1, value: 2)
        batch.histograms.append(
            HistogramSample(series: series, time: 1, histogram: NativeHistogram(schema: 3)))
        #expect(batch.sampleCount == 2 && !batch.isEmpty)
    }

    @Test("the stale marker is known by its bits and differs from other NaN")
    func staleMarker() {
        #expect(Sample(time: 0, value: Sample.staleMarker).isStaleMarker)
        #expect(!Sample(time: 0, value: .nan).isStaleMarker)
        #expect(!Sample(time: 0, value: 0).isStaleMarker)
    }
}
