import LogQL
import QueryCore
import Store
import Telemetry
import Testing

/// A store filled line by line, and queries on it.
struct TestLogs {
    let store = MemoryStore { _, _ in false }

    /// Appends one record as a batch of its own.
    func add(
        _ resource: KeyValuePairs<String, String> = ["service.name": "shop"], at time: Int64,
        _ body: AttributeValue, attributes: [Attribute] = [], trace: TraceID = .invalid,
        span: SpanID = .invalid, severity: (text: String, number: UInt8) = ("", 0),
        flags: UInt32 = 0
    ) {
        var batch = LogBatch()
        let index = batch.append(
            Resource(attributes: resource.map { Attribute($0.key, .string($0.value)) }))
        let scope = batch.append(Scope())
        var record = LogRecord(
            time: Timestamp(nanoseconds: time), observedTime: Timestamp(nanoseconds: time),
            body: body)
        record.attributes = attributes
        record.traceID = trace
        record.spanID = span
        record.flags = flags
        (record.severityText, record.severityNumber) = severity
        batch.append(record, resource: index, scope: scope)
        store.append(logs: batch, digest: nil) { _ in }
    }

    /// `{labels} time line` for each entry, in the order of the result.
    func lines(
        _ query: String, from start: Int64 = 0, to end: Int64 = 1_000_000, limit: Int = 1_000,
        _ direction: ScanDirection = .newestFirst
    ) throws -> [String] {
        let streams = try LogQLEngine(store: store).streams(
            query, start: Timestamp(nanoseconds: start), end: Timestamp(nanoseconds: end),
            limit: limit, direction: direction)
        return streams.flatMap { stream in
            stream.entries.map { entry in
                let line = String(decoding: entry.line, as: UTF8.self)
                return "\(stream.labels) \(entry.time.nanoseconds) \(line)"
            }
        }
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
