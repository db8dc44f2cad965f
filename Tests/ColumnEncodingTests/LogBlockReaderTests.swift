import ColumnEncoding
import Telemetry
import Testing

@Suite("Blocks of log records read column by column")
struct LogBlockReaderTests {
    private func read<T>(
        _ batch: LogBatch, _ body: (LogBlockReader) throws -> T
    ) throws -> T {
        let bytes = LogBatchCodec.encode(batch, effort: .sealed)
        return try bytes.withUnsafeBytes { try body(try LogBlockReader(borrowing: $0)) }
    }

    @Test("any rows are the records that they were", arguments: 1...30)
    func rows(seed: UInt64) throws {
        var batches = RandomBatches(seed: seed)
        let batch = batches.logs(seed % 3 == 0 ? 400 : 60)
        let rows = (0..<batch.count).filter { _ in Bool.random(using: &batches.random) }
        try read(batch) { reader throws in
            let found = try reader.batch(rows: rows)
            #expect(found.count == rows.count)
            for (place, row) in rows.enumerated() {
                // NaN is unlike itself, its text is not.
                #expect(
                    "\(found.record(at: place))" == "\(batch.record(at: row))", "seed \(seed)")
                #expect(
                    "\(found.resource(at: found.resourceIndices[place]))"
                        == "\(batch.resource(at: batch.resourceIndices[row]))")
            }
            #expect(
                LogLine.byteCounts(of: batch)
                    == (0..<batch.count).map { UInt32(LogLine.string(batch, row: $0).utf8.count) })
            #expect(try reader.times() == batch.times.map(\.nanoseconds))
            #expect(try reader.hasBodies() == batch.bodyTypes.contains { $0 != .empty })
        }
    }

    @Test("the rows of a trace are found")
    func traces() throws {
        var batches = RandomBatches(seed: 9)
        let batch = batches.logs(80)
        try read(batch) { reader throws in
            for (row, trace) in batch.traceIDs.enumerated() where trace.isValid {
                #expect(try reader.rows(of: trace) == [Int32(row)])
            }
            #expect(try reader.rows(of: TraceID(high: 1, low: 2)).isEmpty)
        }
    }

    /// Lines of texts with everything that JSON escapes, of ids and of numbers.
    private static func lines(_ batches: inout RandomBatches) -> LogBatch {
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        let parts = [
            "a\nfoo", "tab\there", "\u{1}bell", "\u{1f}abc", "q\"uote", "back\\slash", "plain text",
            "u001f", "null", "true", "10.8.0.7:8080", "2026-11-21T17:00:00.123Z", "ç€",
        ]
        for number in 0..<60 {
            let time = Timestamp(nanoseconds: Int64(number))
            var record = LogRecord(time: time, observedTime: time)
            record.attributes = [
                Attribute("host", .string("10.8.\(number % 7).\(number):8080")),
                Attribute(
                    "id",
                    .string(TraceID(high: batches.random.next(), low: batches.random.next()).hex)),
                Attribute(
                    "text", .string(parts[Int.random(in: parts.indices, using: &batches.random)])),
                Attribute("random", batches.value()),
                Attribute(batches.text(), .int(batches.integer())),
            ]
            if number % 9 == 0 { record.body = batches.value() }
            if number % 5 == 0 { record.body = .string(parts[number % parts.count] + "\u{2}end") }
            batch.append(record, resource: resource, scope: scope)
        }
        return batch
    }

    @Test("no line that holds a text is passed over", arguments: 1...60)
    func texts(seed: UInt64) throws {
        var batches = RandomBatches(seed: seed)
        let batch = Self.lines(&batches)
        try read(batch) { reader throws in
            for _ in 0..<40 {
                let row = Int.random(in: 0..<batch.count, using: &batches.random)
                let line = Array(LogLine.string(batch, row: row))
                guard line.count > 4 else { continue }
                let start = Int.random(in: 0..<(line.count - 3), using: &batches.random)
                let most = min(48, line.count - start)
                let wanted = String(
                    line[start..<(start + Int.random(in: 3...most, using: &batches.random))])
                for piece in LinePiece.all(of: wanted) {
                    #expect(piece.rows(of: batch).contains(row), "seed \(seed): \(wanted)")
                    let rows = try reader.rows(holding: piece)
                    #expect(rows?.contains(Int32(row)) ?? true, "seed \(seed): \(wanted)")
                }
            }
        }
    }

    @Test("lines without a text are mostly passed over")
    func absentTexts() throws {
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        for number in 0..<100 {
            var record = LogRecord(time: .zero, observedTime: .zero)
            record.attributes = [
                Attribute("path", .string("/orders/\(number)")),
                Attribute("reason", .string(number % 10 == 3 ? "upstream reset" : "via_upstream")),
                Attribute("trace", .string(TraceID(high: 7, low: UInt64(number) << 32).hex)),
            ]
            batch.append(record, resource: resource, scope: scope)
        }
        try read(batch) { reader throws in
            func rows(_ text: String) throws -> [Int32]? {
                let pieces = LinePiece.all(of: text)
                #expect(pieces.count == 1)
                guard let piece = pieces.first else { return nil }
                let rows = try reader.rows(holding: piece)
                #expect(piece.rows(of: batch) == rows?.map { Int($0) })
                return rows
            }
            #expect(try rows("upstream reset") == stride(from: 3, to: 100, by: 10).map { $0 })
            #expect(try rows("nothing like it") == [])
            #expect(try rows("/orders/42") == [42])
            #expect(try rows(TraceID(high: 7, low: 9 << 32).hex) == [9])
            #expect(try rows("reason")?.count == 100)
        }
        #expect(LinePiece.all(of: "503").isEmpty)
        #expect(LinePiece.all(of: "\":{").isEmpty)
        #expect(LinePiece.all(of: "al").isEmpty)
    }

    @Test("ids are found in whatever is around them")
    func identifiers() {
        func keys(_ text: String) -> Set<UInt64> {
            var found = Set<UInt64>()
            Array(text.utf8).withUnsafeBytes { text in
                LineIdentifiers.keys(in: text) { found.insert($0) }
            }
            return found
        }
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
        #expect(
            keys(trace) == [
                FuseFilter.key(TraceID(high: 0x0af7_6519_16cd_43dd, low: 0x8448_eb21_1c80_319c))
            ])
        #expect(keys(uuid).count == 1)
        for text in ["00-\(trace)-b7ad6b7169203331-01", "x\(trace)", "abc\(trace)def", "\(trace)é"]
        {
            #expect(keys(text).isSuperset(of: keys(trace)), "\(text)")
        }
        for text in ["id=\(uuid);", "ab\(uuid)cd", "-\(uuid)-", "\(uuid)\(uuid)"] {
            #expect(keys(text).isSuperset(of: keys(uuid)), "\(text)")
        }
        #expect(keys(String(trace.dropLast())).isEmpty)
        #expect(keys(trace.uppercased()).isEmpty)
    }
}
