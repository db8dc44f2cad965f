import QueryCore
import Telemetry

/// Buckets of one classic histogram, cumulative, for one instant.
struct ClassicBuckets {
    struct Bucket {
        var upperBound: Double
        var count: Double
    }

    /// By ascending bound.
    var buckets: [Bucket] = []
    /// Where counts had to be raised to their predecessors' by more than rounding errors explain.
    private(set) var repairs: Repairs?

    /// From which bound to which, and by how much at most.
    struct Repairs {
        var bounds: ClosedRange<Double>
        var differenceMax: Double
    }

    /// Counts that differ by less than this share of their sum are equal: rounding of rates.
    private static let tolerance = 1e-12

    /// `histogram_quantile`: linear within a bucket. NaN without a bucket to +Inf, without
    /// observations or with fewer than two buckets.
    mutating func quantile(_ quantile: Double) -> Double {
        if quantile.isNaN { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        guard merge(), buckets.count >= 2 else { return .nan }
        repair()
        guard let total = buckets.last?.count, total != 0 else { return .nan }
        var rank = quantile * total
        let last = buckets.count - 1
        let found = buckets[..<last].firstIndex { $0.count >= rank } ?? last
        if found == last { return buckets[last - 1].upperBound }
        if found == 0, buckets[0].upperBound <= 0 { return buckets[0].upperBound }
        var start = 0.0
        var count = buckets[found].count
        if found > 0 {
            start = buckets[found - 1].upperBound
            count -= buckets[found - 1].count
            rank -= buckets[found - 1].count
        }
        return start + (buckets[found].upperBound - start) * (rank / count)
    }

    /// `histogram_fraction`: the share of observations between two bounds.
    mutating func fraction(from lower: Double, to upper: Double) -> Double {
        guard merge(), let total = buckets.last?.count, total != 0 else { return .nan }
        if lower.isNaN || upper.isNaN { return .nan }
        if lower >= upper { return 0 }
        return (min(total, rank(of: upper, total)) - min(total, rank(of: lower, total))) / total
    }

    /// Observations up to `bound`.
    private func rank(of bound: Double, _ total: Double) -> Double {
        // The first bucket reaches down to 0, or without end where its own bound is not positive.
        var start = buckets[0].upperBound > 0 ? 0 : -Double.infinity
        var before = 0.0
        for bucket in buckets {
            if bound <= start { return before }
            if bound < bucket.upperBound {
                if start.isInfinite { return bucket.count }
                if bucket.upperBound.isInfinite { return before }
                let share = (bound - start) / (bucket.upperBound - start)
                return before + (bucket.count - before) * share
            }
            if bound == bucket.upperBound { return bucket.count }
            start = bucket.upperBound
            before = bucket.count
        }
        return total
    }

    /// Puts buckets with equal bounds together. False if the bucket to +Inf is missing.
    private mutating func merge() -> Bool {
        guard buckets.last?.upperBound == .infinity else { return false }
        var kept = 0
        for index in buckets.indices.dropFirst() {
            if buckets[index].upperBound == buckets[kept].upperBound {
                buckets[kept].count += buckets[index].count
            } else {
                kept += 1
                buckets[kept] = buckets[index]
            }
        }
        buckets.removeLast(buckets.count - kept - 1)
        return true
    }

    /// Raises counts that are below their predecessor, and evens out rounding errors.
    private mutating func repair() {
        repairs = nil
        var previous = buckets[0].count
        for index in buckets.indices.dropFirst() {
            let current = buckets[index].count
            if current == previous { continue }
            if Self.isAlmostEqual(previous, current) {
                buckets[index].count = previous
            } else if current < previous {
                buckets[index].count = previous
                let bound = buckets[index].upperBound
                let known = repairs ?? Repairs(bounds: bound...bound, differenceMax: 0)
                repairs = Repairs(
                    bounds: known.bounds.lowerBound...bound,
                    differenceMax: max(known.differenceMax, previous - current))
            } else {
                previous = current
            }
        }
    }

    private static func isAlmostEqual(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN, b.isNaN { return true }
        let sum = a.magnitude + b.magnitude
        let difference = (a - b).magnitude
        if a == 0 || b == 0 || sum < .leastNormalMagnitude {
            return difference < tolerance * .leastNormalMagnitude
        }
        return difference / min(sum, .greatestFiniteMagnitude) < tolerance
    }
}
