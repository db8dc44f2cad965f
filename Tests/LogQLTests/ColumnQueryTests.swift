import LogQL
import QueryCore
import Store
import Synchronization
import Telemetry
import Testing

/// The memory store, with columns of fields as a store of blocks has them.
private final class ColumnStore: LogStore {
    let rows: MemoryStore
    /// Parts whose records are asked for before any of them is handed out.
    let deferred: Int
    /// Parts handed out as columns and as rows.
    let parts = Mutex((columns: 0, rows: 0))

    init(_ rows: MemoryStore, deferred: Int = 1) {
        self.rows = rows
        self.deferred = deferred
    }

    func append(
        logs batch: LogBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) { rows.append(logs: batch, digest: digest, completion: completion) }

    func scanLogs(
        _ predicate: LogPredicate, in range: TimeRange, direction: ScanDirection,
        visit: (_ matches: LogBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        try rows.scanLogs(predicate, in: range, direction: direction, visit: visit)
    }

    func scanLogFields(
        _ request: LogFieldRequest, _ predicate: LogPredicate, in range: TimeRange,
        direction: ScanDirection,
        visit: (_ part: LogFieldPart, _ bound: Timestamp) -> LogFieldAnswer
    ) throws(StoreError) {
        var waiting: [(batch: LogBatch, bound: Timestamp)] = []
        func deliver() -> LogFieldAnswer {
            defer { waiting = [] }
            for (batch, bound) in waiting where visit(.rows(batch), bound) == .stop {
                return .stop
            }
            return .goOn
        }
        // Records outside the range are in the parts too.
        try rows.scanLogs(predicate, in: .all, direction: direction) { batch, bound in
            var answer = LogFieldAnswer.askForRows
            if let fields = LogFieldReader.read(batch, request) {
                parts.withLock { $0.columns += 1 }
                answer = visit(
                    .columns(fields, isAccepted: fields.streams.map { _ in true }), bound)
            }
            switch answer {
            case .goOn, .stop: break
            case .askForRows:
                parts.withLock { $0.rows += 1 }
                let inside = (0..<batch.count).filter { range.contains(batch.times[$0]) }
                answer = visit(.rows(batch.picking(inside)), bound)
            case .askFor(let rows):
                parts.withLock { $0.rows += 1 }
                waiting.append((batch.picking(rows.map { Int($0) }), bound))
                answer = waiting.count < deferred ? .goOn : deliver()
            }
            return answer != .stop
        }
        _ = deliver()
    }

    func logStreams(
        _ predicate: LogPredicate, in range: TimeRange
    ) throws(StoreError) -> [Labels] { try rows.logStreams(predicate, in: range) }
}

@Suite("queries answered from columns of fields")
struct ColumnQueryTests {
    private static func fill(_ logs: TestLogs, _ random: inout TestRandom, texts: Bool) {
        for _ in 0..<300 {
            let time = Int64(random.below(100)) * 1_000_000_000
            var attributes: [Attribute] = []
            if random.below(6) > 0 {
                attributes.append(Attribute("code", .int(Int64(random.pick([200, 404, 500])))))
            }
            if random.below(6) > 0 {
                attributes.append(Attribute("path", .string(random.pick(["/a", "/b", "/ç\n"]))))
            }
            if random.below(6) > 0 {
                attributes.append(Attribute("ms", .double(Double(random.below(40)) / 4)))
            }
            if random.below(30) == 0, texts {
                attributes.append(Attribute("odd", .string("x")))
            }
            if random.below(8) == 0 { attributes.append(Attribute("zone", .string("field"))) }
            let zone = random.below(2) == 0
            if random.below(9) == 0 {
                attributes.append(Attribute("detected_level", .string("notice")))
            }
            let severity = (text: "", number: UInt8(random.pick([0, 9, 13, 17, 20])))
            let resource: KeyValuePairs<String, String> =
                zone ? ["service.name": "shop", "zone": "z"] : ["service.name": "shop"]
            if random.below(40) == 0, texts {
                logs.add(
                    resource, at: time, .string(AttributeValue.map(attributes).text),
                    severity: severity)
            } else if random.below(20) == 0, texts {
                // As a proxy's line of text is kept: beside what it says.
                logs.add(
                    resource, at: time, .string("GET /a"), attributes: attributes,
                    severity: severity)
            } else {
                logs.add(
                    resource, at: time, .empty, attributes: attributes, severity: severity)
            }
        }
    }

    private static let conditions = [
        "", "| code >= 404", "| code = 200 or path = `/a`", "| path =~ `/[ab]`", "| path != `/a`",
        "| code != 500 and (ms > 3 or path = ``)", "| zone = `z`", "| zone = `field` | ms < 5",
        "| code = 404 | __error__ = ``", "| drop __error__ | code < 500", "| path > 5",
        "| path > 5 | __error__ = ``", "| missing = ``", "| ms >= 2.5ms",
        "|= `` | code > 200", "|~ `` or `x` | code = 404", "| detected_level = `error`",
        "| detected_level != `unknown` | code > 200",
    ]

