import LogQL
import Platform
import PromQL
import QueryCore
import Store
import Telemetry
import TraceQL

extension RuleEnvironment {
    /// What a rule's expression yields; a number becomes an element without labels.
    /// - Parameter time: milliseconds since the epoch.
    func result(of query: RuleQuery, at time: Int64) throws(QueryError) -> [VectorElement] {
        switch query.source {
        case .promQL(let expression): return try result(of: expression, at: time)
        case .logQL: return try lines(query.text, at: time)
        case .traceQL(let range): return try spans(query.text, at: time, range: range)
        case .burnRate(let condition):
            return try condition.result(
                at: time, without: excludedTimes(condition.objective), store: store,
                options: settings.query, context: context)
        }
    }

    /// What a query of our own yields.
    func result(of query: String, at time: Int64) throws(QueryError) -> [VectorElement] {
        let engine = PromQLEngine(store: store, options: settings.query)
        return try Self.elements(try engine.instant(query, at: time, context: context).value)
    }

    func result(of expression: Expression, at time: Int64) throws(QueryError) -> [VectorElement] {
        let engine = PromQLEngine(store: store, options: settings.query)
        return try Self.elements(
            try engine.instant(expression, at: time, context: context).value)
    }

    private var context: QueryContext {
        let clock = clock
        return QueryContext(limits: settings.limits, now: { clock.monotonicNanoseconds })
    }

    private func lines(_ text: String, at time: Int64) throws(QueryError) -> [VectorElement] {
        guard let logs else { throw .execution("there are no logs to evaluate rules over") }
        let result = try LogQLEngine(store: logs).instant(text, at: time, context: context)
        return try Self.elements(result.value)
    }

    /// One value a series, over the whole range.
    private func spans(
        _ text: String, at time: Int64, range: Int64
    ) throws(QueryError) -> [VectorElement] {
        guard let spans else { throw .execution("there are no traces to evaluate rules over") }
        return try Self.elements(
            ofSpans: text, in: spans, at: time, range: range, context: context)
    }

    /// One value a series, over the `range` milliseconds before `time`.
    static func elements(
        ofSpans text: String, in store: any SpanStore, at time: Int64, range: Int64,
        context: QueryContext
    ) throws(QueryError) -> [VectorElement] {
        let windows = try MetricWindows(
            start: Timestamp(milliseconds: time &- range), end: Timestamp(milliseconds: time))
        let result = try TraceQLEngine(store: store).metrics(
            text, windows: windows, context: context)
        return result.series.compactMap { series in
            guard let value = series.values.last, !value.isNaN else { return nil }
            let pairs = series.labels.map {
                (name: LogStream.labelName($0.key), value: $0.value.text)
            }
            return VectorElement(labels: Labels(pairs), value: value)
        }
    }

    private static func elements(_ value: QueryValue) throws(QueryError) -> [VectorElement] {
        switch value {
        case .vector(_, let elements): return elements
        case .scalar(_, let value): return [VectorElement(labels: .empty, value: value)]
        case .string, .matrix, .samples:
            throw .execution("rule result is not a vector or scalar")
        }
    }
}
