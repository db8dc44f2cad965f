import QueryCore
import Store
import Telemetry
import TraceQL

/// A store filled span by span, and queries on it. Times are milliseconds.
struct TestSpans {
    let store = MemoryStore { _, _ in false }

    /// Appends one span as a batch of its own.
    func add(
        trace: UInt64 = 1, _ id: UInt64, parent: UInt64 = 0, _ name: String = "span",
        service: String? = "shop", at start: Int64 = 0, lasting duration: Int64 = 10,
        resource: [Attribute] = [], scope: Scope = Scope(), _ attributes: [Attribute] = [],
        change: (inout SpanRecord) -> Void = { _ in }
    ) {
        var batch = SpanBatch()
        let own = service.map { [Attribute("service.name", .string($0))] } ?? []
        let resourceIndex = batch.append(Resource(attributes: own + resource))
        let scopeIndex = batch.append(scope)
        var span = SpanRecord(
            traceID: TraceID(high: 0, low: trace), spanID: SpanID(id), name: name,
            start: Timestamp(milliseconds: start), duration: duration * 1_000_000)
        span.parentID = SpanID(parent)
        span.attributes = attributes
        change(&span)
        batch.append(span, resource: resourceIndex, scope: scopeIndex)
        store.append(spans: batch, digest: nil) { _ in }
    }

    var engine: TraceQLEngine { TraceQLEngine(store: store) }

    /// The ids of the spans that the query yields, by set: `1: 2 3` is trace 1 with spans 2 and 3. Traces
    /// in the order of the result.
    func sets(
        _ query: String, in range: TimeRange = .all, limit: Int = 1_000
    ) throws -> [String] {
        let search = TraceQLSearch(query: query, range: range, limit: limit, spansPerSet: 1_000)
        return try engine.search(search).traces.flatMap { trace in
            trace.sets.map { set in
                let ids = set.spans.map { String($0.id.value) }
                return "\(trace.id.low): \(ids.joined(separator: " "))"
            }
        }
    }

    /// The ids of the spans of the only set that the query yields of the only trace; empty if none.
    func ids(_ query: String) throws -> [UInt64] {
        let search = TraceQLSearch(query: query, limit: 1_000, spansPerSet: 1_000)
        return try engine.search(search).traces.flatMap { trace in
            trace.sets.flatMap { $0.spans.map(\.id.value) }
        }.sorted()
    }

    /// `name=value …: v v v` for each series, in the order of the result; `-` where there is no value.
    func series(
        _ query: String, from start: Int64, to end: Int64, step: Int64
    ) throws -> [String] {
        let windows = try MetricWindows(
            start: Timestamp(milliseconds: start), end: Timestamp(milliseconds: end),
            step: step * 1_000_000, countMax: 1_000)
        return try engine.metrics(query, windows: windows).series.map(Self.text)
    }

    static func text(_ series: MetricSeries) -> String {
        let labels = series.labels.map { "\($0.key)=\($0.value.text)" }.joined(separator: " ")
        let values = series.values.map { $0.isNaN ? "-" : AttributeValue.double($0).text }
        return "\(labels): \(values.joined(separator: " "))"
    }
}

/// The error that `body` throws.
func failure(_ body: () throws -> Void) -> QueryError? {
    do {
        try body()
        return nil
    } catch {
        return error as? QueryError
    }
}
