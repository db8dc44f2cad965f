import Platform
import Store
import Telemetry
import Testing

@Suite struct LogContractTests {
    private struct Found: Hashable {
        var record: LogRecord
        var resource: Resource
        var scope: Scope
    }

    private func records(
        _ store: StoreUnderTest, _ predicate: LogPredicate, _ range: TimeRange,
        _ direction: ScanDirection
    ) throws -> [Found: Int] {
        var found: [Found: Int] = [:]
        var bound: Timestamp?
        try store.logs.scanLogs(predicate, in: range, direction: direction) { batch, next in
            for row in 0..<batch.count {
                if let bound {
                    #expect(
                        direction == .newestFirst
                            ? batch.times[row] <= bound : batch.times[row] >= bound)
                }
                found[
                    Found(
                        record: batch.record(at: row),
                        resource: batch.resource(at: batch.resourceIndices[row]),
                        scope: batch.scope(at: batch.scopeIndices[row])), default: 0] += 1
            }
            #expect(
                batch.times
                    == batch.times.sorted(by: direction == .newestFirst ? { $0 > $1 } : { $0 < $1 })
            )
            bound = next
            return true
        }
        return found
    }

    @Test(
        "records and streams equal the model's, none lost and none collapsed",
        arguments: StoreKind.allCases.filter { $0 != .memory }, [21, 22, 23] as [UInt64])
    func equalsModel(kind: StoreKind, seed: UInt64) async throws {
        let model = try StoreUnderTest(.memory)
        let store = try StoreUnderTest(kind)
        let generator = Generator(seed: seed)
        for _ in 0..<25 {
            let batch = generator.logs()
            let digest = ContentHash(high: 2, low: UInt64(generator.below(60)))
            let expected = try await model.append(batch, digest: digest)
            #expect(try await store.append(batch, digest: digest) == expected)
        }
        let ranges = [
            TimeRange.all,
            TimeRange(
                start: Timestamp(nanoseconds: generator.start + 300_000_000),
                end: Timestamp(nanoseconds: generator.start + 600_000_000)),
        ]
        let predicates = [
            LogPredicate(), LogPredicate(stream: { $0["service_name"] == "service-1" }),
            LogPredicate(traceID: TraceID(high: 9, low: 3)),
            LogPredicate(stream: { $0["zone"] == "z0" }, traceID: TraceID(high: 9, low: 4)),
            LogPredicate(stream: { _ in false }),
        ]
        for range in ranges {
            for predicate in predicates {
                for direction in [ScanDirection.newestFirst, .oldestFirst] {
                    #expect(
                        try records(store, predicate, range, direction)
                            == records(model, predicate, range, direction), "seed \(seed)")
                }
                if predicate.traceID == nil, range == .all {
                    #expect(
                        try store.logs.logStreams(predicate, in: range)
                            == model.logs.logStreams(predicate, in: range), "seed \(seed)")
                }
            }
        }
    }

    @Test("a visitor that has enough stops the scan", arguments: StoreKind.allCases)
    func earlyStop(kind: StoreKind) async throws {
        let store = try StoreUnderTest(kind)
        let generator = Generator(seed: 5)
        for _ in 0..<20 { _ = try await store.append(generator.logs()) }
        var visits = 0
        try store.logs.scanLogs(LogPredicate(), in: .all, direction: .newestFirst) { _, _ in
            visits += 1
            return false
        }
        #expect(visits == 1)
    }
}
