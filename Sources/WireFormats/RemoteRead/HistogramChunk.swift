import Telemetry

/// Native histograms as Prometheus's chunk of float histograms (tsdb/chunkenc/float_histogram.go,
/// histogram_meta.go): count u16 BE │ flags u8 │ layout │ the first sample whole │ of each further one the
/// change of the interval and every number's XOR with the one before, all in bits.
///
/// The samples of a chunk share schema, bounds and spans, and no counter of them begins anew.
struct HistogramChunk {
    /// In the two highest bits.
    private enum Flags {
        static let reset: UInt8 = 0x80
        static let gauge: UInt8 = 0xC0
    }

    private let flags: UInt8
    private var bits = BitWriter()
    private var last: NativeHistogram
    private(set) var times: ClosedRange<Int64>
    private var interval: Int64 = 0
    private(set) var count = 1
    /// Count, zero count and sum; then the buckets.
    private var numbers: [XORValue]

    /// - Parameter followsReset: whether the histogram lies below the one before it in the series.
    init(_ sample: HistogramSample, followsReset: Bool) {
        let histogram = sample.histogram
        flags =
            switch histogram.resetHint {
            case .gauge: Flags.gauge
            case .reset: Flags.reset
            case .unknown, .notReset: followsReset ? Flags.reset : 0
            }
        last = histogram
        times = sample.time...sample.time
        numbers = [XORValue](repeating: XORValue(), count: histogram.numbers.count)
        appendLayout(histogram)
        bits.append(varbit: sample.time)
        for (index, number) in histogram.numbers.enumerated() {
            numbers[index].begin(number.bitPattern, &bits)
        }
    }

    var bytes: [UInt8] {
        [UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF), flags] + bits.bytes
    }

    /// Whether a sample may follow in this chunk.
    func takes(_ sample: HistogramSample) -> Bool {
        let next = sample.histogram
        return count < XORChunk.samplesMax && !next.sum.isStale && !last.sum.isStale
            && next.hasLayout(of: last) && (next.resetHint == .gauge) == (last.resetHint == .gauge)
            && (next.resetHint == .gauge || next.resetHint != .reset && !next.isBelow(last))
    }

    mutating func append(_ sample: HistogramSample) {
        let next = sample.time &- times.upperBound
        bits.append(varbit: next &- interval)
        interval = next
        times = times.lowerBound...max(times.lowerBound, sample.time)
        for (index, number) in sample.histogram.numbers.enumerated() {
            numbers[index].append(number.bitPattern, &bits)
        }
        last = sample.histogram
        count += 1
    }

    /// Whether a sample that this chunk did not take lies below its last one.
    func isReset(by sample: HistogramSample) -> Bool {
        sample.histogram.hasLayout(of: last)
            ? sample.histogram.isBelow(last) : sample.histogram.count < last.count
    }

    // MARK: Layout

    private mutating func appendLayout(_ histogram: NativeHistogram) {
        append(zeroThreshold: histogram.zeroThreshold)
        bits.append(varbit: Int64(histogram.schema))
        for spans in [histogram.positiveSpans, histogram.negativeSpans] {
            bits.append(unsignedVarbit: UInt64(spans.count))
            for span in spans {
                bits.append(unsignedVarbit: UInt64(span.length))
                bits.append(varbit: Int64(span.offset))
            }
        }
        guard histogram.schema == NativeHistogram.customBucketsSchema else { return }
        bits.append(unsignedVarbit: UInt64(histogram.customBounds.count))
        for bound in histogram.customBounds { append(bound: bound) }
    }

    /// Powers of two from 2^−243 to 2^10 are the exponent in a byte, 0 is 0; others stand behind 255.
    private mutating func append(zeroThreshold: Double) {
        let isPower = zeroThreshold > 0 && zeroThreshold.significand == 1
        if zeroThreshold == 0 {
            bits.append(0, count: 8)
        } else if isPower, (-243...10).contains(zeroThreshold.exponent) {
            bits.append(UInt64(Int(zeroThreshold.exponent) + 244), count: 8)
        } else {
            bits.append(255, count: 8)
            bits.append(zeroThreshold.bitPattern, count: 64)
        }
    }

    /// Multiples of a thousandth up to 33554.43 are how many thousandths, and one; others stand behind a 0.
    private mutating func append(bound: Double) {
        let thousandths = (bound * 1_000).rounded()
        if thousandths >= 0, thousandths <= 33_554_430, thousandths / 1_000 == bound {
            bits.append(unsignedVarbit: UInt64(thousandths) + 1)
        } else {
            bits.append(0, count: 1)
            bits.append(bound.bitPattern, count: 64)
        }
    }
}

extension HistogramChunk {
    /// Cuts the histograms of a series, which ascend in time, into chunks.
    static func chunks(_ samples: ArraySlice<HistogramSample>) -> [HistogramChunk] {
        var chunks: [HistogramChunk] = []
        for sample in samples {
            guard let open = chunks.last else {
                chunks.append(HistogramChunk(sample, followsReset: false))
                continue
            }
            if open.takes(sample) {
                chunks[chunks.count - 1].append(sample)
            } else {
                chunks.append(HistogramChunk(sample, followsReset: open.isReset(by: sample)))
            }
        }
        return chunks
    }
}

extension NativeHistogram {
    /// As a chunk has them.
    fileprivate var numbers: [Double] {
        [count, zeroCount, sum] + positiveCounts + negativeCounts
    }

    fileprivate func hasLayout(of other: NativeHistogram) -> Bool {
        schema == other.schema && zeroThreshold == other.zeroThreshold
            && positiveSpans == other.positiveSpans && negativeSpans == other.negativeSpans
            && positiveCounts.count == other.positiveCounts.count
            && negativeCounts.count == other.negativeCounts.count
            && customBounds == other.customBounds
    }

    /// Whether any count is below that of another one of the same layout.
    fileprivate func isBelow(_ other: NativeHistogram) -> Bool {
        count < other.count || zeroCount < other.zeroCount
            || zip(positiveCounts, other.positiveCounts).contains { $0 < $1 }
            || zip(negativeCounts, other.negativeCounts).contains { $0 < $1 }
    }
}

extension Double {
    /// Whether it ends a series.
    fileprivate var isStale: Bool { bitPattern == Sample.staleMarker.bitPattern }
}
