import QueryCore
import Store
import Telemetry

extension LogQLEngine {
    /// Evaluates a metric query at one instant.
    /// - Parameter time: milliseconds since the epoch.
    /// - Returns: a vector, by labels.
    package func instant(
        _ query: String, at time: Int64, context: QueryContext = QueryContext()
    ) throws(QueryError) -> QueryResult {
        let query = try LogQLEngine.metricQuery(query)
        let series = try evaluate(query, at: EvaluationSteps(at: time), context: context)
        return QueryResult(
            value: .vector(
                time: time,
                series.map { VectorElement(labels: $0.labels, value: $0.values[0]) }))
    }

    /// Evaluates a metric query at every `step` milliseconds from `start` to at most `end`.
    /// - Returns: a matrix, by labels.
    package func range(
        _ query: String, start: Int64, end: Int64, step: Int64,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> QueryResult {
        let query = try LogQLEngine.metricQuery(query)
        let steps = try EvaluationSteps(
            start: start, end: end, step: step, countMax: context.limits.stepsMax)
        return QueryResult(
            value: .matrix(steps, try evaluate(query, at: steps, context: context)))
    }

    private static func metricQuery(_ query: String) throws(QueryError) -> MetricQuery {
        guard case .metric(let metric) = try Parser.parse(query) else {
            throw .badData("a query of numbers is needed here, and this one yields log lines")
        }
        return metric
    }

    private func evaluate(
        _ query: MetricQuery, at steps: EvaluationSteps, context: QueryContext
    ) throws(QueryError) -> [StepSeries] {
        throw .notSupported("metric queries", at: query.range, in: "")
    }
}
