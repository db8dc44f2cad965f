import QueryCore
import Store
import Telemetry

extension LogQLEngine {
    /// Evaluates a metric query at one instant.
    /// - Parameter time: milliseconds since the epoch.
    /// - Returns: a vector, by labels or in the order that `sort` and `topk` ask for; of numbers alone a
    ///   scalar.
    package func instant(
        _ query: String, at time: Int64, context: QueryContext = QueryContext()
    ) throws(QueryError) -> QueryResult {
        let query = try LogQLEngine.metricQuery(query)
        let evaluator = MetricEvaluator(
            store: store, steps: EvaluationSteps(at: time), context: context)
        let series = try evaluator.evaluate(query)
        if query.isScalar {
            return QueryResult(value: .scalar(time: time, value: series.first?.values[0] ?? .nan))
        }
        var elements = series.map { VectorElement(labels: $0.labels, value: $0.values[0]) }
        if let descends = query.orderDescends {
            elements = elements.enumerated().sorted { a, b in
                let (x, y) = (a.element.value, b.element.value)
                if RankReduction.precedes(x, y, largest: descends) { return true }
                return !RankReduction.precedes(y, x, largest: descends) && a.offset < b.offset
            }.map(\.element)
        }
        return QueryResult(value: .vector(time: time, elements))
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
        let evaluator = MetricEvaluator(store: store, steps: steps, context: context)
        return QueryResult(value: .matrix(steps, try evaluator.evaluate(query)))
    }

    private static func metricQuery(_ query: String) throws(QueryError) -> MetricQuery {
        guard case .metric(let metric) = try Parser.parse(query) else {
            throw .badData("a query of numbers is needed here, and this one yields log lines")
        }
        return metric
    }
}

extension MetricQuery {
    /// Whether the result of an instant query goes from large to small; `nil` if it goes by labels.
    fileprivate var orderDescends: Bool? {
        guard case .aggregation(let node) = self else { return nil }
        switch node.operator {
        case .topk, .approxTopk, .sortDescending: return true
        case .bottomk, .sort: return false
        default: return nil
        }
    }
}
