/// Since when a cumulative series counts, from one of its samples on: Prometheus's start (or created)
/// timestamp. Named once for each new start of a series; samples without one go on with that before.
package struct SeriesStart: Hashable, Sendable {
    package var series: UInt32
    /// Milliseconds.
    package var time: Int64
    /// Milliseconds of the first sample that names this start.
    package var firstSampleTime: Int64
    /// The schema of a native histogram; `nil` for floats. Not stored.
    package var histogramSchema: Int32?

    package init(
        series: UInt32, time: Int64, firstSampleTime: Int64, histogramSchema: Int32? = nil
    ) {
        self.series = series
        self.time = time
        self.firstSampleTime = firstSampleTime
        self.histogramSchema = histogramSchema
    }
}

extension MetricBatch {
    /// The starts of series that go by other numbers in another batch.
    /// - Parameter number: `nil` for series that are not there.
    package func starts(numberedBy number: (UInt32) -> UInt32?) -> [SeriesStart] {
        starts.compactMap { start in
            guard let series = number(start.series) else { return nil }
            var copy = start
            copy.series = series
            return copy
        }
    }
}
