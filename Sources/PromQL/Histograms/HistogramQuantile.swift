import Glibc
import QueryCore

/// What a quantile or fraction of a histogram with NaN observations says beside its value.
enum HistogramCaveat {
    case resultIsNaN, isSkewed, leavesOutNaN
}

extension HistogramValue {
    /// `histogram_quantile`: within a bucket by proportion (custom and zero buckets) or by the proportion
    /// of logarithms. NaN without observations; −Inf below 0, +Inf above 1.
    func quantile(_ quantile: Double) -> (value: Double, caveat: HistogramCaveat?) {
        if quantile < 0 { return (-.infinity, nil) }
        if quantile > 1 { return (.infinity, nil) }
        if count == 0 || quantile.isNaN { return (.nan, nil) }
        let all = buckets
        // Counted from the nearer end; what is NaN counts at the upper end.
        let isForward = sum.isNaN || quantile < 0.5
        var rank = isForward ? quantile * count : (1 - quantile) * count
        var reached = 0.0
        var found: HistogramBucket?
        for bucket in isForward ? all[...] : all.reversed()[...] where bucket.count != 0 {
            found = bucket
            reached += bucket.count
            if reached >= rank { break }
        }
        guard var bucket = found else {
            return sum.isNaN ? (.nan, .resultIsNaN) : (0, nil)
        }
        if let end = trimInfinite(&bucket) { return (end, nil) }
        reached = min(reached, count)
        if reached < rank {
            return sum.isNaN ? (.nan, .resultIsNaN) : (bucket.upper, nil)
        }
        rank = isForward ? rank - (reached - bucket.count) : reached - rank
        let caveat: HistogramCaveat? =
            sum.isNaN && all.reduce(0) { $0 + $1.count } < count ? .isSkewed : nil
        return (bucket.value(at: rank / bucket.count, linear: usesCustomBuckets), caveat)
    }

    /// Bounds of the buckets in which one cannot interpolate as they are.
    /// - Returns: the result where there is nothing to interpolate.
    private func trimInfinite(_ bucket: inout HistogramBucket) -> Double? {
        if usesCustomBuckets {
            if bucket.lower == -.infinity {
                if bucket.upper <= 0 { return bucket.upper }
                bucket.lower = 0
            } else if bucket.upper == .infinity {
                return bucket.lower
            }
        } else if bucket.lower < 0, bucket.upper > 0 {
            narrowZeroBucket(&bucket)
        }
        return nil
    }

    /// Where all observations are of one sign, those in the zero bucket are too.
    private func narrowZeroBucket(_ bucket: inout HistogramBucket) {
        if negative.isEmpty, !positive.isEmpty {
            bucket.lower = 0
        } else if positive.isEmpty, !negative.isEmpty {
            bucket.upper = 0
        }
    }

    /// `histogram_fraction`: the share of observations between two bounds.
    func fraction(
        from lower: Double, to upper: Double
    ) -> (value: Double, caveat: HistogramCaveat?) {
        if count == 0 || lower.isNaN || upper.isNaN { return (.nan, nil) }
        if lower >= upper { return (0, nil) }
        let all = buckets
        let bucketTotal = all.reduce(0) { $0 + $1.count }
        let total = sum.isNaN ? bucketTotal : count
        let upperRank = min(total, rank(of: upper, in: all) ?? total)
        let lowerRank = min(total, rank(of: lower, in: all) ?? total)
        let caveat: HistogramCaveat? = sum.isNaN && bucketTotal < count ? .leavesOutNaN : nil
        return ((upperRank - lowerRank) / count, caveat)
    }

    /// Observations up to `bound`; `nil` where it lies above all buckets.
    private func rank(of bound: Double, in all: [HistogramBucket]) -> Double? {
        var rank = 0.0
        for var bucket in all {
            let isZero = bucket.lower <= 0 && bucket.upper >= 0
            if isZero { narrowZeroBucket(&bucket) }
            if bucket.lower >= bound { return rank }
            if bucket.upper > bound {
                if usesCustomBuckets || isZero {
                    if bucket.lower == -.infinity { return bucket.count }
                    return rank + bucket.count * bucket.fraction(below: bound, linear: true)
                }
                return rank + bucket.count * bucket.fraction(below: bound, linear: false)
            }
            rank += bucket.count
        }
        return nil
    }

    /// `histogram_stdvar`: of observations that are taken to lie in the middle of their buckets.
    var variance: Double {
        let mean = sum / count
        var squares = CompensatedSum()
        for bucket in buckets where bucket.count != 0 {
            let middle: Double
            if usesCustomBuckets {
                middle = (bucket.upper + bucket.lower) / 2
            } else if bucket.lower <= 0, bucket.upper >= 0 {
                middle = 0
            } else {
                let magnitude = (bucket.upper * bucket.lower).squareRoot()
                middle = bucket.upper < 0 ? -magnitude : magnitude
            }
            let distance = middle - mean
            squares.add(bucket.count * distance * distance)
        }
        return squares.value / count
    }
}

extension HistogramBucket {
    /// The value below which `share` of the bucket lies.
    fileprivate func value(at share: Double, linear: Bool) -> Double {
        if linear || lower <= 0 && upper >= 0 { return lower + (upper - lower) * share }
        let logLower = log2(lower.magnitude)
        let logUpper = log2(upper.magnitude)
        if lower > 0 { return exp2(logLower + (logUpper - logLower) * share) }
        return -exp2(logUpper + (logLower - logUpper) * (1 - share))
    }
}
