import ColumnEncoding
import Telemetry
import Testing

@Suite("Reading some rows and columns of a block of spans")
struct SpanBlockReaderTests {
    private func withReader<T>(
        _ encoded: [UInt8], _ body: (SpanBlockReader) throws -> T
    ) throws -> T {
        try encoded.withUnsafeBytes { try body(try SpanBlockReader(copying: $0)) }
    }

    @Test(
        "some rows are those of the whole batch", arguments: EncodingEffort.allCases, [8, 3_000])
    func rows(effort: EncodingEffort, keys: Int) throws {
        var batches = RandomBatches(seed: UInt64(keys) + 1)
        for size in [1, 2, 130, 400] {
            let batch = batches.spans(size, keys: keys)
            let encoded = SpanBatchCodec.encode(batch, effort: effort)
            let choices: [[Int]] = [
                [], [0], [size - 1], Array(0..<size), Array(stride(from: 0, to: size, by: 7)),
                Array((size / 2)..<size),
            ]
            for rows in choices {
                let some = try withReader(encoded) { try $0.batch(rows: rows) }
                expectEqual(some, batch.rows(rows))
            }
        }
    }

    @Test("columns not asked for are zeros and the batch is valid")
    func columns() throws {
        var batches = RandomBatches(seed: 5)
        let batch = batches.spans(90)
        let encoded = SpanBatchCodec.encode(batch, effort: .sealed)
        let rows = Array(stride(from: 3, to: 90, by: 5))
        for raw in UInt16(0)..<64 {
            let columns = SpanColumns(rawValue: raw)
            let some = try withReader(encoded) { try $0.batch(rows: rows, columns: columns) }
            #expect(some.count == rows.count)
            for (index, row) in rows.enumerated() {
                let (found, whole) = (some.span(at: index), batch.span(at: row))
                #expect(found.traceID == (columns.contains(.identity) ? whole.traceID : .invalid))
                #expect(found.start == (columns.contains(.identity) ? whole.start : .zero))
                #expect(found.name == (columns.contains(.core) ? whole.name : ""))
                #expect(
                    found.attributes.count
                        == (columns.contains(.attributes) ? whole.attributes.count : 0))
                #expect(found.events.count == (columns.contains(.events) ? whole.events.count : 0))
                #expect(found.links.count == (columns.contains(.links) ? whole.links.count : 0))
                #expect(found.traceState == (columns.contains(.rest) ? whole.traceState : ""))
            }
        }
    }

    @Test("the rows of some traces are found")
    func traces() throws {
        var batches = RandomBatches(seed: 6)
        let batch = batches.spans(200)
        let encoded = SpanBatchCodec.encode(batch, effort: .compacted)
        let wanted = Set([batch.traceIDs[3], batch.traceIDs[150]])
        let rows = try withReader(encoded) { try $0.rows { wanted.contains($0) } }
        #expect(rows == batch.traceIDs.indices.filter { wanted.contains(batch.traceIDs[$0]) })
        #expect(try withReader(encoded) { try $0.rows { _ in false } } == [])
    }

    @Test(
        "conditions hold for the rows that a look at every span finds",
        arguments: EncodingEffort.allCases, [8, 3_000])
    func conditions(effort: EncodingEffort, keys: Int) throws {
        var batches = RandomBatches(seed: UInt64(keys) + 9)
        let batch = batches.spans(250, keys: keys)
        let encoded = SpanBatchCodec.encode(batch, effort: effort)
        let texts = (0..<12).map { _ in batches.value().text } + ["", "GET", "true", "0", "inf"]
        for key in (0..<8).map({ "key.\($0)" }) + ["", "absent"] {
            for place in AttributePlace.allCases {
                try compare(batch, encoded, place, key, .exists) { _ in true }
                for text in texts {
                    try compare(batch, encoded, place, key, .text(text)) { $0.text == text }
                }
                for _ in 0..<4 {
                    let value = batches.value()
                    try compare(batch, encoded, place, key, .equals(value)) { $0 == value }
                }
            }
        }
        for row in 0..<20 {
            let name = batch.strings[batch.names[row]]
            let expected = (0..<batch.count).filter { batch.names[$0] == batch.names[row] }
            #expect(
                try withReader(encoded) { try $0.rows(ofName: name) }.map { Int($0) } == expected)
        }
        #expect(try withReader(encoded) { try $0.rows(ofName: "nobody's") }.isEmpty)
    }

    private func compare(
        _ batch: SpanBatch, _ encoded: [UInt8], _ place: AttributePlace, _ key: String,
        _ test: AttributeValueTest, _ passes: (AttributeValue) -> Bool
    ) throws {
        let expected = (0..<batch.count).map { Int32($0) }.filter { row in
            attributes(of: batch, Int(row), place).contains { $0.key == key && passes($0.value) }
        }
        let some = (0..<batch.count).map { Int32($0) }.filter { $0 % 3 == 1 }
        try withReader(encoded) { reader in
            let found = try reader.rows(where: place, key: key, test)
            #expect(found == expected, "\(place) \(key) \(test)")
            let among = try reader.rows(where: place, key: key, test, among: some)
            #expect(among == expected.filter { $0 % 3 == 1 }, "\(place) \(key) \(test)")
        }
    }

    private func attributes(
        of batch: SpanBatch, _ row: Int, _ place: AttributePlace
    ) -> [Attribute] {
        switch place {
        case .span: batch.span(at: row).attributes
        case .event: batch.span(at: row).events.flatMap(\.attributes)
        case .link: batch.span(at: row).links.flatMap(\.attributes)
        case .resource: batch.resource(at: batch.resourceIndices[row]).attributes
        case .scope: batch.scope(at: batch.scopeIndices[row]).attributes
        }
    }

    @Test("a service is its resource's first service.name, and none is the empty one")
    func services() throws {
        var batch = SpanBatch()
        let resources = [
            Resource(attributes: [Attribute("service.name", .string("web"))]),
            Resource(attributes: [Attribute("other", .string("web"))]),
            Resource(attributes: [
                Attribute("service.name", .int(7)), Attribute("service.name", .string("web")),
            ]),
        ].map { batch.append($0) }
        let scope = batch.append(Scope())
        for number in 0..<9 {
            let span = SpanRecord(
                traceID: TraceID(high: 1, low: 2), spanID: SpanID(UInt64(number + 1)), name: "n",
                start: .zero, duration: 0)
            batch.append(span, resource: resources[number % 3], scope: scope)
        }
        let encoded = SpanBatchCodec.encode(batch, effort: .sealed)
        for (number, service) in ["web", "", "7"].enumerated() {
            let found = try withReader(encoded) { try $0.rows(ofService: service) }
            #expect(found == (0..<9).map { Int32($0) }.filter { Int($0) % 3 == number })
        }
        #expect(try withReader(encoded) { try $0.rows(ofService: "nobody") }.isEmpty)
    }

    @Test("damage at any byte is an error or changes nothing, and never a crash")
    func damage() throws {
        var batches = RandomBatches(seed: 3)
        let batch = batches.spans(12)
        let encoded = SpanBatchCodec.encode(batch, effort: .journal)
        var refused = 0
        for offset in encoded.indices {
            var damaged = encoded
            damaged[offset] ^= UInt8(1 << (offset % 8))
            do {
                // As if the checksum had been right: every other check is on its own.
                try damaged.withUnsafeBytes { bytes in
                    let reader = try SpanBlockReader(copying: bytes, isVerified: true)
                    _ = try reader.rows(where: .span, key: "key.1", .text("GET"))
                    _ = try reader.rows(where: .event, key: "key.1", .exists)
                    _ = try reader.batch(rows: Array(0..<reader.rows))
                }
            } catch is ColumnDecodeError {
                refused += 1
            }
        }
        #expect(refused > 0)
        for count in 0..<40 {
            #expect(throws: ColumnDecodeError.self) {
                try Array(encoded.prefix(count)).withUnsafeBytes {
                    _ = try SpanBlockReader(copying: $0, isVerified: true)
                }
            }
        }
    }
}
