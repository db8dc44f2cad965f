import QueryCore
import Store

/// `rate`, `increase` and `delta`: the difference over a window, extrapolated to its bounds
/// (`extrapolatedRate` of Prometheus).
///
/// Between the first and last sample the difference is exact, resets added. It is stretched to each
/// bound that lies within 1.1 average sample distances of a sample, else by half that distance, for a
/// counter at most back to where it would have been zero.
struct Rate: SummaryFunction {
    let isCounter: Bool
    let isPerSecond: Bool
    /// Milliseconds.
    let range: Int64
    /// Samples that are below their predecessor, found once a series: most series have none.
    private var resets: [Int] = []
    private var firstReset = 0
    /// Where the samples of a window before lay, and the factor that follows from it where no zero of a
    /// counter bounds it: scrapes and steps are regular, so it is nearly always the same.
    private var known = Place()
    private var knownFactor = 0.0
    /// Whether the samples of the last window lay otherwise: one late scrape does not make others forget.
    private var hasMissed = true

    var looksAtEndsOnly: Bool { true }

    init(isCounter: Bool, isPerSecond: Bool, range: Int64) {
        self.isCounter = isCounter
        self.isPerSecond = isPerSecond
        self.range = range
    }

    mutating func begin(_ samples: SampleView) {
        resets.removeAll(keepingCapacity: true)
        firstReset = 0
        guard isCounter else { return }
        var start = 1
        while start < samples.values.count {
            let block = start..<min(start &+ Self.blockLength, samples.values.count)
            if Self.falls(samples.values, block) {
                for index in block where samples.values[index] < samples.values[index - 1] {
                    resets.append(index)
                }
            }
            start = block.upperBound
        }
    }

    /// Samples that are looked at without a branch for each.
    private static let blockLength = 64

    @inline(__always)
    private static func falls(_ values: UnsafeBufferPointer<Double>, _ block: Range<Int>) -> Bool {
        var falls: UInt64 = 0
        for index in block { falls |= values[index] < values[index &- 1] ? 1 : 0 }
        return falls != 0
    }

    @inline(__always)
    mutating func value(_ samples: SampleView, _ window: Window) -> Double {
        let first = window.samples.lowerBound
        let last = window.samples.upperBound &- 1
        guard last > first else { return StepValue.absent }
        let firstValue = samples.values[first]
        var difference = samples.values[last] - firstValue
        if firstReset < resets.count {
            addResets(samples, after: first, through: last, to: &difference)
        }
        let place = Place(
            toStart: samples.times[first] &- window.start, toEnd: window.end &- samples.times[last],
            sampled: samples.times[last] &- samples.times[first], intervals: last &- first)
        // Beyond its first value a counter is not followed back past a zero within the samples' span.
        if place.isSame(as: known), !isCounter || (firstValue >= difference && firstValue >= 0) {
            hasMissed = false
            return difference * knownFactor
        }
        return valueElsewhere(place, difference, firstValue, samples, window)
    }

    /// Of a window whose samples lie otherwise than before, or whose counter may have begun in it.
    @inline(never)
    private mutating func valueElsewhere(
        _ place: Place, _ difference: Double, _ firstValue: Double, _ samples: SampleView,
        _ window: Window
    ) -> Double {
        let last = window.samples.upperBound - 1
        let times = (
            first: samples.times[window.samples.lowerBound], last: samples.times[last]
        )
        if place.isSame(as: known) {
            hasMissed = false
        } else if !hasMissed {
            hasMissed = true
        } else if place.intervals > 1 {
            hasMissed = false
            known = place
            knownFactor = factor(
                times: times, intervals: place.intervals, start: window.start, end: window.end,
                isRising: false, shareAtFirst: 0)
        }
        return extrapolate(
            difference, firstValue: firstValue, times: times, intervals: place.intervals,
            start: window.start, end: window.end)
    }

    /// How samples lie in their window, in milliseconds; without any interval nowhere.
    private struct Place {
        var toStart: Int64 = 0
        var toEnd: Int64 = 0
        var sampled: Int64 = 0
        var intervals = 0

        /// Looks at all without a branch for each.
        @inline(__always)
        func isSame(as other: Place) -> Bool {
            (toStart ^ other.toStart) | (toEnd ^ other.toEnd) | (sampled ^ other.sampled)
                | Int64(intervals ^ other.intervals) == 0
        }
    }

    func value(_ aggregate: WindowAggregate, start: Int64, end: Int64) -> Double? {
        guard aggregate.count > 1 else { return StepValue.absent }
        var difference = aggregate.last - aggregate.first
        if isCounter { difference += aggregate.resetSum }
        return extrapolate(
            difference, firstValue: aggregate.first,
            times: (aggregate.firstTime, aggregate.lastTime), intervals: aggregate.count - 1,
            start: start, end: end)
    }

    @inline(__always)
    private func extrapolate(
        _ difference: Double, firstValue: Double, times: (first: Int64, last: Int64),
        intervals: Int, start: Int64, end: Int64
    ) -> Double {
        difference
            * factor(
                times: times, intervals: intervals, start: start, end: end,
                isRising: difference > 0 && firstValue >= 0, shareAtFirst: firstValue / difference)
    }

    /// By how much what was seen between the first and the last sample is stretched to the window's
    /// bounds.
    /// - Parameters:
    ///   - isRising: whether a counter would have been zero some time before.
    ///   - shareAtFirst: the first value as a share of the difference.
    @inline(__always)
    func factor(
        times: (first: Int64, last: Int64), intervals: Int, start: Int64, end: Int64,
        isRising: Bool, shareAtFirst: Double
    ) -> Double {
        var toStart = Double(times.first &- start) / 1_000
        var toEnd = Double(end &- times.last) / 1_000
        let sampled = Double(times.last &- times.first) / 1_000
        let average = sampled / Double(intervals)
        let threshold = average * 1.1
        if toStart >= threshold { toStart = average / 2 }
        if isCounter, isRising {
            let toZero = sampled * shareAtFirst
            if toZero < toStart { toStart = toZero }
        }
        if toEnd >= threshold { toEnd = average / 2 }
        var factor = (sampled + toStart + toEnd) / sampled
        if isPerSecond { factor /= Double(range) / 1_000 }
        return factor
    }

    /// Adds what the counter had reached before each reset in the window.
    @inline(never)
    private mutating func addResets(
        _ samples: SampleView, after first: Int, through last: Int, to difference: inout Double
    ) {
        while firstReset < resets.count, resets[firstReset] <= first { firstReset += 1 }
        var index = firstReset
        while index < resets.count, resets[index] <= last {
            difference += samples.values[resets[index] - 1]
            index += 1
        }
    }
}
