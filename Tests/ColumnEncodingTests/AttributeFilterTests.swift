import ColumnEncoding
import Telemetry
import Testing

@Suite("The filter over a block's attributes")
struct AttributeFilterTests {
    private func built(_ batch: SpanBatch) -> AttributeFilter? {
        var builder = AttributeFilterBuilder(batch.strings)
        builder.add(batch.attributes, cells: 0..<batch.attributes.count, at: .span)
        builder.add(batch.events.attributes, cells: 0..<batch.events.attributes.count, at: .event)
        for resource in batch.shared.resources {
            builder.add(batch.shared.attributes, cells: resource.attributes, at: .resource)
        }
        return builder.build()
    }

    @Test("knows every key at its place and every value")
    func noFalseNegatives() throws {
        var batches = RandomBatches(seed: 41)
        let batch = batches.spans(300)
        let filter = try #require(built(batch))
        for row in 0..<batch.count {
            let span = batch.span(at: row)
            for attribute in span.attributes {
                #expect(filter.mayHave(key: attribute.key, at: .span))
                #expect(filter.mayHave(key: attribute.key, text: attribute.value.text))
            }
            for attribute in span.events.flatMap(\.attributes) {
                #expect(filter.mayHave(key: attribute.key, at: .event))
                #expect(filter.mayHave(key: attribute.key, text: attribute.value.text))
            }
            for attribute in batch.resource(at: batch.resourceIndices[row]).attributes {
                #expect(filter.mayHave(key: attribute.key, at: .resource))
                #expect(filter.mayHave(key: attribute.key, text: attribute.value.text))
            }
        }
    }

    @Test("knows a text under each of the keys that have it in turn")
    func sharedTexts() throws {
        var batch = SpanBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        for row in 0..<40 {
            var span = SpanRecord(
                traceID: TraceID(high: 1, low: 1), spanID: SpanID(UInt64(row + 1)), name: "a",
                start: .zero, duration: 1)
            span.attributes = [
                Attribute("source", .string("pod-\(row % 7)")),
                Attribute("target", .string("pod-\(row % 3)")),
                Attribute("port", .int(Int64(row % 2))),
            ]
            batch.append(span, resource: resource, scope: scope)
        }
        let filter = try #require(built(batch))
        for pod in 0..<7 { #expect(filter.mayHave(key: "source", text: "pod-\(pod)")) }
        for pod in 0..<3 { #expect(filter.mayHave(key: "target", text: "pod-\(pod)")) }
        for port in 0..<2 { #expect(filter.mayHave(key: "port", text: "\(port)")) }
        #expect(!filter.mayHave(key: "target", text: "pod-6"))
    }

    @Test("denies most of what is not there, and a key at another place")
    func fewFalsePositives() throws {
        var mesh = MeshSpans(seed: 8)
        let filter = try #require(built(mesh.batch(traces: 100)))
        let values = (0..<2_000).count { filter.mayHave(key: "http.route", text: "absent \($0)") }
        let keys = (0..<2_000).count { filter.mayHave(key: "absent \($0)", at: .span) }
        #expect(values < 40 && keys < 40)
    }

    @Test("a key of very many values is open: any value may be there")
    func openKeys() throws {
        var batch = SpanBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        for number in 0..<3_000 {
            var span = SpanRecord(
                traceID: TraceID(high: 1, low: 2), spanID: SpanID(UInt64(number + 1)), name: "n",
                start: .zero, duration: 0)
            span.attributes = [
                Attribute("request", .int(Int64(number))), Attribute("few", .int(1)),
            ]
            batch.append(span, resource: resource, scope: scope)
        }
        let filter = try #require(built(batch))
        #expect(filter.mayHave(key: "request", text: "4000"))
        #expect(filter.mayHave(key: "few", text: "1"))
        #expect(!filter.mayHave(key: "few", text: "2"))
        #expect(filter.byteCount < 200)
    }

    @Test("a key that has arrays is open: an element may be looked for")
    func arrays() throws {
        var batch = SpanBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        var span = SpanRecord(
            traceID: TraceID(high: 1, low: 2), spanID: SpanID(1), name: "n", start: .zero,
            duration: 0)
        span.attributes = [
            Attribute("hosts", .array([.string("a"), .int(5)])), Attribute("plain", .int(1)),
        ]
        batch.append(span, resource: resource, scope: scope)
        let filter = try #require(built(batch))
        #expect(filter.mayHave(key: "hosts", text: "a"))
        #expect(filter.mayHave(key: "hosts", text: "5"))
        #expect(filter.mayHave(key: "hosts", at: .span))
        #expect(!filter.mayHave(key: "plain", text: "2"))
    }

    @Test("is read back as it was written, and not from less")
    func storage() throws {
        var batches = RandomBatches(seed: 42)
        let batch = batches.spans(100)
        var writer = ByteWriter()
        try #require(built(batch)).encode(into: &writer)
        let bytes = writer.bytes
        let read = try bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes, column: "filter")
            return try AttributeFilter(from: &reader)
        }
        let filter = try #require(read)
        for attribute in batch.span(at: 0).attributes {
            #expect(filter.mayHave(key: attribute.key, text: attribute.value.text))
        }
        for count in 0..<bytes.count {
            #expect(throws: ColumnDecodeError.self) {
                try Array(bytes.prefix(count)).withUnsafeBytes { bytes in
                    var reader = ByteReader(bytes, column: "filter")
                    _ = try AttributeFilter(from: &reader)
                }
            }
        }
    }
}
