import Foundation
import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite("The bound on bytes of logs")
struct LogBytesTests {
    /// Lines of random digits, about 45 kB after compression.
    private func lines(_ day: Int, _ random: inout UInt64) -> LogBatch {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string("day-\(day)"))]))
        let scope = batch.append(Scope())
        for index in 0..<1_500 {
            let digits = (0..<4).map { _ in
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return HexDigits.string(random ^ random >> 29)
            }
            let time = TemporaryStore.start + Int64(day) * StoreConfiguration.day + Int64(index)
            batch.append(
                LogRecord(
                    time: Timestamp(nanoseconds: time), observedTime: .zero,
                    body: .string(digits.joined())), resource: resource, scope: scope)
        }
        return batch
    }

    @Test("drops the oldest lines and keeps the newest, and those of traces are not touched")
    func bound() async throws {
        let temporary = try TemporaryStore { $0.logBytesMax = 75_000 }
        _ = try await temporary.append(Sample.spans(trace: 1, count: 5))
        var random: UInt64 = 1
        for day in 0..<3 {
            _ = try await temporary.append(lines(day, &random))
            try temporary.store.seal()
            temporary.clock.advance(byNanoseconds: StoreConfiguration.day)
        }
        func services() throws -> [String] {
            try temporary.store.logStreams(LogPredicate(), in: .all)
                .compactMap { $0["service_name"] }.sorted()
        }
        while try services().count > 1 {
            temporary.clock.advance(byNanoseconds: 60_000_000_000)
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try services() == ["day-2"])
        #expect(
            temporary.events.count("sidelight_store_expired_blocks_total", labels: ["logs"]) > 0)
        #expect(try temporary.store.trace(TraceID(high: 7, low: 1)).count == 5)
    }
}