    private static let queries = [
        "sum by (code, path) (count_over_time({service_name=\"shop\"} | json C [20s]))",
        "sum by (zone) (rate({service_name=\"shop\"} | json C [1m]))",
        "sum(count_over_time({service_name=\"shop\"} | json C [7s] offset 3s))",
        "sum by (path, missing) (count_over_time({service_name=\"shop\"} | json C [5s]))",
        "quantile_over_time(0.9, {service_name=\"shop\"} | json C | unwrap ms [30s]) by (path)",
        "sum by (code) (sum_over_time({service_name=\"shop\"} | json C | unwrap ms [30s]))",
        "max_over_time({service_name=\"shop\"} | json C | unwrap ms | ms > 2 [30s]) by (zone)",
        "avg_over_time({service_name=\"shop\"} | json C | unwrap code | __error__=`` [30s]) by ()",
        "sum without (code) (count_over_time({service_name=\"shop\"} | json C [20s]))",
        "sum by (path) (bytes_over_time({service_name=\"shop\"} | json C [20s]))",
        "sum by (odd, code) (count_over_time({service_name=\"shop\"} | json C [20s]))",
        "sum by (level, detected_level) (count_over_time({service_name=\"shop\"} | json C [20s]))",
        "rate({service_name=\"shop\"} | json C [20s])",
        "max without (zone) (bytes_over_time({service_name=\"shop\"} | json C [20s]))",
        "sum without (zone) (count_over_time({service_name=\"shop\"} | json C [20s]))",
    ]

    @Test("they are what the records say", arguments: 1...80)
    func metrics(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let logs = TestLogs()
        Self.fill(logs, &random, texts: random.below(2) == 0)
        let columns = ColumnStore(logs.store)
        let query = random.pick(Self.queries)
            .replacing("| json ", with: random.below(2) == 0 ? "| json " : "")
            .replacing("C", with: random.pick(Self.conditions))
        let (start, end) = (Int64(random.below(50)) * 1_000, Int64(50 + random.below(60)) * 1_000)
        let step = Int64(1 + random.below(30)) * 1_000
        func evaluate(_ store: any LogStore) -> String {
            do {
                let result = try LogQLEngine(store: store).range(
                    query, start: start, end: random.state % 3 == 0 ? start : end, step: step)
                guard case .matrix(_, let series) = result.value else { return "no matrix" }
                return series.map { series in
                    let values = series.values.map { value in
                        StepValue.isPresent(value) ? "\((value * 1e6).rounded())" : "_"
                    }
                    return "\(series.labels) \(values)"
                }.joined(separator: "\n")
            } catch {
                // Which line fails first is not told.
                return String("\(error)".prefix(40))
            }
        }
        #expect(evaluate(columns) == evaluate(logs.store), "seed \(seed): \(query)")
    }

    @Test("lines are those that the records say", arguments: 1...60)
    func lines(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let logs = TestLogs()
        Self.fill(logs, &random, texts: random.below(2) == 0)
        let condition = random.pick(Self.conditions)
        let query = "{service_name=\"shop\"} | json \(condition)"
        let limit = random.pick([1, 5, 1_000])
        let direction: ScanDirection = random.below(2) == 0 ? .newestFirst : .oldestFirst
        func evaluate(_ store: any LogStore) throws -> [LogStreamResult] {
            try LogQLEngine(store: store).streams(
                query, start: Timestamp(seconds: 20), end: Timestamp(seconds: 90), limit: limit,
                direction: direction)
        }
        let expected = try evaluate(logs.store)
        for deferred in [1, 7] {
            let found = try evaluate(ColumnStore(logs.store, deferred: deferred))
            #expect(found == expected, "seed \(seed): \(query)")
        }
    }

    @Test("records are not looked at where columns tell all")
    func columnsOnly() throws {
        var random = TestRandom(seed: 1)
        let logs = TestLogs()
        Self.fill(logs, &random, texts: false)
        let store = ColumnStore(logs.store)
        let byStream = ["rate", "count_over_time"].map { "\($0)({service_name=\"shop\"} C [20s])" }
        let byLevel =
            "sum by (level, detected_level) (count_over_time({service_name=\"shop\"} C [1m]))"
        for query in Self.queries.prefix(7) + byStream + [byLevel] {
            _ = try LogQLEngine(store: store).instant(
                query.replacing("C", with: "|= `` | code >= 404"), at: 60_000)
        }
        _ = try LogQLEngine(store: store).streams(
            "{service_name=\"shop\"} | json | path = `/none`", start: .zero, end: .distantFuture,
            limit: 5)
        #expect(store.parts.withLock { $0.rows } == 0)
        #expect(store.parts.withLock { $0.columns } > 8)
    }
}
