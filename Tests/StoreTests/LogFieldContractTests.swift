import Platform
import Store
import Telemetry
import Testing

@Suite struct LogFieldContractTests {
    private static let names = ["code", "http_path", "zone", "x_request_id", SeverityLevel.label]

    private struct Row: Hashable, Sendable {
        var time: Int64
        var values: [String]
    }

    /// Structured lines, in some batches with a text line or a map among them.
    private static func batches(_ random: inout SystemRandom) -> [LogBatch] {
        (0..<12).map { number in
            var batch = LogBatch()
            let zoned = batch.append(
                Resource(attributes: [
                    Attribute("service.name", .string("a")), Attribute("zone", .string("z1")),
                ]))
            let plain = batch.append(
                Resource(attributes: [Attribute("service.name", .string("b"))]))
            let scope = batch.append(Scope())
            for line in 0..<40 {
                let time = Timestamp(nanoseconds: Int64(random.below(1_000)))
                var record = LogRecord(time: time, observedTime: time)
                if random.below(5) > 0 {
                    record.attributes.append(
                        Attribute("code", .int(Int64(random.below(3)) * 100 + 200)))
                }
                if random.below(5) > 0 {
                    record.attributes.append(
                        Attribute(" http.path", .string("/\(random.below(4))")))
                }
                record.attributes.append(
                    Attribute("code", .double(1.5)))
                record.severityNumber = UInt8(random.below(27))
                if random.below(6) == 0 {
                    record.attributes.append(Attribute(SeverityLevel.label, .string("odd")))
                }
                if random.below(3) == 0 {
                    record.attributes.append(Attribute("zone", .bool(random.below(2) == 0)))
                }
                record.attributes.append(
                    Attribute("x-request-id", .string("id-\(number)-\(line)")))
                if number % 6 == 4, line == 7 { record.body = .string("text") }
                if number % 6 == 5, line == 7 {
                    record.attributes.append(
                        Attribute("http", .map([Attribute("path", .string("/in"))])))
                }
                batch.append(record, resource: line % 2 == 0 ? zoned : plain, scope: scope)
            }
            return batch
        }
    }

    /// A seeded source of small numbers.
    private struct SystemRandom {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }

    private func value(_ name: String, _ batch: LogBatch, _ row: Int) -> String {
        let stream = LogStream.labels(of: batch.resource(at: batch.resourceIndices[row]))
        if let value = stream[name] { return value }
        let record = batch.record(at: row)
        guard record.body == .empty else { return "" }
        let missing =
            name == SeverityLevel.label ? SeverityLevel.name(of: record.severityNumber) : ""
        return record.attributes.first { LogStream.fieldName($0.key) == name }?.value.text
            ?? missing
    }

    private func rows(of batch: LogBatch) -> [Row] {
        (0..<batch.count).map { row in
            Row(
                time: batch.times[row].nanoseconds,
                values: Self.names.map { value($0, batch, row) })
        }
    }

    @Test(
        "columns of fields hold what the records hold, cached or not",
        arguments: StoreKind.allCases, [1, 2] as [UInt64])
    func columns(kind: StoreKind, seed: UInt64) async throws {
        let store = try StoreUnderTest(kind)
        var random = SystemRandom(state: seed)
        for batch in Self.batches(&random) { _ = try await store.append(batch) }
        let range = TimeRange(
            start: Timestamp(nanoseconds: 200), end: Timestamp(nanoseconds: 900))
        let predicate = LogPredicate(stream: { $0["service_name"] == "a" })
        var expected: [Row] = []
        try store.logs.scanLogs(predicate, in: range, direction: .oldestFirst) { batch, _ in
            expected += rows(of: batch)
            return true
        }
        for names in [Self.names, Array(Self.names.prefix(2)), Self.names] {
            var found: [Row] = []
            try store.logs.scanLogFields(
                LogFieldRequest(names), predicate, in: range, direction: .newestFirst
            ) {
                part, _ in
                switch part {
                case .rows(let batch): found += rows(of: batch)
                case .columns(let fields, let isAccepted):
                    #expect(fields.columns.count == names.count)
                    for row in 0..<fields.count
                    where isAccepted[Int(fields.resourceIndices[row])]
                        && range.contains(Timestamp(nanoseconds: fields.times[row]))
                    {
                        let values = fields.columns.map { column in
                            column.withText(Int(column.codes[row])) {
                                String(decoding: $0, as: UTF8.self)
                            }
                        }
                        found.append(Row(time: fields.times[row], values: values))
                    }
                }
                return .goOn
            }
            let cut = expected.map {
                Row(time: $0.time, values: Array($0.values.prefix(names.count)))
            }
            let shown = found.map {
                Row(time: $0.time, values: Array($0.values.prefix(names.count)))
            }
            #expect(Self.counts(shown) == Self.counts(cut), "seed \(seed)")
        }
    }

