import Glibc
import Telemetry

extension NativeHistogram {
    /// Gaps up to this many empty buckets are filled rather than starting a new span.
    private static let gapFilledMax: Int64 = 2

    /// The sum of two exponential histograms, at the coarser resolution and the wider zero bucket of the
    /// two. `other` is returned as it is if either has custom bounds and these differ.
    func adding(_ other: NativeHistogram) -> NativeHistogram {
        let isCustom = schema == Self.customBucketsSchema
        if isCustom || other.schema == Self.customBucketsSchema {
            guard isCustom, other.schema == schema, customBounds == other.customBounds else {
                return other
            }
        }
        var sum = NativeHistogram(schema: min(schema, other.schema))
        sum.customBounds = customBounds
        sum.count = count + other.count
        sum.sum = self.sum + other.sum
        sum.zeroThreshold = max(zeroThreshold, other.zeroThreshold)
        sum.zeroCount = zeroCount + other.zeroCount
        var positive: [Int64: Double] = [:]
        var negative: [Int64: Double] = [:]
        for histogram in [self, other] {
            histogram.collect(
                histogram.positiveSpans, histogram.positiveCounts, for: &sum, into: &positive)
            histogram.collect(
                histogram.negativeSpans, histogram.negativeCounts, for: &sum, into: &negative)
        }
        (sum.positiveSpans, sum.positiveCounts) = Self.sparse(positive)
        (sum.negativeSpans, sum.negativeCounts) = Self.sparse(negative)
        return sum
    }

    /// Adds buckets at the resolution of `sum`; those within its zero bucket go there.
    private func collect(
        _ spans: [Span], _ counts: [Double], for sum: inout NativeHistogram,
        into buckets: inout [Int64: Double]
    ) {
        let isCustom = schema == Self.customBucketsSchema
        let shift = isCustom ? 0 : Int64(schema) - Int64(sum.schema)
        var index: Int64 = 0
        var next = counts.startIndex
        for span in spans {
            index += Int64(span.offset)
            for _ in 0..<span.length where next < counts.endIndex {
                // Bucket i covers (base^(i−1), base^i]: merging 2^shift of them shifts i − 1.
                let bucket = isCustom ? index : (index - 1) >> shift + 1
                let count = counts[next]
                if count != 0 {
                    if !isCustom, sum.zeroThreshold > zeroThreshold,
                        sum.upperBound(of: bucket) <= sum.zeroThreshold
                    {
                        sum.zeroCount += count
                    } else {
                        buckets[bucket, default: 0] += count
                    }
                }
                index += 1
                next += 1
            }
        }
    }

    private func upperBound(of bucket: Int64) -> Double {
        let exponent = Double(bucket) * exp2(-Double(schema))
        return exp2(exponent)
    }

    private static func sparse(_ buckets: [Int64: Double]) -> ([Span], [Double]) {
        var spans: [Span] = []
        var counts: [Double] = []
        var last: Int64?
        for (bucket, count) in buckets.sorted(by: { $0.key < $1.key }) {
            let gap = last.map { bucket - $0 - 1 } ?? bucket
            if last != nil, gap <= gapFilledMax {
                counts.append(contentsOf: repeatElement(0, count: Int(gap)))
                spans[spans.count - 1].length += UInt32(gap)
            } else {
                spans.append(Span(offset: Int32(clamping: gap), length: 0))
            }
            counts.append(count)
            spans[spans.count - 1].length += 1
            last = bucket
        }
        return (spans, counts)
    }
}
