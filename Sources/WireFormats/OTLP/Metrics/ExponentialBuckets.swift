import Telemetry

extension NativeHistogram {
    /// Prometheus's finest schema; finer OTLP scales are merged down to it.
    private static let schemaMax: Int32 = 8
    private static let schemaMin: Int32 = -4
    /// Where OTLP says nothing, as Prometheus assumes.
    private static let zeroThresholdDefault = 1e-128
    /// Gaps up to this many empty buckets are filled rather than starting a new span.
    private static let gapFilledMax: Int64 = 2

    /// From an OTLP point; `nil` if its scale is coarser than Prometheus has or its buckets are too many
    /// or out of range.
    package init?(_ point: OTLPExponentialPoint) {
        guard point.scale >= Self.schemaMin else { return nil }
        let shift = max(0, Int64(point.scale) - Int64(Self.schemaMax))
        self.init(schema: min(point.scale, Self.schemaMax))
        guard let positive = Self.sparse(point.positive, shift: shift),
            let negative = Self.sparse(point.negative, shift: shift)
        else { return nil }
        count = Double(point.count)
        sum = point.sum ?? 0
        zeroCount = Double(point.zeroCount)
        zeroThreshold = point.zeroThreshold > 0 ? point.zeroThreshold : Self.zeroThresholdDefault
        positiveSpans = positive.spans
        positiveCounts = positive.counts
        negativeSpans = negative.spans
        negativeCounts = negative.counts
    }

    /// Spans and counts of the buckets that are not empty. OTLP's bucket `i` lies above `base^i`,
    /// Prometheus's below: the index is one higher. Merging 2^shift buckets is an arithmetic shift.
    private static func sparse(
        _ buckets: OTLPExponentialPoint.Buckets, shift: Int64
    ) -> (spans: [Span], counts: [Double])? {
        guard buckets.counts.count <= WireLimits.histogramBucketsMax else { return nil }
        var spans: [Span] = []
        var counts: [Double] = []
        var last: Int64?
        for (index, count) in buckets.counts.enumerated() where count != 0 {
            let bucket = (Int64(buckets.offset) + Int64(index)) >> shift + 1
            guard Int32(exactly: bucket) != nil else { return nil }
            if let last, bucket == last {
                counts[counts.count - 1] += Double(count)
                continue
            }
            let gap = last.map { bucket - $0 - 1 } ?? bucket
            if last != nil, gap <= gapFilledMax {
                counts.append(contentsOf: repeatElement(0, count: Int(gap)))
                spans[spans.count - 1].length += UInt32(gap)
            } else {
                guard let offset = Int32(exactly: gap) else { return nil }
                spans.append(Span(offset: offset, length: 0))
            }
            counts.append(Double(count))
            spans[spans.count - 1].length += 1
            last = bucket
        }
        return (spans, counts)
    }
}
