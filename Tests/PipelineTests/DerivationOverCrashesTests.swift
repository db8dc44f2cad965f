import Foundation
import Logging
import Pipeline
import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct DerivationOverCrashesTests {
    @Test("a checkpoint gives back every total and every waiting half", arguments: 0..<10)
    func checkpoints(seed: Int) {
        var random = Generator(seed: UInt64(seed))
        let probe = DeriverProbe()
        var later: [SpanBatch] = []
        for number in 0..<40 {
            var batch = SpanBatch()
            let resource = batch.append(
                Resource(attributes: [
                    Attribute(SemanticKey.serviceName, .string("s\(number % 7)"))
                ]))
            let scope = batch.append(Scope())
            for _ in 0..<20 { batch.append(random.span(), resource: resource, scope: scope) }
            for row in 0..<20 where batch.kinds[row] == .client {
                later.append(
                    ServiceGraphTests.span(
                        "other", .server, id: random.next(), parent: batch.spanIDs[row].value))
                later[later.count - 1].traceIDs[0] = batch.traceIDs[row]
            }
            probe.add(batch)
        }
        let other = DeriverProbe(checkpoint: probe.deriver.checkpoint())
        #expect(other.deriver.checkpoint() == probe.deriver.checkpoint())
        for batch in later {
            probe.add(batch)
            other.add(batch)
        }
        #expect(other.values() == probe.values(), "seed \(seed)")
    }

    @Test("bytes that are no checkpoint are refused at every length")
    func damagedCheckpoints() {
        let probe = DeriverProbe()
        probe.add(SpanMetricsTests.spans("cart", names: ["a", "b"]))
        probe.add(ServiceGraphTests.span("cart", .client, id: 5))
        let bytes = probe.deriver.checkpoint()
        for length in 0..<bytes.count {
            #expect(!SpanDeriver(naming: .tempo).restore(Array(bytes[..<length])), "\(length)")
        }
        #expect(SpanDeriver(naming: .openTelemetry).restore(bytes), "other names start anew")
    }

    /// Opens copies of a store's folder, as after sudden ends.
    private final class Life {
        let folder =
            FileManager.default.temporaryDirectory.path + "/sidelight-" + UUID().uuidString
        let clock = ManualClock(wallNanoseconds: DeriverProbe.start.nanoseconds)
        let events = EventLog(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        private(set) var deriver = SpanDeriver(naming: .tempo)
        private(set) var store: SQLiteTelemetryStore
        private var lives = 0
        /// Thins stored traces in each life.
        var sampling: SamplingPolicies? { didSet { store.sample(by: sampling) } }

        init() throws {
            store = try SQLiteTelemetryStore(
                configuration: StoreConfiguration(directory: folder + "/0"), clock: clock,
                events: events, derivation: deriver)
        }

        deinit {
            do { try FileManager.default.removeItem(atPath: folder) } catch { print(error) }
        }

        /// Goes on with a copy of the files as they are now; the old store goes on in its own.
        func crash(derives: Bool = true) throws {
            lives += 1
            let next = "\(folder)/\(lives)"
            try FileManager.default.createDirectory(
                atPath: next, withIntermediateDirectories: true)
            for name in try FileManager.default.contentsOfDirectory(
                atPath: "\(folder)/\(lives - 1)") where name != "LOCK"
            {
                try FileManager.default.copyItem(
                    atPath: "\(folder)/\(lives - 1)/\(name)", toPath: "\(next)/\(name)")
            }
            try store.close()
            deriver = SpanDeriver(naming: .tempo)
            store = try SQLiteTelemetryStore(
                configuration: StoreConfiguration(directory: next), clock: clock,
                events: events, derivation: derives ? deriver : nil)
            store.sample(by: sampling)
        }

        func append(_ batch: SpanBatch, digest: ContentHash) async throws -> AppendOutcome {
            try await withCheckedThrowingContinuation { continuation in
                store.append(spans: batch, digest: digest) { continuation.resume(with: $0) }
            }
        }

        /// Writes the totals, as the loop does.
        func write() async {
            let loop = DerivedMetricsLoop(
                deriver, metrics: store, clock: clock, events: events, intervalNanoseconds: 1)
            await withCheckedContinuation { continuation in
                loop.write { continuation.resume() }
            }
        }

        /// The samples of the only series of calls.
        func calls() throws -> [Double] {
            let selection = try store.selectSeries(
                [LabelMatcher("__name__", .equal, "traces_spanmetrics_calls_total")],
                in: 0...Int64.max)
            var columns = SampleColumns()
            guard selection.count == 1 else { return [] }
            try selection.samples(0, into: &columns)
            return columns.values
        }
    }

    @Test(
        "counts are exact over sudden ends and retries, wherever the seals fall",
        arguments: 0..<8)
    func exact(seed: Int) async throws {
        var random = Generator(seed: UInt64(seed))
        let life = try Life()
        var expected = 0.0
        var written: [Double] = []
        for step in 0..<60 {
            life.clock.advance(byNanoseconds: 1_000_000_000)
            let batch = SpanMetricsTests.spans(
                "cart", names: [String](repeating: "a", count: 1 + random.below(5)),
                trace: UInt64(step))
            let digest = ContentHash(high: 1, low: UInt64(step))
            #expect(try await life.append(batch, digest: digest) == .stored)
            expected += Double(batch.count)
            if random.below(4) == 0 {
                #expect(try await life.append(batch, digest: digest) == .duplicate)
            }
            switch random.below(6) {
            case 0: try life.store.seal()
            case 1:
                await life.write()
                written.append(expected)
            case 2:
                try life.crash()
                #expect(try await life.append(batch, digest: digest) == .duplicate)
            default: break
            }
        }
        life.clock.advance(byNanoseconds: 1_000_000_000)
        await life.write()
        written.append(expected)
        #expect(try life.calls() == [0] + written, "seed \(seed)")
        try life.store.close()
    }

    @Test(
        "counts stay exact while the spans that they are of are thinned out",
        .timeLimit(.minutes(5)), arguments: 0..<4)
    func exactWhileThinned(seed: Int) async throws {
        var random = Generator(seed: UInt64(seed))
        let life = try Life()
        life.sampling = SamplingPolicies([], after: 0, fingerprint: 1)
        var expected = 0.0
        for step in 0..<40 {
            life.clock.advance(byNanoseconds: 1_000_000_000)
            let batch = SpanMetricsTests.spans(
                "cart", names: [String](repeating: "a", count: 1 + random.below(5)),
                trace: UInt64(step))
            let digest = ContentHash(high: 4, low: UInt64(step))
            #expect(try await life.append(batch, digest: digest) == .stored)
            expected += Double(batch.count)
            switch random.below(4) {
            case 0: try life.store.seal()
            case 1:
                try life.crash()
                #expect(try await life.append(batch, digest: digest) == .duplicate)
            default: break
            }
        }
        try life.store.seal()
        // The background judges block by block; there is nothing else to wait for.
        while life.store.blocksToJudge > 0 { try await Task.sleep(for: .milliseconds(2)) }
        var left = 0
        try life.store.scanSpans(SpanPredicate(), in: .all) { batch, _ in
            left += batch.count
            return true
        }
        #expect(left == 0)
        try life.crash()
        await life.write()
        #expect(try life.calls().last == expected, "seed \(seed)")
        try life.store.close()
    }

    @Test("a state without journal goes on after an orderly end")
    func orderlyEnd() async throws {
        let life = try Life()
        let batch = SpanMetricsTests.spans("cart", names: ["a", "a", "a"])
        _ = try await life.append(batch, digest: ContentHash(high: 2, low: 1))
        await life.write()
        try life.store.close()
        let deriver = SpanDeriver(naming: .tempo)
        let store = try SQLiteTelemetryStore(
            configuration: StoreConfiguration(directory: life.folder + "/0"), clock: life.clock,
            events: life.events, derivation: deriver)
        #expect(deriver.checkpoint() == life.deriver.checkpoint())
        try store.close()
    }

    @Test("a program that derives nothing keeps the journal for one that does")
    func openedWithoutDerivation() async throws {
        let life = try Life()
        for number in 0..<5 {
            _ = try await life.append(
                SpanMetricsTests.spans("cart", names: ["a"], trace: UInt64(number)),
                digest: ContentHash(high: 3, low: UInt64(number)))
        }
        try life.crash(derives: false)
        _ = try await life.append(
            SpanMetricsTests.spans("cart", names: ["a", "a"], trace: 9),
            digest: ContentHash(high: 3, low: 9))
        try life.store.seal()
        try life.crash()
        await life.write()
        #expect(try life.calls() == [0, 7])
        try life.store.close()
    }
}
