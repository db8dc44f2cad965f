import Store
import Telemetry

extension MemoryStore {
    /// Adds lines of one service, one second apart, the last one second before `APIServer.now`.
    func addLines(
        service: String, _ lines: [(text: String, trace: UInt64, span: UInt64)]
    ) {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute("service.name", .string(service))]))
        let scope = batch.append(Scope())
        for (index, line) in lines.enumerated() {
            let time = Timestamp(seconds: APIServer.now - Int64(lines.count - index))
            var record = LogRecord(time: time, observedTime: time, body: .string(line.text))
            record.severityText = "INFO"
            if line.trace != 0 { record.traceID = TraceID(high: 0, low: line.trace) }
            record.spanID = SpanID(line.span)
            batch.append(record, resource: resource, scope: scope)
        }
        append(logs: batch, digest: nil) { _ in }
    }

    func fillLogs() {
        addLines(
            service: "web",
            [
                ("first", 0, 0), ("traced \"one\"", 7, 1), ("traced two", 7, 2), ("last", 0, 0),
            ])
        addLines(service: "cart", [("cart line", 7, 3)])
    }
}