    private static func counts(_ rows: [Row]) -> [Row: Int] {
        rows.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    @Test("a visitor that asks for rows gets those of the same part", arguments: StoreKind.allCases)
    func askForRows(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        var random = SystemRandom(state: 3)
        for batch in Self.batches(&random) { _ = try await store.append(batch) }
        var expected = 0
        try store.logs.scanLogs(LogPredicate(), in: .all, direction: .oldestFirst) { batch, _ in
            expected += batch.count
            return true
        }
        var found = 0
        try store.logs.scanLogFields(
            LogFieldRequest(Self.names), LogPredicate(), in: .all, direction: .oldestFirst
        ) { part, _ in
            guard case .rows(let batch) = part else { return .askForRows }
            found += batch.count
            return .goOn
        }
        #expect(found == expected)
        var visits = 0
        try store.logs.scanLogFields(
            LogFieldRequest(Self.names), LogPredicate(), in: .all, direction: .oldestFirst
        ) { _, _ in
            visits += 1
            return .stop
        }
        #expect(visits == 1)
    }

    @Test("work on batches sees each record that a scan visits once", arguments: StoreKind.allCases)
    func work(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        var random = SystemRandom(state: 5)
        for batch in Self.batches(&random) { _ = try await store.append(batch) }
        let range = TimeRange(
            start: Timestamp(nanoseconds: 100), end: Timestamp(nanoseconds: 800))
        let predicate = LogPredicate(stream: { $0["service_name"] == "a" })
        var expected: [Row: Int] = [:]
        try store.logs.scanLogs(predicate, in: range, direction: .newestFirst) { batch, _ in
            for row in rows(of: batch) { expected[row, default: 0] += 1 }
            return true
        }
        var found: [Row: Int] = [:]
        try store.logs.mapLogs(predicate, in: range, { batch in rows(of: batch) }) { rows in
            for row in rows { found[row, default: 0] += 1 }
            return true
        }
        #expect(found == expected && !found.isEmpty)
        var collected = 0
        try store.logs.mapLogs(predicate, in: range, \.count) { _ in
            collected += 1
            return false
        }
        #expect(collected == 1)
    }

    @Test("no record with a wanted identifier is passed over", arguments: StoreKind.allCases)
    func identifiers(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        var random = SystemRandom(state: 4)
        let batches = Self.batches(&random)
        for batch in batches { _ = try await store.append(batch) }
        for number in batches.indices {
            let wanted = "id-\(number)-7"
            let identifier = try #require(LogIdentifier(name: "x_request_id", value: wanted))
            var found = 0
            try store.logs.scanLogs(
                LogPredicate(identifiers: [identifier]), in: .all, direction: .newestFirst
            ) { batch, _ in
                for row in 0..<batch.count
                where batch.record(at: row).attributes.contains(
                    Attribute("x-request-id", .string(wanted)))
                {
                    found += 1
                }
                return true
            }
            #expect(found == 1, "\(wanted)")
        }
        #expect(LogIdentifier(name: "path", value: "x") == nil)
        #expect(LogIdentifier(name: "trace_id", value: "") == nil)
    }

    /// Lines with ids in fields, in texts and in bodies.
    private static func idBatches(_ random: inout SystemRandom) -> [LogBatch] {
        (0..<12).map { number in
            var batch = LogBatch()
            let resource = batch.append(Resource())
            let scope = batch.append(Scope())
            for line in 0..<40 {
                let time = Timestamp(nanoseconds: Int64(random.below(1_000)))
                var record = LogRecord(time: time, observedTime: time)
                let trace = TraceID(
                    high: UInt64(number + 1) << 40, low: UInt64(line) &* 0x9E37_79B9_7F4A_7C15)
                record.attributes = [
                    Attribute("link", .string("https://x/\(trace.hex)/y")),
                    Attribute(
                        "call",
                        .string("0000\(number % 10)abc-1234-5678-9abc-0000000\(10_000 + line)")),
                    Attribute("path", .string("/orders/\(number)/\(line)?q=\u{1}\(line)")),
                    Attribute("code", .int(Int64(random.below(500)))),
                ]
                if number % 4 == 3 {
                    record.body = .string(Self.line(of: record) + " tail \(line)")
                }
                if number % 6 == 5, line == 7 {
                    record.attributes.append(
                        Attribute("more", .map([Attribute("trace", .string(trace.hex))])))
                }
                batch.append(record, resource: resource, scope: scope)
            }
            return batch
        }
    }

    private static func line(of record: LogRecord) -> String {
        var batch = LogBatch()
        let resource = batch.append(Resource())
        batch.append(record, resource: resource, scope: batch.append(Scope()))
        return LogLine.string(batch, row: 0)
    }

    @Test("no record whose line holds a wanted text is passed over", arguments: StoreKind.allCases)
    func texts(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        var random = SystemRandom(state: 11)
        let batches = Self.idBatches(&random)
        for batch in batches { _ = try await store.append(batch) }
        var lines: [String] = []
        for batch in batches { lines += (0..<batch.count).map { LogLine.string(batch, row: $0) } }
        for _ in 0..<60 {
            let line = Array(lines[random.below(lines.count)])
            let start = random.below(line.count - 3)
            let wanted = String(line[start...].prefix(3 + random.below(60)))
            let expected = lines.count { $0.contains(wanted) }
            for direction in [ScanDirection.newestFirst, .oldestFirst] {
                var found = 0
                try store.logs.scanLogs(
                    LogPredicate(requiredTexts: [wanted]), in: .all, direction: direction
                ) { batch, _ in
                    found += (0..<batch.count).count {
                        LogLine.string(batch, row: $0).contains(wanted)
                    }
                    return true
                }
                #expect(found == expected, "\(wanted)")
            }
        }
    }

    @Test("single records of a part can be asked for", arguments: StoreKind.allCases)
    func askForSome(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        var random = SystemRandom(state: 5)
        for batch in Self.batches(&random) { _ = try await store.append(batch) }
        var wanted: [Int64] = []
        var found: [Int64] = []
        try store.logs.scanLogFields(
            LogFieldRequest([]), LogPredicate(), in: .all, direction: .newestFirst
        ) {
            part, _ in
            switch part {
            case .rows(let batch):
                found += batch.times.map(\.nanoseconds)
                return .goOn
            case .columns(let fields, _):
                let rows = (0..<fields.count).filter { _ in random.below(3) == 0 }
                wanted += rows.map { fields.times[$0] }.sorted(by: >)
                return .askFor(rows.map { Int32($0) })
            }
        }
        if kind != .memory { #expect(!wanted.isEmpty && found == wanted) }
    }
}
