/// The instants at which a query is evaluated: milliseconds since the epoch, evenly spaced.
package struct EvaluationSteps: Hashable, Sendable {
    package let start: Int64
    /// Milliseconds, at least 1.
    package let step: Int64
    /// At least 1.
    package let count: Int

    package init(start: Int64, step: Int64, count: Int) {
        precondition(step > 0 && count > 0, "BUG: steps without extent")
        self.start = start
        self.step = step
        self.count = count
    }

    /// A single instant.
    package init(at time: Int64) { self.init(start: time, step: 1, count: 1) }

    /// Every `step` milliseconds from `start` to at most `end`.
    /// - Throws: `bad_data` for an empty range, a step below 1 ms or more than `countMax` steps; the
    ///   wording is Prometheus's.
    package init(start: Int64, end: Int64, step: Int64, countMax: Int) throws(QueryError) {
        guard end >= start else {
            throw .badData("end timestamp must not be before start time")
        }
        guard step > 0 else {
            throw .badData(
                "zero or negative query resolution step widths are not accepted. "
                    + "Try a positive integer")
        }
        let (span, overflow) = end.subtractingReportingOverflow(start)
        guard !overflow, span / step <= Int64(countMax) else {
            throw .badData(
                "exceeded maximum resolution of \(EvaluationSteps.grouped(countMax)) points per "
                    + "timeseries. Try decreasing the query resolution (?step=XX)")
        }
        self.init(start: start, step: step, count: Int(span / step) + 1)
    }

    @inlinable package func time(_ index: Int) -> Int64 { start &+ Int64(index) &* step }
    package var end: Int64 { time(count - 1) }

    private static func grouped(_ number: Int) -> String {
        var digits = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0 { digits.append(",") }
            digits.append(digit)
        }
        return String(digits.reversed())
    }
}
