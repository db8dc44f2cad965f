import Store
import Telemetry

/// Builds spans with few words. Times are seconds before `APIServer.now`.
struct SpanBuilder {
    var batch = SpanBatch()

    mutating func resource(
        _ service: String, _ attributes: [Attribute] = []
    ) -> UInt32 {
        batch.append(
            Resource(attributes: [Attribute("service.name", .string(service))] + attributes))
    }

    mutating func add(
        trace: UInt64, span: UInt64, parent: UInt64 = 0, _ name: String, resource: UInt32,
        ago: Double, milliseconds: Int64 = 10, _ change: (inout SpanRecord) -> Void = { _ in }
    ) {
        let start = Timestamp(seconds: APIServer.now).advanced(byNanoseconds: -Int64(ago * 1e9))
        var record = SpanRecord(
            traceID: TraceID(high: 0xA, low: trace), spanID: SpanID(span), name: name, start: start,
            duration: milliseconds * 1_000_000)
        record.parentID = SpanID(parent)
        change(&record)
        if batch.shared.scopes.isEmpty { _ = batch.append(Scope()) }
        batch.append(record, resource: resource, scope: 0)
    }
}

extension MemoryStore {
    func add(_ batch: SpanBatch) { append(spans: batch, digest: nil) { _ in } }

    func addSpans(_ build: (inout SpanBuilder) -> Void) {
        var builder = SpanBuilder()
        build(&builder)
        add(builder.batch)
    }

    /// A shop: trace 1 has a front end that calls a cart which fails, in two batches; traces 2 to 5 are
    /// alone, one a minute.
    func fillShop() {
        addSpans { spans in
            let web = spans.resource("web", [Attribute("host.name", .string("h1"))])
            spans.add(trace: 1, span: 1, "GET /", resource: web, ago: 30, milliseconds: 100) {
                $0.kind = .server
            }
            spans.add(trace: 1, span: 2, parent: 1, "call", resource: web, ago: 29.99) {
                $0.kind = .client
            }
        }
        addSpans { spans in
            let cart = spans.resource("cart")
            spans.add(
                trace: 1, span: 3, parent: 2, "add", resource: cart, ago: 29.98, milliseconds: 40
            ) {
                $0.kind = .server
                $0.status = .error
                $0.statusMessage = "no stock"
                $0.attributes = [Attribute("http.status_code", .int(503))]
            }
        }
        addSpans { spans in
            let batch = spans.resource("batch")
            for index in UInt64(2)...5 {
                spans.add(
                    trace: index, span: 1, "job", resource: batch, ago: Double(index) * 60,
                    milliseconds: Int64(index))
            }
        }
    }
}
