import QueryCore
import Store
import Telemetry

extension Evaluator {
    /// `start_timestamp`: since when the samples count that a selector finds, in seconds; 0 where their sender
    /// did not tell. Nothing for other vectors, whose values are no samples (Prometheus, promql/functions.go).
    mutating func startTimestamp(_ argument: Expression) throws(QueryError) -> [StepSeries] {
        guard case .vectorSelector(let selector) = argument.unwrapped else {
            _ = try vector(argument)
            return []
        }
        let samples = windows(selector.shift, range: options.lookback).sampleRange
        var starts: [Labels: SeriesStarts] = [:]
        do throws(StoreError) {
            for series in try store.startTimes(matching: selector.allMatchers, in: samples) {
                starts[series.labels] = series
            }
        } catch {
            throw QueryError(error)
        }
        var collector = SeriesCollector()
        for series in try selectTimes(selector) {
            let known = starts[series.labels]
            let values = series.values.map { time in
                guard StepValue.isPresent(time) else { return time }
                let start = known?.start(ofSampleAt: Int64((time * 1_000).rounded()))
                return Double(start ?? 0) / 1_000
            }
            try collector.add(series.labels, values, dropsName: true)
        }
        return collector.series
    }

    /// `timestamp`: of a selector the times of the samples it found, of anything else the step's time.
    mutating func timestamp(_ argument: Expression) throws(QueryError) -> [StepSeries] {
        guard case .vectorSelector(let selector) = argument.unwrapped else {
            let times = stepTimes()
            var collector = SeriesCollector()
            for series in try vector(argument) {
                let values = zip(series.values, times).map {
                    StepValue.isPresent($0) ? $1 : StepValue.absent
                }
                try collector.add(series.labels, values, dropsName: true)
            }
            return collector.series
        }
        var collector = SeriesCollector()
        for series in try selectTimes(selector) {
            try collector.add(series.labels, series.values, dropsName: true)
        }
        return collector.series
    }
}
