import Glibc

/// Where the buckets of exponential schemas end.
package enum HistogramBounds {
    /// The exponential schemas that Prometheus computes with.
    package static let schemas: ClosedRange<Int32> = -4...8

    /// The upper bound of bucket `index`, as Prometheus has it. The last bucket before the infinite one ends
    /// at the greatest finite number.
    package static func upper(_ index: Int32, schema: Int32) -> Double {
        if schema < 0 {
            let exponent = Int64(index) << Int64(-schema)
            return exponent == 1_024 ? .greatestFiniteMagnitude : power(1, exponent)
        }
        let mask = (Int32(1) << schema) - 1
        let fraction = index & mask
        let exponent = Int64(index >> schema) + 1
        if fraction == 0, exponent == 1_025 { return .greatestFiniteMagnitude }
        return power(HistogramBoundTable.bound(Int(fraction), schema: schema), exponent)
    }

    private static func power(_ mantissa: Double, _ exponent: Int64) -> Double {
        scalbn(mantissa, Int32(clamping: exponent))
    }
}

/// One bucket with its bounds.
package struct HistogramBucket: Hashable, Sendable {
    package var lower: Double
    package var upper: Double
    package var count: Double
    package var includesLower: Bool
    package var includesUpper: Bool

    /// Which share of the bucket's width lies below `value`, which must lie in it: by proportion, or by
    /// the proportion of logarithms, as exponential buckets are filled.
    package func fraction(below value: Double, linear: Bool) -> Double {
        if linear { return (value - lower) / (upper - lower) }
        let logLower = log2(lower.magnitude)
        let logUpper = log2(upper.magnitude)
        let logValue = log2(value.magnitude)
        if value > 0 { return (logValue - logLower) / (logUpper - logLower) }
        return 1 - (logValue - logUpper) / (logLower - logUpper)
    }
}

extension HistogramValue {
    package func positiveBucket(_ position: Int) -> HistogramBucket {
        let index = positive.indices[position]
        if usesCustomBuckets {
            return HistogramBucket(
                lower: customBound(Int(index) - 1), upper: customBound(Int(index)),
                count: positive.counts[position], includesLower: index == 0, includesUpper: true)
        }
        return HistogramBucket(
            lower: HistogramBounds.upper(index &- 1, schema: schema),
            upper: HistogramBounds.upper(index, schema: schema), count: positive.counts[position],
            includesLower: false, includesUpper: true)
    }

    package func negativeBucket(_ position: Int) -> HistogramBucket {
        let index = negative.indices[position]
        return HistogramBucket(
            lower: -HistogramBounds.upper(index, schema: schema),
            upper: -HistogramBounds.upper(index &- 1, schema: schema),
            count: negative.counts[position], includesLower: true, includesUpper: false)
    }

    package var zeroBucket: HistogramBucket {
        HistogramBucket(
            lower: -zeroThreshold, upper: zeroThreshold, count: zeroCount, includesLower: true,
            includesUpper: true)
    }

    private func customBound(_ index: Int) -> Double {
        if index < 0 { return -.infinity }
        return index < customBounds.count ? customBounds[index] : .infinity
    }

    /// All buckets in ascending order, the zero bucket only if it counts something. Buckets that reach
    /// into the zero bucket are cut off at its bounds.
    package var buckets: [HistogramBucket] {
        var all: [HistogramBucket] = []
        all.reserveCapacity(negative.counts.count + positive.counts.count + 1)
        for position in negative.counts.indices.reversed() {
            var bucket = negativeBucket(position)
            if bucket.upper < 0, bucket.upper > -zeroThreshold { bucket.upper = -zeroThreshold }
            all.append(bucket)
        }
        if zeroCount > 0 { all.append(zeroBucket) }
        for position in positive.counts.indices {
            var bucket = positiveBucket(position)
            if bucket.lower > 0, bucket.lower < zeroThreshold { bucket.lower = zeroThreshold }
            all.append(bucket)
        }
        return all
    }
}
