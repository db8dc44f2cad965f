import ColumnEncoding
import Telemetry
import Testing

@Suite("Sizes of encoded batches")
struct EncodedSizeTests {
    @Test("a sealed block of mesh spans takes at most 26 bytes a span")
    func sealedSpans() throws {
        var mesh = MeshSpans(seed: 1)
        let batch = mesh.batch(traces: 500)
        let sealed = SpanBatchCodec.encode(batch, effort: .sealed)
        let journal = SpanBatchCodec.encode(batch, effort: .journal)
        // Random by nature: 8 bytes of span id, 32 of trace and request id over 12 spans, and about 9
        // of starts, durations, ports and sizes.
        #expect(sealed.count < batch.count * 26)
        #expect(sealed.count < journal.count)
        expectEqual(try SpanBatchCodec.decode(sealed), batch)
        expectEqual(try SpanBatchCodec.decode(journal), batch)
    }

    @Test(
        "ids in hexadecimal text take half their length",
        arguments: [[8, 4, 4, 4, 12], [32], [16], [2, 32, 16, 2], [1, 8, 24], [13]])
    func hexadecimalText(groups: [Int]) throws {
        var random = SeededGenerator(seed: 3)
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        for _ in 0..<1_000 {
            let text = groups.map { count in
                String(
                    (0..<count).map { _ in Array("0123456789abcdef").randomElement(using: &random)!
                    })
            }
            var record = LogRecord(time: .zero, observedTime: .zero)
            if groups.reduce(0, +) >= 16 {
                record.attributes = [Attribute("id", .string(text.joined(separator: "-")))]
            } else {
                // Too short for a template.
                record.body = .string(text.joined())
            }
            batch.append(record, resource: resource, scope: scope)
        }
        let encoded = LogBatchCodec.encode(batch, effort: .sealed)
        let digits = groups.reduce(0, +)
        #expect(encoded.count < 1_000 * (digits >= 16 ? (digits + 1) / 2 : digits) + 300)
        let decoded = try LogBatchCodec.decode(encoded)
        for row in 0..<batch.count { #expect(decoded.record(at: row) == batch.record(at: row)) }
    }

    @Test("a batch of next to nothing is small")
    func small() {
        #expect(SpanBatchCodec.encode(SpanBatch(), effort: .journal).count <= 16)
        var mesh = MeshSpans(seed: 2)
        #expect(
            SpanBatchCodec.encode(mesh.batch(traces: 1, spansPerTrace: 1), effort: .journal).count
                < 1_200)
    }
}
