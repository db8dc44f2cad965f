import QueryCore
import Telemetry

/// What happened while two histograms were put together.
struct HistogramCombination {
    /// One says that it was reset and the other that it was not.
    var resetsCollide = false
    /// Custom bounds differed; only those that both have are left.
    var boundsDiffered = false
}

/// Exponential and custom buckets do not go together.
struct IncompatibleHistograms: Error {}

extension HistogramValue {
    // MARK: Scaling

    mutating func multiply(by factor: Double) {
        zeroCount *= factor
        count *= factor
        sum *= factor
        positive.scale(by: factor)
        negative.scale(by: factor)
        if factor < 0 { resetHint = .gauge }
    }

    /// Division by zero leaves no buckets.
    mutating func divide(by divisor: Double) {
        zeroCount /= divisor
        count /= divisor
        sum /= divisor
        guard divisor != 0 else {
            positive = HistogramBuckets()
            negative = HistogramBuckets()
            return
        }
        for position in positive.counts.indices { positive.counts[position] /= divisor }
        for position in negative.counts.indices { negative.counts[position] /= divisor }
        if divisor < 0 { resetHint = .gauge }
    }

    // MARK: Sums

    @discardableResult
    mutating func add(
        _ other: HistogramValue
    ) throws(IncompatibleHistograms) -> HistogramCombination {
        try combine(other, sign: 1)
    }

    @discardableResult
    mutating func subtract(
        _ other: HistogramValue
    ) throws(IncompatibleHistograms) -> HistogramCombination {
        try combine(other, sign: -1)
    }

    private mutating func combine(
        _ other: HistogramValue, sign: Double
    ) throws(IncompatibleHistograms) -> HistogramCombination {
        var other = other
        var combination = HistogramCombination()
        combination.boundsDiffered = try HistogramValue.align(&self, &other)
        combination.resetsCollide = adjustResetHint(to: other)
        zeroCount += sign * other.zeroCount
        count += sign * other.count
        sum += sign * other.sum
        positive = positive.merged(with: other.positive, sign: sign)
        negative = negative.merged(with: other.negative, sign: sign)
        return combination
    }

    /// What the hint of a sum is: gauges prevail, then what is unknown. Collisions make it unknown.
    mutating func adjustResetHint(to other: HistogramValue) -> Bool {
        if resetHint == other.resetHint || resetHint == .gauge { return false }
        if other.resetHint == .gauge {
            resetHint = .gauge
            return false
        }
        let collides = resetHint != .unknown && other.resetHint != .unknown
        resetHint = .unknown
        return collides
    }

    // MARK: Alignment

    /// Gives both the same buckets: the coarser schema, a zero bucket that cuts through no populated
    /// bucket of either, the custom bounds that both have.
    /// - Returns: whether custom bounds differed.
    static func align(
        _ a: inout HistogramValue, _ b: inout HistogramValue
    ) throws(IncompatibleHistograms) -> Bool {
        guard a.usesCustomBuckets == b.usesCustomBuckets else { throw IncompatibleHistograms() }
        if a.usesCustomBuckets {
            guard a.customBounds != b.customBounds else { return false }
            let shared = a.customBounds.filter(Set(b.customBounds).contains)
            a.reduceBounds(to: shared)
            b.reduceBounds(to: shared)
            return true
        }
        while a.zeroThreshold != b.zeroThreshold {
            if a.zeroThreshold < b.zeroThreshold {
                a.widenZeroBucket(to: b.zeroThreshold)
            } else if b.zeroThreshold < a.zeroThreshold {
                b.widenZeroBucket(to: a.zeroThreshold)
            } else {
                // A threshold that is no number widens nothing.
                b.zeroThreshold = a.zeroThreshold
                break
            }
        }
        a.reduceResolution(to: b.schema)
        b.reduceResolution(to: a.schema)
        return false
    }

    /// Merges buckets into those that end at `bounds`, which are some of its own.
    private mutating func reduceBounds(to bounds: [Double]) {
        var reduced = HistogramBuckets()
        var target = 0
        for (index, count) in zip(positive.indices, positive.counts) {
            let upper = Int(index) < customBounds.count ? customBounds[Int(index)] : .infinity
            while target < bounds.count, bounds[target] < upper { target += 1 }
            reduced.append(Int32(clamping: target), count)
        }
        positive = reduced
        customBounds = bounds
    }

    /// Makes the zero bucket reach to `threshold`, or further to the end of the populated bucket in
    /// which that lies, and takes in what lies there.
    private mutating func widenZeroBucket(to threshold: Double) {
        let (count, widened) = zeroCount(upTo: threshold)
        zeroCount = count
        zeroThreshold = widened
        positive = outside(positive)
        negative = outside(negative)
    }

    private func outside(_ buckets: HistogramBuckets) -> HistogramBuckets {
        var kept = HistogramBuckets()
        for (index, count) in zip(buckets.indices, buckets.counts)
        where HistogramBounds.upper(index &- 1, schema: schema) >= zeroThreshold {
            kept.append(index, count)
        }
        return kept
    }

    /// The count of a zero bucket that reaches to `threshold`, and how far it must reach instead if
    /// `threshold` lies in a populated bucket.
    func zeroCount(upTo threshold: Double) -> (count: Double, threshold: Double) {
        var threshold = threshold
        while true {
            var total = zeroCount
            var wanted = threshold
            for buckets in [positive, negative] {
                for (index, count) in zip(buckets.indices, buckets.counts) {
                    guard HistogramBounds.upper(index &- 1, schema: schema) < threshold else {
                        break
                    }
                    total += count
                    let upper = HistogramBounds.upper(index, schema: schema)
                    if upper > threshold, count != 0 { wanted = max(wanted, upper) }
                }
            }
            if wanted == threshold { return (total, threshold) }
            threshold = wanted
        }
    }
}

extension HistogramBuckets {
    /// The sums (or, with a sign of −1, differences) of counts, by bucket.
    func merged(with other: HistogramBuckets, sign: Double) -> HistogramBuckets {
        var merged = HistogramBuckets()
        var next = 0
        for (index, count) in zip(indices, counts) {
            while next < other.indices.count, other.indices[next] < index {
                merged.append(other.indices[next], sign * other.counts[next])
                next += 1
            }
            merged.append(index, count)
            if next < other.indices.count, other.indices[next] == index {
                merged.append(index, sign * other.counts[next])
                next += 1
            }
        }
        while next < other.indices.count {
            merged.append(other.indices[next], sign * other.counts[next])
            next += 1
        }
        return merged
    }
}
