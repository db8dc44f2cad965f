import ColumnEncoding
import Telemetry
import Testing

@Suite("Probing one attribute")
struct AttributeProbeTests {
    private func probe(
        _ encoded: [UInt8], _ key: String, _ accepts: (AttributeValue) -> Bool
    ) throws -> [Int] {
        try encoded.withUnsafeBytes { try AttributeProbe.rows(in: $0, key: key, accepts: accepts) }
    }

    @Test(
        "finds the rows that a look at every span finds", arguments: EncodingEffort.allCases,
        [8, 3_000])
    func agreesWithNaive(effort: EncodingEffort, keys: Int) throws {
        var batches = RandomBatches(seed: UInt64(keys))
        let batch = batches.spans(150, keys: keys)
        let encoded = SpanBatchCodec.encode(batch, effort: effort)
        let tests: [(AttributeValue) -> Bool] = [
            { _ in true },
            { $0 == .string("GET") },
            { $0 == .string("") || $0 == .empty },
            { if case .int(let number) = $0 { number > 0 } else { false } },
            { if case .map = $0 { true } else { false } },
        ]
        for key in (0..<8).map({ "key.\($0)" }) + ["", "absent"] {
            for accepts in tests {
                let naive = (0..<batch.count).filter { row in
                    batch.span(at: row).attributes.contains { $0.key == key && accepts($0.value) }
                }
                #expect(try probe(encoded, key, accepts) == naive)
            }
        }
    }

    @Test("finds log records, too")
    func logs() throws {
        var batches = RandomBatches(seed: 21)
        let batch = batches.logs(80)
        let encoded = LogBatchCodec.encode(batch, effort: .sealed)
        let naive = (0..<batch.count).filter { row in
            batch.record(at: row).attributes.contains { $0.key == "key.1" }
        }
        #expect(try probe(encoded, "key.1") { _ in true } == naive)
    }

    @Test("asks about each distinct text once")
    func distinctTexts() throws {
        var mesh = MeshSpans(seed: 5)
        let batch = mesh.batch(traces: 50)
        let encoded = SpanBatchCodec.encode(batch, effort: .sealed)
        var asked = 0
        let rows = try probe(encoded, "network.peer.address") { value in
            asked += 1
            return value == .string("10.8.0.7")
        }
        #expect(!rows.isEmpty && asked <= 30)
    }

    @Test("metrics are refused")
    func metrics() {
        let encoded = MetricBatchCodec.encode(MetricBatch(), effort: .journal)
        #expect(throws: ColumnDecodeError.self) { try probe(encoded, "key") { _ in true } }
    }
}
