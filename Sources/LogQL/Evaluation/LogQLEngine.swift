import QueryCore
import Store
import Telemetry

/// Evaluates LogQL as Loki does. Blocks the calling thread while it reads and computes: call it on a
/// thread pool.
///
/// Log queries (`streams`) have all of Loki's stages, metric queries (`instant`, `range`) all of its
/// functions and operators. `variants`, which Loki had for a while behind a switch, is refused by name.
///
/// A label filter on `trace_id` or `span_id` means those of the record; `severity_text` and the attributes
/// are labels too where no other label has the name, as Loki's structured metadata. Those of a structured
/// line are its members: `| response_code="503"` and `sum by (response_code)` mean lines in JSON, in the
/// formats of proxies and of Envoy's access log service alike, with a parser or without. They are not part of a result's labels; entries carry the ids and the severity. Failures show
/// as `__error__` and, in words of our own, as `__error_details__`.
package struct LogQLEngine: Sendable {
    let store: any LogStore

    package init(store: any LogStore) { self.store = store }

    /// Parses and checks `query` without evaluating it: `.log` is for `streams`, `.metric` for
    /// `instant` and `range`.
    /// - Throws: `bad_data` with Loki's wording, `parse error at line 1, col 5: …`, or
    ///   `not supported yet: NAME`.
    package static func parse(_ query: String) throws(QueryError) -> LogQLExpression {
        try Parser.parse(query)
    }

    /// Lines that satisfy a log query, at most `limit` over all streams: the newest (or, for
    /// `oldestFirst`, the oldest) of `[start, end)`. Streams by labels.
    /// - Throws: `bad_data` for a metric query or a limit below 1; what the store throws; what `context`
    ///   throws when the query is cancelled, late or too large (a held sample stands for 64 bytes).
    package func streams(
        _ query: String, start: Timestamp, end: Timestamp, limit: Int,
        direction: ScanDirection = .newestFirst, context: QueryContext = QueryContext()
    ) throws(QueryError) -> [LogStreamResult] {
        guard case .log(let logQuery) = try Parser.parse(query) else {
            throw .badData("a query of log lines is needed here, and this one yields numbers")
        }
        return try streams(
            logQuery, start: start, end: end, limit: limit, direction: direction,
            context: context)
    }

    /// As above, for a query that `parse` returned.
    /// - Parameter interval: nanoseconds that lines must be apart at least; 0 takes all.
    package func streams(
        _ query: LogQuery, start: Timestamp, end: Timestamp, limit: Int,
        direction: ScanDirection = .newestFirst, interval: Int64 = 0,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [LogStreamResult] {
        guard limit > 0 else { throw .badData("limit must be a positive value") }
        var collector = LineCollector(
            limit: limit, interval: interval, direction: direction, context: context)
        defer { collector.release() }
        try LineScan(query, context: context).run(
            on: store, in: TimeRange(start: start, end: end), direction: direction,
            by: FieldPlan(query, labels: [], allowsLineFilters: true), into: &collector)
        return collector.results()
    }

    /// The label sets of streams with lines in `[start, end)` that satisfy one of `selectors`
    /// (`{app="a"}`, as in `match[]`), or of all streams if there are none. Each once, in order.
    package func series(
        matching selectors: [String], start: Timestamp, end: Timestamp,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [Labels] {
        let conditions = try selectors.map { text throws(QueryError) in
            try StreamCondition(try Parser.selector(text))
        }
        try context.check()
        var predicate = LogPredicate()
        if !conditions.isEmpty {
            predicate.stream = { labels in conditions.contains { $0.accepts(labels) } }
        }
        do throws(StoreError) {
            return try store.logStreams(predicate, in: TimeRange(start: start, end: end))
                .sorted { $0.comesBefore($1) }
        } catch {
            throw QueryError(error)
        }
    }

    /// The names of the labels of those streams, sorted.
    package func labelNames(
        matching selectors: [String] = [], start: Timestamp, end: Timestamp,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [String] {
        var names: Set<String> = []
        for labels in try series(matching: selectors, start: start, end: end, context: context) {
            for pair in labels.pairs { names.insert(pair.name) }
        }
        return names.sorted()
    }

    /// The values that the label `name` has in those streams, sorted.
    package func labelValues(
        of name: String, matching selectors: [String] = [], start: Timestamp, end: Timestamp,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [String] {
        var values: Set<String> = []
        for labels in try series(matching: selectors, start: start, end: end, context: context) {
            if let value = labels[name] { values.insert(value) }
        }
        return values.sorted()
    }
}
