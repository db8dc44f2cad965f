import ColumnEncoding
import Telemetry
import Testing

@Suite("Strings of log blocks by form")
struct TypedStringTests {
    /// Records with one attribute each.
    private func batch(_ texts: [String]) -> LogBatch {
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        for text in texts {
            var record = LogRecord(time: .zero, observedTime: .zero)
            record.attributes = [Attribute("text", .string(text))]
            batch.append(record, resource: resource, scope: scope)
        }
        return batch
    }

    private func expectSame(
        _ batch: LogBatch, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Int {
        var size = 0
        for effort in [EncodingEffort.sealed, .compacted] {
            let encoded = LogBatchCodec.encode(batch, effort: effort)
            let decoded = try LogBatchCodec.decode(encoded)
            for row in 0..<batch.count {
                #expect(
                    decoded.record(at: row) == batch.record(at: row),
                    sourceLocation: sourceLocation)
            }
            size = encoded.count
        }
        return size
    }

    @Test("times cost their steps only, whatever their fraction", arguments: [0, 1, 3, 6, 9])
    func times(digits: Int) throws {
        let texts = (0..<2_000).map { index in
            let fraction = digits == 0 ? "" : "." + String("123456789".prefix(digits))
            let (minute, second) = (index / 60 % 60, index % 60)
            return "2026-02-\(10 + index / 3_600)T07:\(minute / 10)\(minute % 10):"
                + "\(second / 10)\(second % 10)\(fraction)Z"
        }
        #expect(try expectSame(batch(texts)) < 1_000)
    }

    @Test(
        "texts that only resemble times come back as they were",
        arguments: [
            "2026-02-30T10:00:00Z", "2026-13-01T10:00:00Z", "2026-01-01T24:00:00Z",
            "2026-01-01T10:00:60Z", "0000-00-00T00:00:00Z", "2024-02-29T23:59:59Z",
            "1650-01-01T00:00:00Z", "2026-1-01T10:00:00Z", "2026-01-01T10:00:00.Z",
        ])
    func falseTimes(_ text: String) throws {
        var texts = (10..<60).map { "2026-01-01T10:00:\($0)Z" }
        texts.insert(text, at: 20)
        _ = try expectSame(batch(texts))
        // Alone of its pattern, and as all of it.
        _ = try expectSame(batch([text]))
        _ = try expectSame(batch((0..<40).map { text + String(repeating: "x", count: $0) }))
    }

    @Test("addresses cost their ports, paths their numbers")
    func numbers() throws {
        var random = SeededGenerator(seed: 5)
        let addresses = (0..<4_000).map { _ in
            "10.8.3.17:\(Int.random(in: 32_768..<61_000, using: &random))"
        }
        #expect(try expectSame(batch(addresses)) < 4_000 * 5)
        let paths = (0..<4_000).map { _ in
            "/api/v1/orders/\(Int.random(in: 0..<100_000, using: &random))?limit=20"
        }
        #expect(try expectSame(batch(paths)) < 4_000 * 5)
    }

    @Test("numbers of every width and padding come back as they were")
    func widths() throws {
        var random = SeededGenerator(seed: 6)
        var texts: [String] = []
        for _ in 0..<600 {
            let digits = Int.random(in: 1...21, using: &random)
            let number = String(
                (0..<digits).map { _ in "0123456789".randomElement(using: &random)! })
            texts.append(
                ["id \(number)", "\(number)", "a\(number)b\(digits)"].randomElement(using: &random)!
            )
        }
        // All padded to one width, then some.
        texts += (0..<100).map { "job-\(String(1_000 + $0).dropFirst())" }
        texts += (0..<100).map { "task-\($0 % 2 == 0 ? "0" : "")\($0)" }
        texts += (0..<50).map { "٣\($0) é \($0)" }
        _ = try expectSame(batch(texts))
    }

    @Test("ids of every alphabet come back as they were")
    func ids() throws {
        var batches = RandomBatches(seed: 7)
        _ = try expectSame(batch((0..<2_000).map { _ in batches.text() }))
    }

    @Test("trace and span ids that attributes spell out are kept once")
    func idsOfTheRecord() throws {
        var random = SeededGenerator(seed: 8)
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        for index in 0..<1_000 {
            var record = LogRecord(time: .zero, observedTime: .zero)
            record.traceID = TraceID(high: random.next(), low: random.next())
            record.spanID = SpanID(random.next() | 1)
            // Some traces log twice, and some records belong to none.
            if index % 7 == 3 { record.traceID = batch.traceIDs[index - 1] }
            if index % 11 == 5 { record.traceID = .invalid }
            if record.traceID.isValid {
                record.attributes = [
                    Attribute("trace", .string(record.traceID.hex)),
                    Attribute("span", .string(record.spanID.hex)),
                ]
            } else {
                record.spanID = .invalid
            }
            batch.append(record, resource: resource, scope: scope)
        }
        #expect(try expectSame(batch) < 1_000 * 26)
        // Without the ids of the records they take their own bytes.
        batch.traceIDs = batch.traceIDs.map { _ in .invalid }
        #expect(try expectSame(batch) > 1_000 * 18)
    }

    /// Records of 48 pods; cluster and service follow from the pod, or are drawn.
    private func mesh(isDerived: Bool, isRagged: Bool = false) -> LogBatch {
        var random = SeededGenerator(seed: 9)
        var batch = LogBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        for index in 0..<4_000 {
            let pod = Int.random(in: 0..<48, using: &random)
            let drawn = (0..<2).map { _ in Int.random(in: 0..<12, using: &random) }
            let (cluster, service) = isDerived ? (pod % 12, pod % 12) : (drawn[0], drawn[1])
            var record = LogRecord(time: .zero, observedTime: .zero)
            record.attributes = [
                Attribute("cluster", .string("outbound|service-\(cluster)|")),
                Attribute("pod", .string("pod \(pod)")),
                Attribute("service", .string("service-\(service)")),
            ]
            // Other shapes, in which the three are still once each.
            if index % 100 == 7 { record.attributes.append(Attribute("extra", .bool(true))) }
            if isRagged, index % 10 == 8 { record.attributes.removeLast() }
            if isRagged, index % 10 == 9 { record.attributes.append(record.attributes[0]) }
            batch.append(record, resource: resource, scope: scope)
        }
        return batch
    }

    @Test("columns that follow from another cost a table")
    func derived() throws {
        let drawn = try expectSame(mesh(isDerived: false))
        let derived = try expectSame(mesh(isDerived: true))
        #expect(derived < drawn * 3 / 4)
    }

    @Test("columns that only some records have, or have twice, come back as they were")
    func ragged() throws { _ = try expectSame(mesh(isDerived: true, isRagged: true)) }
}
