import Telemetry

/// The start last told of each series, so that one is stored once a day and not with every sample.
///
/// Only series whose sender tells starts are here, about 50 bytes each.
struct SeriesStartMarks: Sendable {
    private struct Mark {
        /// Milliseconds.
        var start: Int64
        var day: UTCDay
        /// Milliseconds: samples of the day from here on are known to count from `start`.
        var since: Int64
    }

    private var marks: [UInt32: Mark] = [:]

    /// Those of `starts` that are not known yet.
    /// - Parameter numbers: of the batch's series.
    func new(_ starts: [SeriesStart], _ numbers: [UInt32]) -> [SeriesStart] {
        if starts.isEmpty { return [] }
        var seen = self
        return starts.filter { seen.take($0, numbers[Int($0.series)]) }
    }

    /// Notes what a journalled batch holds.
    mutating func keep(_ starts: DaySamples) {
        for (index, number) in starts.series.enumerated() {
            let start = SeriesStart(
                series: number, time: Int64(starts.values[index]),
                firstSampleTime: starts.times[index])
            _ = take(start, number)
        }
    }

    /// - Returns: whether it says something new.
    private mutating func take(_ start: SeriesStart, _ number: UInt32) -> Bool {
        let day = UTCDay(containingMilliseconds: start.firstSampleTime)
        if let mark = marks[number], mark.start == start.time, mark.day == day,
            mark.since <= start.firstSampleTime
        {
            return false
        }
        marks[number] = Mark(start: start.time, day: day, since: start.firstSampleTime)
        return true
    }
}

extension DaySamples {
    /// Starts as samples: at the time of the first sample of each the start, in milliseconds.
    init(_ starts: [SeriesStart], _ numbers: [UInt32]) {
        for start in starts {
            append(
                series: numbers[Int(start.series)], time: start.firstSampleTime,
                value: Double(start.time))
        }
    }

    /// The starts of `batches` by day, each day by (series, time).
    static func starts(_ batches: [HeadSamples]) -> [UTCDay: DaySamples] {
        var days: [UTCDay: DaySamples] = [:]
        for starts in batches.lazy.map(\.starts) where !starts.series.isEmpty {
            for index in starts.series.indices {
                let day = UTCDay(containingMilliseconds: starts.times[index])
                days[day, default: DaySamples()].append(
                    series: starts.series[index], time: starts.times[index],
                    value: starts.values[index])
            }
        }
        for day in days.keys { days[day]?.sort() }
        return days
    }
}
