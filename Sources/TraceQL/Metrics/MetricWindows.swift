import QueryCore
import Telemetry

/// The intervals that spans are counted in. Each is open on the left and closed on the right, `(T - step,
/// T]`, and its value stands at `T`.
package struct MetricWindows: Hashable, Sendable {
    /// Where the first interval ends.
    package let first: Timestamp
    /// Nanoseconds, above zero.
    package let step: Int64
    /// Above zero.
    package let count: Int

    /// Every multiple of `step` around `start ... end`, as Tempo aligns ranges: from the one at or before
    /// the start to the one at or after the end.
    /// - Throws: `bad_data` for an empty range, a step that is not positive or more than `countMax`
    ///   intervals.
    package init(
        start: Timestamp, end: Timestamp, step: Int64, countMax: Int
    ) throws(QueryError) {
        guard step > 0 else { throw .badData("step must be greater than 0") }
        guard start < end else { throw .badData("end must be greater than start") }
        let low = Self.floor(start.nanoseconds, step)
        let high = Self.floor(end.nanoseconds, step)
        let isExact = high == end.nanoseconds
        let (span, overflow) = high.subtractingReportingOverflow(low)
        let steps = span / step + (isExact ? 0 : 1)
        guard !overflow, steps < Int64(countMax) else {
            throw .badData(
                "the range has more than \(countMax) steps; choose a longer step or a shorter range"
            )
        }
        first = Timestamp(nanoseconds: low)
        self.step = step
        count = Int(steps) + 1
    }

    /// One interval, for a value over the whole range.
    package init(start: Timestamp, end: Timestamp) throws(QueryError) {
        guard start < end else { throw .badData("end must be greater than start") }
        let length = end.nanoseconds(since: start)
        guard length < .max else { throw .badData("the range is too long") }
        first = end
        step = length
        count = 1
    }

    package func time(_ index: Int) -> Timestamp {
        first.advanced(byNanoseconds: Int64(index) &* step)
    }

    /// Starts of spans that are counted.
    package var range: TimeRange {
        TimeRange(
            start: first.advanced(byNanoseconds: -step).advanced(byNanoseconds: 1),
            end: time(count - 1).advanced(byNanoseconds: 1))
    }

    /// The interval that holds `time`, which must be in `range`.
    @inline(__always)
    func index(_ time: Timestamp) -> Int {
        // Both are within `range`, so their difference is.
        Int((time.nanoseconds &- first.nanoseconds &+ step &- 1) / step)
    }

    /// Finds the intervals of times that mostly lie close together.
    struct Search {
        private let windows: MetricWindows
        private var known = 0
        private var low: Int64 = 1
        private var high: Int64 = 0

        init(_ windows: MetricWindows) { self.windows = windows }

        @inline(__always)
        mutating func index(_ time: Timestamp) -> Int {
            if time.nanoseconds > low, time.nanoseconds <= high { return known }
            known = windows.index(time)
            high = windows.first.nanoseconds &+ Int64(known) &* windows.step
            low = high &- windows.step
            return known
        }
    }

    private static func floor(_ value: Int64, _ step: Int64) -> Int64 {
        let rest = value % step
        return rest < 0 ? value &- rest &- step : value &- rest
    }
}
