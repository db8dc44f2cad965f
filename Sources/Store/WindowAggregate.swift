import Telemetry

/// Windows of time over a series: `(end - range, end]`, `count` of them, `step` apart. Milliseconds.
package struct SampleWindows: Hashable, Sendable {
    package var firstEnd: Int64
    /// 0 or more.
    package var step: Int64
    package var count: Int
    package var range: Int64

    package init(firstEnd: Int64, step: Int64, count: Int, range: Int64) {
        self.firstEnd = firstEnd
        self.step = step
        self.count = count
        self.range = range
    }

    @inlinable package func end(_ index: Int) -> Int64 { firstEnd &+ Int64(index) &* step }
}

/// What is known of the samples of a window without looking at each: enough for sums, means, extremes,
/// counts and the increase of a counter. Staleness markers are no samples.
package struct WindowAggregate: Hashable, Sendable {
    package var count = 0
    /// Times and values of the first and last sample; meaningless without samples.
    package var firstTime: Int64 = 0
    package var lastTime: Int64 = 0
    package var first = 0.0
    package var last = 0.0
    /// Sum and compensation of Neumaier's summation (Zeitschrift für angewandte Mathematik und Mechanik
    /// 54, 1974). Its last bits depend on how the samples were grouped.
    package var sum = 0.0
    package var compensation = 0.0
    /// NaN only if all samples are.
    package var minimum = 0.0
    package var maximum = 0.0
    /// How often a value is below its predecessor, and the sum of those predecessors.
    package var resets = 0
    package var resetSum = 0.0

    package init() {}

    /// A single sample.
    package init(time: Int64, value: Double) {
        count = 1
        firstTime = time
        lastTime = time
        first = value
        last = value
        sum = value
        minimum = value
        maximum = value
    }

    /// Takes the sample that follows those taken before.
    package mutating func add(time: Int64, value: Double) {
        guard count > 0 else {
            self = WindowAggregate(time: time, value: value)
            return
        }
        if value < last {
            resets += 1
            resetSum += last
        }
        count += 1
        lastTime = time
        last = value
        addToSum(value)
        if value < minimum || minimum.isNaN { minimum = value }
        if value > maximum || maximum.isNaN { maximum = value }
    }

    /// Takes the samples that follow those taken before.
    package mutating func add(_ next: WindowAggregate) {
        guard next.count > 0 else { return }
        guard count > 0 else {
            self = next
            return
        }
        if next.first < last {
            resets += 1
            resetSum += last
        }
        resets += next.resets
        resetSum += next.resetSum
        count += next.count
        lastTime = next.lastTime
        last = next.last
        addToSum(next.sum)
        compensation += next.compensation
        if next.minimum < minimum || minimum.isNaN { minimum = next.minimum }
        if next.maximum > maximum || maximum.isNaN { maximum = next.maximum }
    }

    private mutating func addToSum(_ value: Double) {
        let total = sum + value
        if total.isInfinite {
            compensation = 0
        } else if sum.magnitude >= value.magnitude {
            compensation += (sum - total) + value
        } else {
            compensation += (value - total) + sum
        }
        sum = total
    }
}

extension SeriesSelection {
    /// Looks at all samples: what every store may do that knows nothing better.
    package func windowAggregates(
        _ index: Int, _ windows: SampleWindows, into aggregates: inout [WindowAggregate]
    ) throws(StoreError) -> Bool {
        var columns = SampleColumns()
        try samples(index, into: &columns)
        guard columns.histograms.isEmpty else { return false }
        aggregates.removeAll(keepingCapacity: true)
        for window in 0..<windows.count {
            let end = windows.end(window)
            var aggregate = WindowAggregate()
            for (time, value) in zip(columns.times, columns.values)
            where time > end - windows.range && time <= end
                && value.bitPattern != Sample.staleMarker.bitPattern
            {
                aggregate.add(time: time, value: value)
            }
            aggregates.append(aggregate)
        }
        return true
    }
}
