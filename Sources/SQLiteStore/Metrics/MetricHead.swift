import Store
import Telemetry

/// Samples of journalled batches, by the numbers that a registry gave the series.
struct HeadSamples: Sendable {
    /// Of the first and the last batch that it is made of.
    var firstSequence: UInt64
    var sequence: UInt64
    var firstArrival: Timestamp
    var arrival: Timestamp
    var registry: SeriesRegistry
    var series: [UInt32]
    var times: [Int64]
    var values: [Double]
    /// Earliest and latest sample; meaningless when there is none.
    var first: Int64
    var last: Int64
    /// Native histograms and exemplars with their labels: rare, and kept as they came.
    var extras: [MetricBatch]
    /// Since when series count: as samples, in milliseconds, each told once.
    var starts: DaySamples
    /// Where the samples of each series stand, if they stand series by series.
    var runs: SeriesRuns?

    var bytes: Int {
        (times.count + starts.times.count) * 20 + 256
            + extras.reduce(0) {
                $0 + $1.labelBytes.count + $1.sampleCount * 400 + $1.exemplars.count * 100
            }
    }

    func overlaps(_ range: ClosedRange<Int64>) -> Bool {
        !times.isEmpty && first <= range.upperBound && range.lowerBound <= last
    }
}

/// A metric batch on its way through the journal.
struct PreparedMetrics: Sendable {
    /// What is journalled: labels only of series whose labels no durable record holds yet.
    var payload: [UInt8]
    var samples: HeadSamples
    /// Series whose labels the payload holds.
    var defined: [UInt32]
    var metadata: [MetricMetadata]
}

/// Samples of one UTC day, sorted by series and time: what a seal writes into a partition.
struct DaySamples {
    var series: [UInt32] = []
    var times: [Int64] = []
    var values: [Double] = []

    init(capacity: Int = 0) {
        series.reserveCapacity(capacity)
        times.reserveCapacity(capacity)
        values.reserveCapacity(capacity)
    }

    /// Distributes the samples of `batches` over days and sorts each day by (series, time); of samples
    /// with equal series and time the last written stays.
    static func split(_ batches: [HeadSamples]) -> [UTCDay: DaySamples] {
        if let only = batches.first, batches.count == 1, let sorted = DaySamples(sorted: only) {
            return [UTCDay(containingMilliseconds: only.first): sorted]
        }
        var days: [UTCDay: DaySamples] = [:]
        let count = batches.reduce(0) { $0 + $1.times.count }
        for batch in batches where !batch.times.isEmpty {
            let firstDay = UTCDay(containingMilliseconds: batch.first)
            if firstDay == UTCDay(containingMilliseconds: batch.last) {
                // Nearly always all of them: growing would take twice the memory.
                days[firstDay, default: DaySamples(capacity: count)].append(batch)
            } else {
                for index in batch.times.indices {
                    let day = UTCDay(containingMilliseconds: batch.times[index])
                    days[day, default: DaySamples()].append(
                        series: batch.series[index], time: batch.times[index],
                        value: batch.values[index])
                }
            }
        }
        for day in days.keys { days[day]?.sort() }
        return days
    }

    /// The samples of a batch as they are; `nil` if they are not of one day, by series and time, each time
    /// once.
    private init?(sorted batch: HeadSamples) {
        guard let runs = batch.runs, !batch.times.isEmpty,
            UTCDay(containingMilliseconds: batch.first)
                == UTCDay(containingMilliseconds: batch.last)
        else { return nil }
        var start = 0
        for end in runs.ends {
            for index in (start + 1)..<max(start + 1, Int(end))
            where batch.times[index] <= batch.times[index - 1] {
                return nil
            }
            start = Int(end)
        }
        (series, times, values) = (batch.series, batch.times, batch.values)
    }

    mutating func append(_ other: DaySamples) {
        series += other.series
        times += other.times
        values += other.values
    }

    private mutating func append(_ batch: HeadSamples) {
        series += batch.series
        times += batch.times
        values += batch.values
    }

    mutating func append(series number: UInt32, time: Int64, value: Double) {
        series.append(number)
        times.append(time)
        values.append(value)
    }

    /// Counting sort by series keeps the order of arrival within one, which is the order of time for
    /// well-behaved senders; only runs out of order are sorted by time.
    mutating func sort() {
        guard let largest = series.max() else { return }
        var offsets = [Int](repeating: 0, count: Int(largest) + 2)
        for number in series { offsets[Int(number) + 1] += 1 }
        for index in 1..<offsets.count { offsets[index] += offsets[index - 1] }
        let runs = offsets
        var order = [Int](repeating: 0, count: series.count)
        for index in series.indices {
            let number = Int(series[index])
            order[offsets[number]] = index
            offsets[number] += 1
        }
        var sorted = DaySamples()
        sorted.series.reserveCapacity(series.count)
        sorted.times.reserveCapacity(series.count)
        sorted.values.reserveCapacity(series.count)
        for number in 0..<(runs.count - 1) where runs[number] < runs[number + 1] {
            appendRun(&order, runs[number]..<runs[number + 1], to: &sorted)
        }
        self = sorted
    }

    private func appendRun(_ order: inout [Int], _ run: Range<Int>, to sorted: inout DaySamples) {
        var isAscending = true
        for position in run.dropFirst()
        where times[order[position]] <= times[order[position - 1]] {
            isAscending = false
            break
        }
        if !isAscending {
            order[run].sort { a, b in times[a] != times[b] ? times[a] < times[b] : a < b }
        }
        for position in run {
            let index = order[position]
            if !isAscending, position + 1 < run.upperBound,
                times[order[position + 1]] == times[index]
            {
                continue
            }
            sorted.append(series: series[index], time: times[index], value: values[index])
        }
    }
}
