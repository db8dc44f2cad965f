import QueryCore

extension Evaluator {
    /// `timestamp`: of a selector the times of the samples it found, of anything else the step's time.
    mutating func timestamp(_ argument: Expression) throws(QueryError) -> [StepSeries] {
        guard case .vectorSelector(let selector) = argument.unwrapped else {
            let times = stepTimes()
            return try mapping(argument) { _, step in times[step] }
        }
        var collector = SeriesCollector()
        for series in try selectTimes(selector) {
            try collector.add(series.labels.withoutName, series.values)
        }
        return collector.series
    }
}
