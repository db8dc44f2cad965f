import ColumnEncoding
import Telemetry
import Testing

@Suite("Encoded batches")
struct BatchCodecTests {
    @Test("spans come back as they were", arguments: EncodingEffort.allCases, 0..<30)
    func spans(effort: EncodingEffort, seed: Int) throws {
        var batches = RandomBatches(seed: UInt64(seed))
        let count = [0, 1, 2, 7, 60, 200][seed % 6]
        let batch = batches.spans(count, keys: seed % 5 == 0 ? 3_000 : 8)
        let encoded = SpanBatchCodec.encode(batch, effort: effort)
        expectEqual(try SpanBatchCodec.decode(encoded), batch)
    }

    @Test("log records come back as they were", arguments: EncodingEffort.allCases, 0..<20)
    func logs(effort: EncodingEffort, seed: Int) throws {
        var batches = RandomBatches(seed: UInt64(seed) + 1_000)
        let batch = batches.logs([0, 1, 2, 40, 150][seed % 5])
        let decoded = try LogBatchCodec.decode(LogBatchCodec.encode(batch, effort: effort))
        #expect(decoded.count == batch.count)
        for row in 0..<batch.count {
            #expect(Fingerprint(decoded.record(at: row)) == Fingerprint(batch.record(at: row)))
            #expect(
                Fingerprint(decoded.resource(at: decoded.resourceIndices[row]))
                    == Fingerprint(batch.resource(at: batch.resourceIndices[row])))
        }
    }

    @Test("metrics come back as they were", arguments: EncodingEffort.allCases, 0..<20)
    func metrics(effort: EncodingEffort, seed: Int) throws {
        var batches = RandomBatches(seed: UInt64(seed) + 2_000)
        let batch = batches.metrics(series: [0, 1, 30][seed % 3], samples: [0, 1, 200][seed % 3])
        let decoded = try MetricBatchCodec.decode(MetricBatchCodec.encode(batch, effort: effort))
        #expect(decoded.labelBytes == batch.labelBytes && decoded.labelEnds == batch.labelEnds)
        #expect(decoded.seriesIDs == batch.seriesIDs)
        #expect(decoded.sampleSeries == batch.sampleSeries)
        #expect(decoded.sampleTimes == batch.sampleTimes)
        #expect(decoded.sampleValues.map(\.bitPattern) == batch.sampleValues.map(\.bitPattern))
        #expect("\(decoded.histograms)" == "\(batch.histograms)")
        #expect("\(decoded.exemplars)" == "\(batch.exemplars)")
        #expect(decoded.metadata == batch.metadata)
    }

    @Test("series without labels keep their ids", arguments: EncodingEffort.allCases)
    func bareSeries(effort: EncodingEffort) throws {
        var batches = RandomBatches(seed: 3_000)
        var batch = batches.metrics(series: 30, samples: 200)
        let whole = batch
        batch.labelBytes = []
        batch.labelEnds = []
        for series in 0..<whole.seriesCount {
            if series % 3 == 0 { batch.labelBytes += whole.labelBytes[whole.labelRange(series)] }
            batch.labelEnds.append(UInt32(batch.labelBytes.count))
        }
        let decoded = try MetricBatchCodec.decode(MetricBatchCodec.encode(batch, effort: effort))
        #expect(decoded.seriesIDs == whole.seriesIDs)
        #expect(decoded.labelEnds == batch.labelEnds)
    }

    @Test("a reader of some columns sees what a reader of all sees", arguments: 0..<64)
    func partialSpans(mask: Int) throws {
        let columns = SpanColumns(rawValue: UInt16(mask))
        var batches = RandomBatches(seed: 77)
        let batch = batches.spans(50)
        let part = try SpanBatchCodec.decode(
            SpanBatchCodec.encode(batch, effort: .sealed), columns: columns)
        #expect(part.count == batch.count)
        for row in 0..<batch.count {
            let span = part.span(at: row)
            let whole = batch.span(at: row)
            let hasIdentity = columns.contains(.identity)
            #expect(span.spanID == (hasIdentity ? whole.spanID : .invalid))
            #expect(span.traceID == (hasIdentity ? whole.traceID : .invalid))
            #expect(span.parentID == (hasIdentity ? whole.parentID : .invalid))
            #expect(span.start == (hasIdentity ? whole.start : .zero))
            #expect(span.duration == (hasIdentity ? whole.duration : 0))
            let hasCore = columns.contains(.core)
            #expect(span.name == (hasCore ? whole.name : ""))
            #expect(span.kind == (hasCore ? whole.kind : .unspecified))
            let resource = part.resource(at: part.resourceIndices[row])
            #expect(
                "\(resource)"
                    == (hasCore
                        ? "\(batch.resource(at: batch.resourceIndices[row]))" : "\(Resource())"))
            #expect(
                "\(span.attributes)"
                    == "\(columns.contains(.attributes) ? whole.attributes : [])")
            #expect("\(span.events)" == "\(columns.contains(.events) ? whole.events : [])")
            #expect("\(span.links)" == "\(columns.contains(.links) ? whole.links : [])")
            let hasRest = columns.contains(.rest)
            #expect(span.traceState == (hasRest ? whole.traceState : ""))
            #expect(span.flags == (hasRest ? whole.flags : 0))
        }
    }

    @Test("a reader of some log columns sees what a reader of all sees", arguments: 0..<32)
    func partialLogs(mask: Int) throws {
        let columns = LogColumns(rawValue: UInt8(mask))
        var batches = RandomBatches(seed: 78)
        let batch = batches.logs(50)
        let part = try LogBatchCodec.decode(
            LogBatchCodec.encode(batch, effort: .journal), columns: columns)
        for row in 0..<batch.count {
            let record = part.record(at: row)
            let whole = batch.record(at: row)
            #expect(record.time == (columns.contains(.times) ? whole.time : .zero))
            #expect(record.severityText == (columns.contains(.core) ? whole.severityText : ""))
            #expect(
                "\(record.attributes)"
                    == "\(columns.contains(.attributes) ? whole.attributes : [])")
            #expect("\(record.body)" == "\(columns.contains(.body) ? whole.body : .empty)")
            #expect(record.traceID == (columns.contains(.trace) ? whole.traceID : .invalid))
        }
    }

    @Test("a truncated encoding is reported at every length", arguments: EncodingEffort.allCases)
    func truncation(effort: EncodingEffort) {
        var batches = RandomBatches(seed: 5)
        let encoded = SpanBatchCodec.encode(batches.spans(4), effort: effort)
        for length in 0..<encoded.count {
            #expect(throws: ColumnDecodeError.self) {
                try SpanBatchCodec.decode(Array(encoded[..<length]))
            }
        }
    }

    @Test("a changed byte is reported wherever it is", arguments: EncodingEffort.allCases)
    func corruption(effort: EncodingEffort) {
        var batches = RandomBatches(seed: 6)
        let encoded = SpanBatchCodec.encode(batches.spans(4), effort: effort)
        for index in encoded.indices {
            for flip in [0x01, 0x80, 0xFF] as [UInt8] {
                var damaged = encoded
                damaged[index] ^= flip
                #expect(throws: ColumnDecodeError.self) { try SpanBatchCodec.decode(damaged) }
            }
        }
    }

    @Test("damage under a valid checksum never traps", arguments: EncodingEffort.allCases, 0..<8)
    func resealed(effort: EncodingEffort, seed: Int) {
        var batches = RandomBatches(seed: UInt64(seed) + 40)
        let spans = SpanBatchCodec.encode(batches.spans(6), effort: effort)
        let logs = LogBatchCodec.encode(batches.logs(6), effort: effort)
        let metrics = MetricBatchCodec.encode(
            batches.metrics(series: 3, samples: 9), effort: effort)
        for _ in 0..<400 {
            let spans = damaged(spans, &batches.random)
            let logs = damaged(logs, &batches.random)
            let metrics = damaged(metrics, &batches.random)
            if let batch = try? SpanBatchCodec.decode(spans) {
                for row in 0..<min(50, batch.count) { _ = batch.span(at: row) }
            }
            if let batch = try? LogBatchCodec.decode(logs) {
                for row in 0..<min(50, batch.count) { _ = batch.record(at: row) }
            }
            if let batch = try? MetricBatchCodec.decode(metrics) {
                for series in 0..<min(50, batch.seriesCount) { _ = batch.labels(series) }
            }
        }
    }

    /// A few bytes changed after the row count, and the checksum made right again.
    private func damaged(_ encoded: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(encoded.dropLast(8))
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let index = Int.random(in: 7..<bytes.count, using: &random)
            bytes[index] = UInt8.random(in: 0...255, using: &random)
        }
        let checksum = ContentHash(bytes).low
        withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    @Test("a container of another kind or version is refused")
    func wrongKind() {
        var batches = RandomBatches(seed: 9)
        let logs = LogBatchCodec.encode(batches.logs(2), effort: .journal)
        #expect(throws: ColumnDecodeError.self) { try SpanBatchCodec.decode(logs) }
        var newer = logs
        newer[4] = 200
        #expect(throws: ColumnDecodeError.unsupportedVersion(200)) {
            try LogBatchCodec.decode(newer)
        }
    }
}
