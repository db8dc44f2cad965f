import Telemetry

/// Why a native histogram cannot be stored: what Prometheus refuses too (prometheus/model/histogram,
/// `Validate`), and thresholds and buckets that are no numbers.
enum HistogramFault: String, Error {
    case schema = "its schema is neither -4 to 8 nor -53"
    case deltas = "its deltas overflow or make a negative count"
    case mixedCounts = "it has deltas as well as counts, or too many of them"
    case spanLengths = "its spans are not as long as its counts"
    case spanOffset = "a span has a negative offset"
    case spanRange = "its spans leave the range of buckets"
    case negativeCount = "a count is negative"
    case countTooSmall = "its count is below the sum of its buckets"
    case countMismatch = "its count is not the sum of its buckets"
    case zeroThreshold = "its zero threshold is negative or not finite"
    case boundsOfExponential = "it has custom bounds, but exponential buckets"
    case bounds = "its custom bounds are not finite and ascending"
    case boundsTooFew = "it has more buckets than its custom bounds make"
    case zeroOfCustom = "it has custom bounds and a zero bucket"
    case negativeOfCustom = "it has custom bounds and negative buckets"
}

extension RemoteWriteHistogram {
    /// Schemas of Prometheus's exponential buckets.
    private static let exponentialSchemas: ClosedRange<Int32> = -4...8

    /// With absolute counts.
    func native() throws(HistogramFault) -> NativeHistogram {
        var native = histogram
        native.negativeCounts = try Self.absolute(negativeDeltas, negativeCounts)
        native.positiveCounts = try Self.absolute(positiveDeltas, positiveCounts)
        if native.schema == NativeHistogram.customBucketsSchema {
            try Self.checkCustom(native)
        } else {
            try Self.checkExponential(native)
        }
        try checkCounts(native)
        return native
    }

    private static func absolute(
        _ deltas: [UInt64], _ counts: [Double]
    ) throws(HistogramFault) -> [Double] {
        guard deltas.count + counts.count <= WireLimits.histogramBucketsMax else {
            throw .mixedCounts
        }
        guard counts.isEmpty else {
            guard deltas.isEmpty else { throw .mixedCounts }
            return counts
        }
        var running: Int64 = 0
        var absolute: [Double] = []
        absolute.reserveCapacity(deltas.count)
        for delta in deltas {
            let (next, overflow) = running.addingReportingOverflow(Varint.unzigzag(delta))
            guard !overflow, next >= 0 else { throw .deltas }
            running = next
            absolute.append(Double(running))
        }
        return absolute
    }

    private static func checkExponential(_ native: NativeHistogram) throws(HistogramFault) {
        guard exponentialSchemas.contains(native.schema) else { throw .schema }
        guard native.customBounds.isEmpty else { throw .boundsOfExponential }
        guard native.zeroThreshold >= 0, native.zeroThreshold.isFinite else {
            throw .zeroThreshold
        }
        _ = try end(of: native.negativeSpans, native.negativeCounts.count)
        _ = try end(of: native.positiveSpans, native.positiveCounts.count)
    }

    private static func checkCustom(_ native: NativeHistogram) throws(HistogramFault) {
        guard native.negativeSpans.isEmpty, native.negativeCounts.isEmpty else {
            throw .negativeOfCustom
        }
        guard native.zeroCount == 0, native.zeroThreshold == 0 else { throw .zeroOfCustom }
        var previous = -Double.infinity
        for bound in native.customBounds {
            guard bound > previous, bound.isFinite else { throw .bounds }
            previous = bound
        }
        if let first = native.positiveSpans.first, first.offset < 0 { throw .spanOffset }
        let end = try end(of: native.positiveSpans, native.positiveCounts.count)
        guard end <= Int64(native.customBounds.count) + 1 else { throw .boundsTooFew }
    }

    /// Checks that the spans hold exactly `count` buckets, and that only the first starts below its
    /// predecessor.
    /// - Returns: the index behind the last bucket.
    private static func end(
        of spans: [NativeHistogram.Span], _ count: Int
    ) throws(HistogramFault) -> Int64 {
        var buckets: UInt64 = 0
        var end: Int64 = 0
        for (index, span) in spans.enumerated() {
            if index > 0, span.offset < 0 { throw .spanOffset }
            buckets += UInt64(span.length)
            // Neither can overflow: spans are fewer than bytes of a message.
            end += Int64(span.offset) + Int64(span.length)
        }
        guard buckets == UInt64(count) else { throw .spanLengths }
        guard end >= Int64(Int32.min), end < Int64(Int32.max) else { throw .spanRange }
        return end
    }

    /// Ratios of histograms have counts that are no numbers: these are kept.
    private func checkCounts(_ native: NativeHistogram) throws(HistogramFault) {
        if native.count < 0 || native.zeroCount < 0 { throw .negativeCount }
        var sum = native.zeroCount
        for counts in [native.negativeCounts, native.positiveCounts] {
            for count in counts {
                if count < 0 { throw .negativeCount }
                sum += count
            }
        }
        // Sums of weights round, and those beyond 2^53 as well.
        let isExact = !isFloat && negativeCounts.isEmpty && positiveCounts.isEmpty && sum < 0x1p53
        guard isExact else { return }
        if native.sum.isNaN {
            if sum > native.count { throw .countTooSmall }
        } else if sum != native.count {
            throw .countMismatch
        }
    }
}
