import ColumnEncoding
import Telemetry
import Testing

@Suite("Spans in the journal")
struct JournalledSpansTests {
    @Test("come back as they were", arguments: 0..<30)
    func roundTrip(seed: Int) throws {
        var batches = RandomBatches(seed: UInt64(seed) + 500)
        let count = [0, 1, 2, 7, 60, 200][seed % 6]
        let batch = batches.spans(count, keys: seed % 5 == 0 ? 3_000 : 8)
        expectEqual(try JournalledSpans.decode(JournalledSpans.encode(batch)), batch)
    }

    @Test("take less than half of what they take in memory")
    func size() {
        var spans = MeshSpans(seed: 1)
        let batch = spans.batch(traces: 20)
        let inMemory = batch.count * 98 + batch.attributes.count * 13 + batch.strings.byteCount
        #expect(JournalledSpans.encode(batch).count * 2 < inMemory)
    }

    @Test("are read as earlier versions wrote them", arguments: 0..<4)
    func earlier(seed: Int) throws {
        var batches = RandomBatches(seed: UInt64(seed) + 600)
        let batch = batches.spans(40)
        let encoded = SpanBatchCodec.encode(batch, effort: .journal)
        expectEqual(try JournalledSpans.decode(encoded), batch)
    }

    @Test("are packed when they are many")
    func large() throws {
        var batches = RandomBatches(seed: 700)
        var batch = batches.spans(3)
        batch.attributes.keys[0] = batch.strings.intern(String(repeating: "long", count: 5 << 20))
        let encoded = JournalledSpans.encode(batch)
        expectEqual(try SpanBatchCodec.decode(encoded), batch)
        expectEqual(try JournalledSpans.decode(encoded), batch)
    }

    @Test("are refused when cut off, wherever that is")
    func truncation() {
        var batches = RandomBatches(seed: 701)
        let encoded = JournalledSpans.encode(batches.spans(4))
        for length in 0..<encoded.count {
            #expect(throws: ColumnDecodeError.self) {
                try JournalledSpans.decode(Array(encoded[..<length]))
            }
        }
        #expect(throws: ColumnDecodeError.self) { try JournalledSpans.decode(encoded + [0]) }
    }

    @Test("never trap when damaged", arguments: 0..<8)
    func damage(seed: Int) {
        var batches = RandomBatches(seed: UInt64(seed) + 800)
        let encoded = JournalledSpans.encode(batches.spans(6))
        for _ in 0..<400 {
            var bytes = encoded
            for _ in 0..<Int.random(in: 1...3, using: &batches.random) {
                let index = Int.random(in: 5..<bytes.count, using: &batches.random)
                bytes[index] = UInt8.random(in: 0...255, using: &batches.random)
            }
            guard let batch = try? JournalledSpans.decode(bytes) else { continue }
            for row in 0..<min(50, batch.count) {
                _ = batch.span(at: row)
                _ = batch.resource(at: batch.resourceIndices[row])
                _ = batch.scope(at: batch.scopeIndices[row])
            }
        }
    }

    @Test("of a later version are refused")
    func later() {
        var encoded = JournalledSpans.encode(SpanBatch())
        encoded[4] = 9
        #expect(throws: ColumnDecodeError.unsupportedVersion(9)) {
            try JournalledSpans.decode(encoded)
        }
    }
}
