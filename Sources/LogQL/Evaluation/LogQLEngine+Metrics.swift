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
        let (cells, overflow) = (steps.count + 1).multipliedReportingOverflow(by: 2)
        guard !overflow, cells <= context.limits.samplesMax else {
            throw .execution("the query has too many steps (\(steps.count))")
        }
        return try series(of: query, at: steps, context: context)
            .filter { !$0.isEmpty }
            .sorted { $0.labels.comesBefore($1.labels) }
    }

    private func series(
        of query: MetricQuery, at steps: EvaluationSteps, context: QueryContext
    ) throws(QueryError) -> [StepSeries] {
        switch query {
        case .window(let window): return try count(window, at: steps, by: nil, context: context)
        case .aggregation(let aggregation):
            let grouping = LabelGrouping(aggregation.grouping)
            // Lines are counted into their groups at once: their own label sets may be as many as they.
            if aggregation.operator == .sum, case .window(let window) = aggregation.operand {
                return try count(window, at: steps, by: grouping, context: context)
            }
            var reduction = VectorReduction(aggregation.operator, by: grouping)
            for series in try series(of: aggregation.operand, at: steps, context: context) {
                reduction.take(series)
            }
            return reduction.results
        case .vector(let value, _), .number(let value, _):
            let values = [Double](repeating: value, count: steps.count)
            return [StepSeries(labels: .empty, values: values)]
        case .arithmetic(let node):
            return try series(of: node, at: steps, context: context)
        }
    }

    private func series(
        of node: Arithmetic, at steps: EvaluationSteps, context: QueryContext
    ) throws(QueryError) -> [StepSeries] {
        var left = try series(of: node.left, at: steps, context: context)
        let right = try series(of: node.right, at: steps, context: context)
        if node.right.isScalar, let number = right.first {
            for index in left.indices { left[index].combine(number, node.operator) }
            return left
        }
        if node.left.isScalar, let number = left.first {
            return right.map { series in
                var result = StepSeries(labels: series.labels, values: number.values)
                result.combine(series, node.operator)
                return result
            }
        }
        var partners: [Labels: Int] = [:]
        for (index, series) in right.enumerated() { partners[series.labels] = index }
        return left.compactMap { series in
            guard let partner = partners[series.labels] else { return nil }
            var result = series
            result.combine(right[partner], node.operator)
            return result
        }
    }

    private func count(
        _ window: WindowQuery, at steps: EvaluationSteps, by grouping: LabelGrouping?,
        context: QueryContext
    ) throws(QueryError) -> [StepSeries] {
        var counter = WindowCounter(window, at: steps, by: grouping, context: context)
        defer { counter.release() }
        let scan = try LineScan(
            window.query, needsByteCounts: window.function.countsBytes, context: context)
        try scan.run(on: store, in: counter.range, direction: .oldestFirst, into: &counter)
        return counter.results()
    }
}

extension StepSeries {
    /// Computes with the other series where both have a value, and has none elsewhere.
    fileprivate mutating func combine(_ other: StepSeries, _ operation: Arithmetic.Operator) {
        for step in values.indices {
            let isPresent =
                StepValue.isPresent(values[step]) && StepValue.isPresent(other.values[step])
            values[step] =
                isPresent
                ? operation.apply(values[step], other.values[step]) : StepValue.absent
        }
    }
}
