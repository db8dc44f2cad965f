import Telemetry
import Testing

@Suite struct BatchMergerTests {
    private func batch(service: String, spans: Int) -> SpanBatch {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string(service))]))
        let scope = batch.append(Scope(name: "test", version: "1"))
        for index in 0..<spans {
            var span = SpanRecord(
                traceID: TraceID(high: 1, low: UInt64(index + 1)),
                spanID: SpanID(UInt64(index + 1)), name: "operation \(index % 3)",
                start: Timestamp(nanoseconds: Int64(index)), duration: Int64(index))
            span.kind = .server
            span.attributes = [
                Attribute("index", .int(Int64(index))),
                Attribute("label", .string("v\(index % 2)")),
                Attribute("nested", .map([Attribute("a", .array([.bool(true), .double(0.5)]))])),
            ]
            span.events = [
                SpanEvent(
                    time: Timestamp(nanoseconds: 7), name: "event",
                    attributes: [Attribute("e", .bytes([1, 2]))])
            ]
            span.links = [
                SpanLink(traceID: span.traceID, spanID: span.spanID, traceState: "a=b")
            ]
            batch.append(span, resource: resource, scope: scope)
        }
        return batch
    }

    @Test("rows of several batches keep all they hold, in the order they were asked for")
    func rowsSurvive() {
        let first = batch(service: "one", spans: 5)
        let second = batch(service: "two", spans: 4)
        var merger = SpanBatchMerger()
        let a = merger.add(first)
        let b = merger.add(second)
        let order = [(b, 3), (a, 0), (a, 4), (b, 0), (a, 2)]
        for (source, row) in order { merger.append(row: row, of: source) }
        let merged = merger.take()
        #expect(merged.count == order.count)
        for (index, (source, row)) in order.enumerated() {
            let origin = source == a ? first : second
            #expect(merged.span(at: index) == origin.span(at: row))
            #expect(
                merged.resource(at: merged.resourceIndices[index])
                    == origin.resource(at: origin.resourceIndices[row]))
            #expect(
                merged.scope(at: merged.scopeIndices[index])
                    == origin.scope(at: origin.scopeIndices[row]))
        }
    }

    @Test("equal resources and scopes of different batches become one")
    func sharedEntriesAreMerged() {
        var merger = SpanBatchMerger()
        for _ in 0..<3 {
            let source = merger.add(batch(service: "same", spans: 2))
            merger.append(row: 0, of: source)
            merger.append(row: 1, of: source)
        }
        let merged = merger.take()
        #expect(merged.shared.resources.count == 1)
        #expect(merged.shared.scopes.count == 1)
        #expect(merged.shared.attributes.count == 1)
    }

    @Test("a merger that was emptied starts over with the same sources")
    func mergerIsReusable() {
        var merger = SpanBatchMerger()
        let origin = batch(service: "s", spans: 3)
        let source = merger.add(origin)
        merger.append(row: 1, of: source)
        _ = merger.take()
        merger.append(row: 2, of: source)
        let again = merger.take()
        #expect(again.count == 1)
        #expect(again.span(at: 0) == origin.span(at: 2))
        #expect(again.resource(at: 0).serviceName == "s")
    }

    @Test("log rows keep body, attributes and identity")
    func logRows() {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string("web"))]))
        let scope = batch.append(Scope())
        for index in 0..<4 {
            var record = LogRecord(
                time: Timestamp(nanoseconds: Int64(index)), observedTime: .zero,
                body: index % 2 == 0 ? .string("line \(index)") : .map([Attribute("k", .int(1))]))
            record.traceID = TraceID(high: 0, low: UInt64(index))
            record.attributes = [Attribute("code", .int(200))]
            batch.append(record, resource: resource, scope: scope)
        }
        let picked = batch.rows([3, 0])
        #expect(picked.record(at: 0) == batch.record(at: 3))
        #expect(picked.record(at: 1) == batch.record(at: 0))
        #expect(picked.resource(at: 0).serviceName == "web")
    }
}
