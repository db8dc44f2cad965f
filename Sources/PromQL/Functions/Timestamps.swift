import QueryCore

extension Evaluator {
    /// `start_timestamp`: nothing, as in Prometheus where start timestamps are not kept; with a warning.
    mutating func startTimestamp(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        _ = try vector(node.arguments[0])
        notes.warn("start timestamps of samples are not kept, so there are none", at: node.range)
        return []
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
                try collector.add(series.labels.withoutName, values)
            }
            return collector.series
        }
        var collector = SeriesCollector()
        for series in try selectTimes(selector) {
            try collector.add(series.labels.withoutName, series.values)
        }
        return collector.series
    }
}
