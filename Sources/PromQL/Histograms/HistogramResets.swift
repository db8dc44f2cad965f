import QueryCore
import Telemetry

extension HistogramValue {
    /// Whether a counter histogram started anew since `previous`: it says so, or some count fell or
    /// vanished, or its buckets became finer, which they never do otherwise. That a sender says there was
    /// no reset is about the sample that it sent before, which need not be `previous`.
    func isReset(since previous: HistogramValue) -> Bool {
        if resetHint == .reset { return true }
        if count < previous.count { return true }
        if usesCustomBuckets {
            return !previous.usesCustomBuckets || hasLowerCustomBucket(than: previous)
        }
        if previous.usesCustomBuckets || schema > previous.schema { return true }
        if zeroThreshold < previous.zeroThreshold { return true }
        var previous = previous
        if zeroThreshold > previous.zeroThreshold {
            let (zeroCount, threshold) = previous.zeroCount(upTo: zeroThreshold)
            // A populated bucket was cut through.
            if threshold != zeroThreshold { return true }
            previous.zeroCount = zeroCount
        }
        if zeroCount < previous.zeroCount { return true }
        previous.reduceResolution(to: schema)
        return hasLowerBucket(positive, than: previous.positive)
            || hasLowerBucket(negative, than: previous.negative)
    }

    /// Buckets within the zero bucket do not count.
    private func hasLowerBucket(
        _ current: HistogramBuckets, than previous: HistogramBuckets
    ) -> Bool {
        var next = 0
        for (index, count) in zip(previous.indices, previous.counts) where count != 0 {
            if HistogramBounds.upper(index, schema: schema) <= zeroThreshold { continue }
            while next < current.indices.count, current.indices[next] < index { next += 1 }
            guard next < current.indices.count, current.indices[next] == index,
                current.counts[next] >= count
            else { return true }
        }
        return false
    }

    /// By the bounds that both have.
    private func hasLowerCustomBucket(than previous: HistogramValue) -> Bool {
        var current = self
        var previous = previous
        do throws(IncompatibleHistograms) {
            _ = try HistogramValue.align(&current, &previous)
        } catch {
            return true
        }
        let lowered = current.positive.merged(with: previous.positive, sign: -1)
        return lowered.counts.contains { $0 < 0 }
    }

    /// Whether both hold the same data. What they hint of resets does not matter.
    func isSame(as other: HistogramValue) -> Bool {
        schema == other.schema && zeroThreshold == other.zeroThreshold
            && customBounds == other.customBounds
            && count.bitPattern == other.count.bitPattern
            && sum.bitPattern == other.sum.bitPattern
            && zeroCount.bitPattern == other.zeroCount.bitPattern
            && positive.isSame(as: other.positive) && negative.isSame(as: other.negative)
    }
}

extension HistogramBuckets {
    fileprivate func isSame(as other: HistogramBuckets) -> Bool {
        indices == other.indices
            && zip(counts, other.counts).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
}
