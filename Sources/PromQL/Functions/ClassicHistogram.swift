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
    /// Whether a count had to be raised to its predecessor's by more than rounding errors explain.
    private(set) var isForcedMonotonic = false

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
        var previous = buckets[0].count
        for index in buckets.indices.dropFirst() {
            let current = buckets[index].count
            if current == previous { continue }
            if Self.isAlmostEqual(previous, current) {
                buckets[index].count = previous
            } else if current < previous {
                buckets[index].count = previous
                isForcedMonotonic = true
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

/// The bucket series of one histogram.
private struct BucketGroup {
    var labels: Labels
    /// By ascending bound.
    var series: [(bound: Double, values: [Double])] = []
}

extension Evaluator {
    mutating func histogramQuantile(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let quantile = try scalar(node.arguments[0])
        noteQuantile(quantile, node.arguments[0])
        return try classicHistograms(node.arguments[1]) { buckets, step in
            buckets.quantile(quantile[step])
        }
    }

    mutating func histogramFraction(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let lower = try scalar(node.arguments[0])
        let upper = try scalar(node.arguments[1])
        return try classicHistograms(node.arguments[2]) { buckets, step in
            buckets.fraction(from: lower[step], to: upper[step])
        }
    }

    /// Puts buckets together that differ by `le` alone and computes a number of each histogram and step.
    private mutating func classicHistograms(
        _ argument: Expression, _ compute: (inout ClassicBuckets, Int) -> Double
    ) throws(QueryError) -> [StepSeries] {
        let groups = bucketGroups(try vector(argument))
        var collector = SeriesCollector(capacity: groups.count)
        var isForced = false
        var buckets = ClassicBuckets()
        for group in groups {
            try context.check()
            var values = [Double](repeating: StepValue.absent, count: steps.count)
            for step in 0..<steps.count {
                buckets.buckets.removeAll(keepingCapacity: true)
                for series in group.series where StepValue.isPresent(series.values[step]) {
                    buckets.buckets.append(
                        ClassicBuckets.Bucket(
                            upperBound: series.bound, count: series.values[step]))
                }
                if !buckets.buckets.isEmpty { values[step] = compute(&buckets, step) }
            }
            isForced = isForced || buckets.isForcedMonotonic
            try collector.add(group.labels.withoutName, values)
        }
        if isForced {
            notes.inform(
                "input to histogram_quantile needed to be fixed for monotonicity "
                    + "(see https://prometheus.io/docs/prometheus/latest/querying/functions/"
                    + "#histogram_quantile)")
        }
        return collector.series
    }

    private func bucketGroups(_ input: [StepSeries]) -> [BucketGroup] {
        let bound = LabelNames(["le"])
        var groups: [BucketGroup] = []
        var indices: [Labels: Int] = [:]
        for series in input {
            let text = series.labels["le"] ?? ""
            guard let upperBound = Self.bucketBound(text) else {
                notes.warn(
                    "bucket label \"le\" is missing or has a malformed value of \(QuotedText.quote(text))"
                )
                continue
            }
            let labels = series.labels.dropping(bound)
            let index = indices[labels] ?? groups.count
            if index == groups.count {
                indices[labels] = index
                groups.append(BucketGroup(labels: labels))
            }
            groups[index].series.append((upperBound, series.values))
        }
        for index in groups.indices { groups[index].series.sort { $0.bound < $1.bound } }
        return groups
    }

    private static func bucketBound(_ text: String) -> Double? {
        switch text.lowercased() {
        case "+inf", "inf", "+infinity", "infinity": .infinity
        case "-inf", "-infinity": -.infinity
        default: Double(text)
        }
    }
}
