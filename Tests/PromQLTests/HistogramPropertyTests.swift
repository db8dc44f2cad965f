import PromQL
import QueryCore
import Store
import Telemetry
import Testing

@Suite("histogram arithmetic agrees with its definition")
struct HistogramPropertyTests {
    @Test("sums of random histograms hold every observation in its bucket", arguments: 1...60)
    func sums(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let store = TestStore()
        let histograms = (0..<2 + random.below(5)).map { _ in Self.histogram(&random) }
        for (index, histogram) in histograms.enumerated() {
            store.add("h{a=\(index)}", histogram)
        }
        let coarsest = histograms.map(\.schema).min() ?? 0
        var positive: [Int32: Double] = [:]
        var negative: [Int32: Double] = [:]
        for histogram in histograms {
            let factor = Int32(1) << (histogram.schema - coarsest)
            Self.fold(histogram.positiveSpans, histogram.positiveCounts, factor, &positive)
            Self.fold(histogram.negativeSpans, histogram.negativeCounts, factor, &negative)
        }
        for query in ["sum(h)", "avg(h) * \(histograms.count)"] {
            guard case .vector(_, let elements) = try store.result(query, at: 0).value,
                let sum = elements.first?.histogram
            else {
                Issue.record("seed \(seed): no histogram")
                return
            }
            #expect(sum.schema == coarsest)
            #expect(Self.isClose(sum.count, histograms.reduce(0) { $0 + $1.count }))
            #expect(Self.counts(sum.positive, positive), "seed \(seed) \(query)")
            #expect(Self.counts(sum.negative, negative), "seed \(seed) \(query)")
        }
    }

    @Test("a histogram minus itself is empty, and twice itself no reset", arguments: 1...20)
    func identities(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let store = TestStore()
        let histogram = Self.histogram(&random)
        var doubled = histogram
        doubled.count *= 2
        doubled.zeroCount *= 2
        doubled.positiveCounts = doubled.positiveCounts.map { $0 * 2 }
        doubled.negativeCounts = doubled.negativeCounts.map { $0 * 2 }
        store.add("h", histogram, doubled, histogram)
        #expect(try store.instant("histogram_count(h - h)", at: 60) == ["{} 0"])
        #expect(try store.instant("resets(h[90s])", at: 60) == ["{} 0"])
        #expect(try store.instant("resets(h[90s])", at: 120) == ["{} 1"])
        let quantiles = try [0.0, 0.1, 0.5, 0.9, 1].map { quantile -> Double in
            guard
                case .vector(_, let elements) = try store.result(
                    "histogram_quantile(\(quantile), h)", at: 0
                ).value, let value = elements.first?.value
            else { return .nan }
            return value
        }
        #expect(quantiles == quantiles.sorted(), "seed \(seed)")
    }

    /// Spans with gaps; the zero bucket reaches below every bucket.
    private static func histogram(_ random: inout TestRandom) -> NativeHistogram {
        var histogram = NativeHistogram(schema: Int32(random.below(8)) - 2)
        histogram.zeroThreshold = 1e-30
        histogram.zeroCount = Double(random.below(3))
        (histogram.positiveSpans, histogram.positiveCounts) = spans(&random)
        (histogram.negativeSpans, histogram.negativeCounts) = spans(&random)
        histogram.count =
            histogram.zeroCount
            + (histogram.positiveCounts + histogram.negativeCounts).reduce(0, +)
        histogram.sum = 1
        return histogram
    }

    private static func spans(
        _ random: inout TestRandom
    ) -> ([NativeHistogram.Span], [Double]) {
        var spans: [NativeHistogram.Span] = []
        var counts: [Double] = []
        for number in 0..<1 + random.below(3) {
            let offset = number == 0 ? Int32(random.below(21)) - 10 : Int32(random.below(4))
            let length = 1 + random.below(4)
            spans.append(NativeHistogram.Span(offset: offset, length: UInt32(length)))
            for _ in 0..<length { counts.append(Double(1 + random.below(9))) }
        }
        return (spans, counts)
    }

    /// A bucket ends at `2^(index/2^schema)`: the coarser bucket is the first that ends no earlier.
    private static func fold(
        _ spans: [NativeHistogram.Span], _ counts: [Double], _ factor: Int32,
        _ buckets: inout [Int32: Double]
    ) {
        var index: Int32 = 0
        var next = 0
        for span in spans {
            index += span.offset
            for _ in 0..<span.length {
                let coarse = Int32((Double(index) / Double(factor)).rounded(.up))
                buckets[coarse, default: 0] += counts[next]
                next += 1
                index += 1
            }
        }
    }

    private static func counts(_ found: HistogramBuckets, _ wanted: [Int32: Double]) -> Bool {
        found.indices == wanted.keys.sorted()
            && zip(found.indices, found.counts).allSatisfy { isClose($1, wanted[$0] ?? 0) }
    }

    private static func isClose(_ a: Double, _ b: Double) -> Bool {
        (a - b).magnitude <= 1e-12 * max(a.magnitude, b.magnitude)
    }
}
