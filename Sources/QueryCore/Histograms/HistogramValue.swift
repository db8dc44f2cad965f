import Telemetry

/// A native histogram that is computed with: buckets by their index instead of spans.
///
/// Bucket `i` of an exponential schema `s` covers `(base^(i−1), base^i]` with `base = 2^(2^−s)`; with
/// custom bounds bucket `i` ends at `customBounds[i]`, the one behind the last at +Inf.
package struct HistogramValue: Hashable, Sendable {
    package var schema: Int32
    package var zeroThreshold = 0.0
    package var zeroCount = 0.0
    package var count = 0.0
    package var sum = 0.0
    package var positive = HistogramBuckets()
    /// By the absolute value of what they hold.
    package var negative = HistogramBuckets()
    /// Ascending; empty for exponential schemas.
    package var customBounds: [Double] = []
    package var resetHint: NativeHistogram.ResetHint = .unknown

    package init(schema: Int32) { self.schema = schema }

    package var usesCustomBuckets: Bool { schema == NativeHistogram.customBucketsSchema }

    /// A finer schema than Prometheus computes with is reduced to the finest that it does.
    package init(_ stored: NativeHistogram) {
        schema = stored.schema
        count = stored.count
        sum = stored.sum
        resetHint = stored.resetHint
        positive = HistogramBuckets(stored.positiveSpans, stored.positiveCounts)
        if usesCustomBuckets {
            customBounds = stored.customBounds
            positive.keepIndices(in: 0...Int32(clamping: customBounds.count))
            return
        }
        zeroThreshold = stored.zeroThreshold
        zeroCount = stored.zeroCount
        negative = HistogramBuckets(stored.negativeSpans, stored.negativeCounts)
        schema = max(schema, HistogramBounds.schemas.lowerBound)
        if schema > HistogramBounds.schemas.upperBound {
            reduceResolution(to: HistogramBounds.schemas.upperBound)
        }
    }

    /// As it is stored and sent.
    package var native: NativeHistogram {
        var native = NativeHistogram(schema: schema)
        native.zeroThreshold = zeroThreshold
        native.zeroCount = zeroCount
        native.count = count
        native.sum = sum
        native.customBounds = customBounds
        native.resetHint = resetHint
        (native.positiveSpans, native.positiveCounts) = positive.spans
        (native.negativeSpans, native.negativeCounts) = negative.spans
        return native
    }

    /// Merges buckets so that they fit a coarser exponential schema.
    package mutating func reduceResolution(to target: Int32) {
        guard target < schema else { return }
        positive.reduceResolution(by: schema - target)
        negative.reduceResolution(by: schema - target)
        schema = target
    }

    /// Drops buckets that count nothing.
    package mutating func compact() {
        positive.compact()
        negative.compact()
    }
}

/// Buckets of one sign by ascending index.
package struct HistogramBuckets: Hashable, Sendable {
    package private(set) var indices: [Int32] = []
    package var counts: [Double] = []

    package init() {}

    package var isEmpty: Bool { counts.isEmpty }

    /// What spans without counts describe is left out.
    package init(_ spans: [NativeHistogram.Span], _ counts: [Double]) {
        self.counts = counts
        indices.reserveCapacity(counts.count)
        var index: Int64 = 0
        spans: for span in spans {
            index += Int64(span.offset)
            for _ in 0..<span.length {
                guard indices.count < counts.count, let fitting = Int32(exactly: index),
                    indices.last.map({ $0 < fitting }) ?? true
                else { break spans }
                indices.append(fitting)
                index += 1
            }
        }
        self.counts.removeLast(counts.count - indices.count)
    }

    package var spans: ([NativeHistogram.Span], [Double]) {
        var spans: [NativeHistogram.Span] = []
        var next: Int32 = 0
        for index in indices {
            if spans.isEmpty || index != next {
                spans.append(NativeHistogram.Span(offset: index &- next, length: 0))
            }
            spans[spans.count - 1].length += 1
            next = index &+ 1
        }
        return (spans, counts)
    }

    /// Adds to the count of a bucket that is not before the last.
    package mutating func append(_ index: Int32, _ count: Double) {
        if let last = indices.last, last == index {
            counts[counts.count - 1] += count
        } else {
            indices.append(index)
            counts.append(count)
        }
    }

    mutating func keepIndices(in range: ClosedRange<Int32>) {
        guard let first = indices.first, let last = indices.last,
            !range.contains(first) || !range.contains(last)
        else { return }
        var kept = HistogramBuckets()
        for (index, count) in zip(indices, counts) where range.contains(index) {
            kept.append(index, count)
        }
        self = kept
    }

    mutating func reduceResolution(by steps: Int32) {
        var reduced = HistogramBuckets()
        for (index, count) in zip(indices, counts) {
            // `base^i` of the finer schema lies in the coarser bucket whose index is rounded up.
            reduced.append((index &- 1) >> steps &+ 1, count)
        }
        self = reduced
    }

    package mutating func compact() {
        guard counts.contains(0) else { return }
        var kept = HistogramBuckets()
        for (index, count) in zip(indices, counts) where count != 0 { kept.append(index, count) }
        self = kept
    }

    package mutating func scale(by factor: Double) {
        for position in counts.indices { counts[position] *= factor }
    }
}
