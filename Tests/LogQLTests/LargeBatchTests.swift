import LogQL
import QueryCore
import Store
import Telemetry
import Testing

/// A store of prepared batches, handed out as they are.
private struct PreparedStore: LogStore {
    let batches: [LogBatch]

    func append(
        logs batch: LogBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        completion(.failure(.closed))
    }

    func scanLogs(
        _ predicate: LogPredicate, in range: TimeRange, direction: ScanDirection,
        visit: (_ matches: LogBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        for batch in batches where !visit(batch, .distantFuture) { return }
    }

    func logStreams(
        _ predicate: LogPredicate, in range: TimeRange
    ) throws(StoreError) -> [Labels] { [] }
}

@Suite("large batches")
struct LargeBatchTests {
    private static let lineCount = 10_000

    private static func store(asFields: Bool) -> PreparedStore {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute("service.name", .string("shop"))]))
        let scope = batch.append(Scope())
        for index in 0..<lineCount {
            let time = Timestamp(nanoseconds: Int64(index))
            var record = LogRecord(time: time, observedTime: time)
            record.attributes = [
                Attribute("method", .string("GET")),
                Attribute("path", .string("/item/\(index % 1_000)")),
                Attribute("status", .int(index % 50 == 0 ? 500 : 200)),
                Attribute("bytes", .int(Int64(index % 5_000))),
                Attribute("agent", .string("Mozilla/5.0 (X11; Linux x86_64)")),
            ]
            if !asFields {
                record.body = .string(AttributeValue.map(record.attributes).text)
                record.attributes = []
            }
            batch.append(record, resource: resource, scope: scope)
        }
        return PreparedStore(batches: [batch])
    }

    @Test(
        "every line of a large batch is looked at",
        arguments: [
            ("|= \"nowhere\"", 0), ("|= \"/item/77\\\"\"", 10), ("| json | status >= 500", 200),
        ], [false, true])
    func scan(query: (stages: String, count: Int), asFields: Bool) throws {
        let engine = LogQLEngine(store: Self.store(asFields: asFields))
        let streams = try engine.streams(
            "{service_name=\"shop\"} \(query.stages)", start: .zero, end: .distantFuture,
            limit: Int.max)
        #expect(streams.reduce(0) { $0 + $1.entries.count } == query.count)
    }
}
