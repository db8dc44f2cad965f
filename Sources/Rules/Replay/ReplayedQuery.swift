import LogQL
import PromQL
import QueryCore
import Store
import Telemetry

/// Evaluates a rule's expression at many times, in the language that it is written in.
struct ReplayedQuery {
    let query: RuleQuery
    let store: ReplayStore
    let sources: ReplaySources
    let options: PromQLOptions
    let context: QueryContext

    /// Times that are evaluated at once: bounds what an expression holds in between.
    var stepsMax: Int64 {
        switch query.source {
        case .promQL, .logQL, .traceQL: 10_000
        // Each series has two numbers a window and time.
        case .burnRate: 2_000
        }
    }

    /// One value a time, `start`, `start + step` … `end` in milliseconds since the epoch.
    func series(
        start: Int64, end: Int64, step: Int64
    ) throws(QueryError) -> (count: Int, series: [StepSeries]) {
        let value: QueryValue
        switch query.source {
        case .promQL(let expression):
            let engine = PromQLEngine(store: store, options: options)
            value = try engine.range(
                expression, start: start, end: end, step: step, context: context
            ).value
        case .logQL:
            guard let logs = sources.logs else {
                throw .execution("there are no logs to replay rules over")
            }
            value = try LogQLEngine(store: logs).range(
                query.text, start: start, end: end, step: step, context: context
            ).value
        case .traceQL(let range):
            return try spans(range, start, end, step)
        case .burnRate(let condition):
            let engine = PromQLEngine(
                store: store, options: condition.counter.counting(options))
            let replay = BurnReplay(
                condition, engine, start: start, end: end, step: step, context: context)
            return (Int((end &- start) / step) + 1, try replay.series())
        }
        guard case .matrix(let steps, let series) = value else {
            throw .execution("rule result is not a vector or scalar")
        }
        return (steps.count, series)
    }

    /// Time by time: each looks at the spans of its own range.
    private func spans(
        _ range: Int64, _ start: Int64, _ end: Int64, _ step: Int64
    ) throws(QueryError) -> (count: Int, series: [StepSeries]) {
        guard let spans = sources.spans else {
            throw .execution("there are no traces to replay rules over")
        }
        let count = Int((end &- start) / step) + 1
        var values: [Labels: [Double]] = [:]
        for index in 0..<count {
            try context.check()
            let elements = try RuleEnvironment.elements(
                ofSpans: query.text, in: spans, at: start &+ Int64(index) &* step, range: range,
                context: context)
            for element in elements {
                values[
                    element.labels,
                    default: [Double](repeating: StepValue.absent, count: count)][index] =
                    element.value
            }
        }
        let series = values.sorted { $0.key.comesBefore($1.key) }.map {
            StepSeries(labels: $0.key, values: $0.value)
        }
        return (count, series)
    }
}

/// What rules in other languages than PromQL are replayed over.
package struct ReplaySources: Sendable {
    package var logs: (any LogStore)?
    package var spans: (any SpanStore)?

    package init(logs: (any LogStore)? = nil, spans: (any SpanStore)? = nil) {
        self.logs = logs
        self.spans = spans
    }
}
