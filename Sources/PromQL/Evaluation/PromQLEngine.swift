import Foundation
import QueryCore
import Store
import Telemetry

/// What an engine takes for granted where a query says nothing.
package struct PromQLOptions: Sendable, Hashable {
    package var features = Set(PromQLFeature.allCases)
    /// How far back an instant selector looks for the latest sample, in milliseconds.
    package var lookback: Int64 = 300_000
    /// Step of subqueries that name none, in milliseconds: Prometheus's default evaluation interval.
    package var subqueryStep: Int64 = 60_000
    /// Threads that one query may use for decoding and windows: all cores, but on large machines no
    /// more than leave room for other queries.
    package var concurrency = min(8, ProcessInfo.processInfo.activeProcessorCount)
    /// With names of metrics `rate` and `increase` count what a counter holds when it appears, as Prometheus
    /// does not, where these or `up` show that its target was observed before (`CounterBirths`).
    package var witnesses: Set<String>?

    package init() {}
}

/// Evaluates PromQL as Prometheus 3 does. Blocks the calling thread while it reads and computes: call
/// it on a thread pool.
package struct PromQLEngine: Sendable {
    private let store: any MetricStore
    private let options: PromQLOptions

    package init(store: any MetricStore, options: PromQLOptions = PromQLOptions()) {
        self.store = store
        self.options = options
    }

    /// Parses and checks `query` without evaluating it.
    package static func parse(_ query: String) throws(QueryError) -> Expression {
        try Parser.parse(query)
    }

    /// As `parse`, and refuses what can be parsed but not evaluated.
    package static func parseForEvaluation(_ query: String) throws(QueryError) -> Expression {
        let expression = try Parser.parse(query)
        try Validator(source: query).check(expression)
        return expression
    }

    /// Evaluates at one instant.
    /// - Parameter time: milliseconds since the epoch.
    package func instant(
        _ query: String, at time: Int64, context: QueryContext = QueryContext()
    ) throws(QueryError) -> QueryResult {
        try instant(try Parser.parse(query), of: query, at: time, context: context)
    }

    /// Evaluates an expression that `parse` returned.
    /// - Parameter tally: receives how many samples were looked at.
    package func instant(
        _ expression: Expression, of source: String = "", at time: Int64,
        context: QueryContext = QueryContext(), tally: SampleTally? = nil
    ) throws(QueryError) -> QueryResult {
        try Validator(source: source, features: options.features).check(expression)
        tally?.begin(1)
        let notes = QueryNotes(source: source)
        var evaluator = Evaluator(
            store: store, context: context, notes: notes, options: options,
            queryStart: time, queryEnd: time, queryStep: 0, steps: EvaluationSteps(at: time),
            tally: tally)
        let resolved = try expression.resolvingDurations(
            ComputedDuration.Query(step: 0, range: 0))
        let value = try evaluator.instantValue(of: resolved, at: time)
        return QueryResult(value: value, warnings: notes.warnings, infos: notes.infos)
    }

    /// Evaluates at every `step` milliseconds from `start` to at most `end`.
    package func range(
        _ query: String, start: Int64, end: Int64, step: Int64,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> QueryResult {
        try range(
            try Parser.parse(query), of: query, start: start, end: end, step: step,
            context: context)
    }

    /// Evaluates an expression that `parse` returned.
    package func range(
        _ expression: Expression, of source: String = "", start: Int64, end: Int64, step: Int64,
        context: QueryContext = QueryContext(), tally: SampleTally? = nil
    ) throws(QueryError) -> QueryResult {
        try Validator(source: source, features: options.features).check(expression)
        guard expression.type == .scalar || expression.type == .instantVector else {
            throw .badData(
                "invalid expression type \"\(expression.type)\" for range query, "
                    + "must be Scalar or instant Vector")
        }
        let steps = try EvaluationSteps(
            start: start, end: end, step: step, countMax: context.limits.stepsMax)
        let notes = QueryNotes(source: source)
        var evaluator = Evaluator(
            store: store, context: context, notes: notes, options: options,
            queryStart: start, queryEnd: end, queryStep: step, steps: steps, tally: tally)
        tally?.begin(steps.count)
        let series: [StepSeries]
        let resolved = try expression.resolvingDurations(
            ComputedDuration.Query(step: step, range: end &- start))
        switch try evaluator.evaluate(resolved) {
        case .scalar(let scalar):
            series = [StepSeries(labels: .empty, values: scalar.expanded(steps.count))]
        case .vector(let vector):
            series = try vector.withoutDroppedNames().sorted { $0.labels.comesBefore($1.labels) }
        case .string: series = []
        }
        return QueryResult(
            value: .matrix(steps, series), warnings: notes.warnings, infos: notes.infos)
    }
}

extension Evaluator {
    /// Evaluates at the single instant of this evaluator.
    mutating func instantValue(of expression: Expression, at time: Int64) throws(QueryError)
        -> QueryValue
    {
        if expression.type == .rangeVector { return .samples(try samples(of: expression)) }
        switch try evaluate(expression) {
        case .scalar(let scalar): return .scalar(time: time, value: scalar[0])
        case .string(let string): return .string(time: time, value: string)
        case .vector(let found):
            var series = try found.withoutDroppedNames()
            if !expression.ordersItsResult {
                series.sort { $0.labels.comesBefore($1.labels) }
            }
            return .vector(
                time: time,
                series.map {
                    VectorElement(
                        labels: $0.labels, value: $0.values[0], histogram: $0.histogram(0))
                })
        }
    }
}

extension Expression {
    /// Whether the order of an instant result means something.
    fileprivate var ordersItsResult: Bool {
        switch unwrapped {
        case .call(let node):
            [.sort, .sortDesc, .sortByLabel, .sortByLabelDesc].contains(node.function)
        case .aggregation(let node): node.operator == .topk || node.operator == .bottomk
        default: false
        }
    }
}
