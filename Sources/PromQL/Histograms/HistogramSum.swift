import QueryCore
import Telemetry

/// A sum of histograms, every count compensated for rounding as long as the buckets stay the same.
struct HistogramSum {
    private(set) var histogram: HistogramValue
    private var compensation: HistogramValue
    private(set) var summands = 1
    private var hasReset = false
    private var hasNoReset = false

    /// Whether summands contradict each other about resets.
    var resetsCollide: Bool { hasReset && hasNoReset }

    init(_ first: HistogramValue) {
        histogram = first
        compensation = HistogramSum.zero(like: first)
        note(first)
    }

    /// - Returns: whether custom bounds differed.
    mutating func add(_ next: HistogramValue) throws(IncompatibleHistograms) -> Bool {
        note(next)
        summands += 1
        var next = next
        let needsAlignment =
            next.schema != histogram.schema || next.zeroThreshold != histogram.zeroThreshold
            || next.customBounds != histogram.customBounds
        var boundsDiffered = false
        if needsAlignment {
            settle()
            boundsDiffered = try HistogramValue.align(&histogram, &next)
            compensation = HistogramSum.zero(like: histogram)
        }
        _ = histogram.adjustResetHint(to: next)
        HistogramSum.add(next.zeroCount, &histogram.zeroCount, &compensation.zeroCount)
        HistogramSum.add(next.count, &histogram.count, &compensation.count)
        HistogramSum.add(next.sum, &histogram.sum, &compensation.sum)
        HistogramSum.add(next.positive, &histogram.positive, &compensation.positive)
        HistogramSum.add(next.negative, &histogram.negative, &compensation.negative)
        return boundsDiffered
    }

    var value: HistogramValue {
        var copy = self
        copy.settle()
        copy.histogram.compact()
        return copy.histogram
    }

    /// The mean of all that were added.
    var mean: HistogramValue {
        var mean = histogram
        var rest = compensation
        mean.divide(by: Double(summands))
        rest.divide(by: Double(summands))
        HistogramSum.addPlainly(rest, to: &mean)
        mean.compact()
        return mean
    }

    private mutating func note(_ summand: HistogramValue) {
        if summand.resetHint == .reset { hasReset = true }
        if summand.resetHint == .notReset { hasNoReset = true }
    }

    private mutating func settle() {
        HistogramSum.addPlainly(compensation, to: &histogram)
        compensation = HistogramSum.zero(like: histogram)
    }

    private static func zero(like histogram: HistogramValue) -> HistogramValue {
        var zero = HistogramValue(schema: histogram.schema)
        zero.positive = histogram.positive
        zero.negative = histogram.negative
        for position in zero.positive.counts.indices { zero.positive.counts[position] = 0 }
        for position in zero.negative.counts.indices { zero.negative.counts[position] = 0 }
        return zero
    }

    private static func addPlainly(_ rest: HistogramValue, to histogram: inout HistogramValue) {
        histogram.zeroCount += rest.zeroCount
        histogram.count += rest.count
        histogram.sum += rest.sum
        for position in rest.positive.counts.indices {
            histogram.positive.counts[position] += rest.positive.counts[position]
        }
        for position in rest.negative.counts.indices {
            histogram.negative.counts[position] += rest.negative.counts[position]
        }
    }

    private static func add(_ next: Double, _ sum: inout Double, _ rest: inout Double) {
        var compensated = CompensatedSum(sum, compensation: rest)
        compensated.add(next)
        sum = compensated.sum
        rest = compensated.compensation
    }

    /// `sum` and `rest` have the same buckets, before and after.
    private static func add(
        _ next: HistogramBuckets, _ sum: inout HistogramBuckets, _ rest: inout HistogramBuckets
    ) {
        if next.indices != sum.indices {
            var zero = next
            for position in zero.counts.indices { zero.counts[position] = 0 }
            sum = sum.merged(with: zero, sign: 1)
            rest = rest.merged(with: zero, sign: 1)
        }
        var position = 0
        for (index, count) in zip(next.indices, next.counts) {
            while sum.indices[position] < index { position += 1 }
            add(count, &sum.counts[position], &rest.counts[position])
        }
    }
}
