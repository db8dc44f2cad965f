import QueryCore

/// The operators `</` and `>/`: keep what was observed below, or above, a bound.
///
/// A bucket that holds the bound is cut by interpolation. Once something was cut, the sum is estimated
/// from the middles of what is left.
struct HistogramTrimming {
    let bound: Double
    /// `</`: observations below the bound stay.
    let keepsLower: Bool

    func apply(to histogram: inout HistogramValue) {
        let hasPositive = histogram.positive.counts.contains { $0 != 0 }
        let hasNegative = histogram.negative.counts.contains { $0 != 0 }
        var total = 0.0
        var sum = 0.0
        var isCut = false
        for position in histogram.positive.counts.indices
        where histogram.positive.counts[position] != 0 {
            let part = part(
                of: histogram.positiveBucket(position), isPositive: true,
                isCustom: histogram.usesCustomBuckets)
            if histogram.positive.counts[position] != part.count { isCut = true }
            histogram.positive.counts[position] = part.count
            total += part.count
            sum += part.middle * part.count
        }
        for position in histogram.negative.counts.indices
        where histogram.negative.counts[position] != 0 {
            let part = part(
                of: histogram.negativeBucket(position), isPositive: false, isCustom: false)
            if histogram.negative.counts[position] != part.count { isCut = true }
            histogram.negative.counts[position] = part.count
            total += part.count
            sum += part.middle * part.count
        }
        if histogram.zeroCount > 0 {
            var zero = histogram.zeroBucket
            if hasNegative, !hasPositive { zero.upper = 0 }
            if hasPositive, !hasNegative { zero.lower = 0 }
            let part = partOfZero(zero)
            if histogram.zeroCount != part.count { isCut = true }
            histogram.zeroCount = part.count
            total += part.count
            sum += part.middle * part.count
        }
        guard isCut else { return }
        histogram.count = total
        histogram.sum = sum
        histogram.compact()
    }

    private typealias Part = (count: Double, middle: Double)

    private func part(of bucket: HistogramBucket, isPositive: Bool, isCustom: Bool) -> Part {
        let isWhole = keepsLower ? bucket.upper <= bound : bucket.lower >= bound
        if isWhole {
            return (
                bucket.count,
                Self.middle(bucket.lower, bucket.upper, isPositive: isPositive, linear: isCustom)
            )
        }
        guard keepsLower ? bucket.lower < bound : bucket.upper > bound else { return (0, 0) }
        if bucket.lower == -.infinity { return partFromInfinity(bucket) }
        if bucket.upper == .infinity {
            // Nobody knows where in an endless bucket observations lie.
            return keepsLower ? (0, 0) : (bound >= bucket.lower ? bucket.count : 0, bound)
        }
        let below = bucket.count * bucket.fraction(below: bound, linear: isCustom)
        return keepsLower
            ? (below, Self.middle(bucket.lower, bound, isPositive: isPositive, linear: isCustom))
            : (
                bucket.count - below,
                Self.middle(bound, bucket.upper, isPositive: isPositive, linear: isCustom)
            )
    }

    /// Of the first custom bucket, which is taken to begin at 0 where it ends above.
    private func partFromInfinity(_ bucket: HistogramBucket) -> Part {
        let endsFinitely = bucket.upper < .infinity
        if keepsLower {
            if bound > 0, bucket.upper > 0, endsFinitely {
                return (bucket.count * bound / bucket.upper, bound / 2)
            }
            return bucket.upper <= 0 ? (bucket.count, bound) : (0, 0)
        }
        if bound <= bucket.lower { return (bucket.count, 0) }
        if bound >= 0, bucket.upper > bound, endsFinitely {
            return (bucket.count * (1 - bound / bucket.upper), (bound + bucket.upper) / 2)
        }
        return (0, 0)
    }

    private func partOfZero(_ bucket: HistogramBucket) -> Part {
        let middle = (bucket.lower + bucket.upper) / 2
        if bound <= bucket.lower { return keepsLower ? (0, 0) : (bucket.count, middle) }
        if bound >= bucket.upper { return keepsLower ? (bucket.count, middle) : (0, 0) }
        let below = (bound - bucket.lower) / (bucket.upper - bucket.lower)
        return keepsLower
            ? (bucket.count * below, (bucket.lower + bound) / 2)
            : (
                bucket.count * ((bucket.upper - bound) / (bucket.upper - bucket.lower)),
                (bound + bucket.upper) / 2
            )
    }

    private static func middle(
        _ lower: Double, _ upper: Double, isPositive: Bool, linear: Bool
    ) -> Double {
        if lower.isInfinite {
            if upper.isInfinite { return 0 }
            return upper > 0 ? upper / 2 : upper
        }
        if upper.isInfinite { return lower }
        if linear { return (lower + upper) / 2 }
        let mean = (lower * upper).magnitude.squareRoot()
        return isPositive ? mean : -mean
    }
}
