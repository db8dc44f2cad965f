import QueryCore
import Store
import Telemetry

extension LogQLEngine {
    /// How many lines of a log query there are in each step from `start` on, by the values of a label.
    /// - Parameters:
    ///   - field: a label of the lines; `nil` counts all together.
    ///   - step: milliseconds; a step holds the lines from its beginning up to the next.
    /// - Returns: a matrix at the beginnings of the steps.
    package func hits(
        _ query: LogQuery, by field: String?, start: Int64, end: Int64, step: Int64,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> (steps: EvaluationSteps, series: [StepSeries]) {
        let steps = try EvaluationSteps(
            start: start, end: max(start, end - 1), step: step, countMax: context.limits.stepsMax)
        // Windows end with their step and hold their last instant: one nanosecond earlier they are steps.
        let ends = EvaluationSteps(start: start &+ step, step: step, count: steps.count)
        let (interval, overflow) = step.multipliedReportingOverflow(by: 1_000_000)
        let window = WindowQuery(
            function: .countOverTime, query: query, interval: overflow ? .max : interval, offset: 1,
            range: query.range)
        let counted = VectorAggregation(
            operator: .sum, grouping: .by(field.map { [$0] } ?? []), operand: .window(window),
            range: query.range)
        let evaluator = MetricEvaluator(store: store, steps: ends, context: context)
        return (steps, try evaluator.evaluate(.aggregation(counted)))
    }

    /// The most frequent values of a label in the lines of `[start, end)` (milliseconds), and how many
    /// lines there are in all.
    package func topValues(
        of field: String, _ query: LogQuery, start: Int64, end: Int64, limit: Int,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> (values: [(value: String, count: Int)], total: Int) {
        guard start < end else { return ([], 0) }
        let found = try hits(
            query, by: field, start: start, end: end, step: end - start, context: context)
        let counts = found.series.map { series in
            (value: series.labels[field] ?? "", count: Int(series.values[0]))
        }
        let sorted = counts.sorted {
            $0.count == $1.count ? $0.value < $1.value : $0.count > $1.count
        }
        return (Array(sorted.prefix(limit)), counts.reduce(0) { $0 + $1.count })
    }
}
