import Foundation
import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

/// Keeps traces with an error, others by chance; remembers nothing.
private struct ErrorsAndSome: TraceSampling {
    var probability: Double
    var after: Int64 = 0
    var fingerprint: UInt64 { probability.bitPattern | 1 }

    func judge(_ traces: [WholeTrace], seconds: Double) -> [TraceVerdict] {
        traces.map { trace in
            let hasError = trace.rows.contains { trace.batch.statuses[$0] == .error }
            return TraceVerdict(
                probability: hasError ? 1 : probability, policy: hasError ? "errors" : "rest")
        }
    }
}

/// Keeps a share of what the seconds allow, to see which were passed.
private struct SpansEachSecond: TraceSampling {
    var rate: Double
    var after: Int64 = 0
    let fingerprint: UInt64 = 77

    func judge(_ traces: [WholeTrace], seconds: Double) -> [TraceVerdict] {
        let spans = traces.reduce(0) { $0 + Double($1.rows.count) * $1.adjustedCount }
        let share = min(1, rate * seconds / max(1, spans))
        return traces.map { _ in TraceVerdict(probability: share, policy: "rate") }
    }
}

@Suite(.timeLimit(.minutes(5))) struct TraceSamplingTests {
    private static let minute: Int64 = 60_000_000_000

    /// The background judges block by block; there is nothing else to wait for.
    private func settle(_ store: SQLiteTelemetryStore) async throws {
        while store.blocksToJudge > 0 { try await Task.sleep(for: .milliseconds(2)) }
    }

    private func traces(_ store: SQLiteTelemetryStore) throws -> [UInt64: SpanBatch] {
        var found: [UInt64: SpanBatch] = [:]
        try store.scanSpans(SpanPredicate(), in: .all) { batch, _ in
            for row in 0..<batch.count {
                var rows = found[batch.traceIDs[row].low] ?? SpanBatch()
                var merger = SpanBatchMerger()
                let (old, new) = (merger.add(rows), merger.add(batch))
                for known in 0..<rows.count { merger.append(row: known, of: old) }
                merger.append(row: row, of: new)
                rows = merger.take()
                found[batch.traceIDs[row].low] = rows
            }
            return true
        }
        return found
    }

    private func weight(_ batch: SpanBatch) -> Double {
        batch.adjustedCounts()?.reduce(0, +) ?? Double(batch.count)
    }

    private func spans(
        _ trace: UInt64, _ rows: some Sequence<Int> = 0..<3, error: Bool = false
    ) -> SpanBatch {
        var batch = Sample.spans(trace: trace, count: 8).rows(rows)
        if error { batch.statuses[0] = .error }
        return batch
    }

    private func chosen(_ ids: some Sequence<UInt64>, _ probability: Double) -> Set<UInt64> {
        Set(ids.filter { TraceID(high: 7, low: $0).samplingUnit < probability })
    }

    @Test("what stays is chosen by the trace's id, whole, and carries its weight")
    func thinned() async throws {
        let temporary = try TemporaryStore()
        for trace in 1...400 { _ = try await temporary.append(spans(UInt64(trace))) }
        try temporary.store.seal()
        temporary.store.sample(by: ErrorsAndSome(probability: 0.25))
        try await settle(temporary.store)
        let found = try traces(temporary.store)
        #expect(Set(found.keys) == chosen(1...400, 0.25))
        #expect(found.count > 60 && found.count < 140)
        for (trace, batch) in found {
            #expect(batch.count == 3)
            #expect(weight(batch) == 12)
            let first = batch.span(at: 0)
            #expect(
                first.attributes.last == Attribute(SpanBatch.adjustedCountKey, .double(4)))
            #expect(
                first.attributes.dropLast() == spans(trace).span(at: 0).attributes[...])
        }
        let kept = temporary.events.count(
            "sidelight_sampling_traces_total", labels: ["rest", "kept"])
        let dropped = temporary.events.count(
            "sidelight_sampling_traces_total", labels: ["rest", "dropped"])
        #expect(kept == UInt64(found.count) && kept + dropped == 400)
        #expect(temporary.events.count("sidelight_sampling_freed_bytes_total") > 0)
    }

    @Test("a trace is judged over all its blocks and the head")
    func acrossBlocks() async throws {
        let temporary = try TemporaryStore()
        for trace in 1...40 { _ = try await temporary.append(spans(UInt64(trace))) }
        try temporary.store.seal()
        for trace in 1...40 where trace % 2 == 0 {
            _ = try await temporary.append(spans(UInt64(trace), [3, 4], error: trace % 4 == 0))
        }
        try temporary.store.seal()
        for trace in 1...40 where trace % 10 == 1 {
            _ = try await temporary.append(spans(UInt64(trace), [5], error: true))
        }
        temporary.store.sample(by: ErrorsAndSome(probability: 0))
        try await settle(temporary.store)
        let found = try traces(temporary.store)
        let expected = (1...40).filter { $0 % 4 == 0 || $0 % 10 == 1 }.map(UInt64.init)
        #expect(Set(found.keys) == Set(expected))
        for (trace, batch) in found {
            #expect(batch.count == (trace % 4 == 0 ? 5 : 4), "\(trace)")
            #expect(batch.adjustedCounts() == nil)
        }
    }

    @Test("a trace waits until nothing has arrived of it for long enough")
    func waits() async throws {
        let temporary = try TemporaryStore()
        _ = try await temporary.append(spans(1))
        _ = try await temporary.append(spans(2))
        try temporary.store.seal()
        temporary.store.sample(by: ErrorsAndSome(probability: 0, after: 60 * Self.minute))
        #expect(temporary.store.blocksToJudge == 0)
        temporary.clock.advance(byNanoseconds: 50 * Self.minute)
        _ = try await temporary.append(spans(1, [3]))
        try temporary.store.seal()
        temporary.clock.advance(byNanoseconds: 20 * Self.minute)
        try await settle(temporary.store)
        #expect(try temporary.store.trace(TraceID(high: 7, low: 1)).count == 4)
        #expect(try temporary.store.trace(TraceID(high: 7, low: 2)).isEmpty)
        temporary.clock.advance(byNanoseconds: 60 * Self.minute)
        try await settle(temporary.store)
        #expect(try traces(temporary.store).isEmpty)
    }

    @Test("spans that come after their trace was judged share its fate, errors stay")
    func late() async throws {
        let temporary = try TemporaryStore()
        for trace in 1...100 { _ = try await temporary.append(spans(UInt64(trace))) }
        try temporary.store.seal()
        temporary.store.sample(by: ErrorsAndSome(probability: 0.5))
        try await settle(temporary.store)
        for trace in 1...100 {
            _ = try await temporary.append(spans(UInt64(trace), [6], error: trace % 10 == 0))
        }
        try temporary.store.seal()
        try await settle(temporary.store)
        let found = try traces(temporary.store)
        let lucky = chosen(1...100, 0.5)
        #expect(Set(found.keys) == lucky.union((1...10).map { UInt64($0) * 10 }))
        for (trace, batch) in found {
            #expect(batch.count == (lucky.contains(trace) ? 4 : 1), "\(trace)")
            // The late error stands for itself, the spans before it for two each.
            let late = trace % 10 == 0 ? 1.0 : 2
            #expect(weight(batch) == (lucky.contains(trace) ? 6 + late : 1), "\(trace)")
            #expect(WholeTrace(batch).adjustedCount == late)
        }
    }

    @Test("judging again changes nothing; stricter policies take from what stayed")
    func again() async throws {
        let temporary = try TemporaryStore()
        for trace in 1...300 { _ = try await temporary.append(spans(UInt64(trace))) }
        try temporary.store.seal()
        for probability in [0.5, 0.5, 0.9, 0.1] {
            temporary.store.sample(by: ErrorsAndSome(probability: probability))
            try await settle(temporary.store)
        }
        let found = try traces(temporary.store)
        #expect(Set(found.keys) == chosen(1...300, 0.1))
        for batch in found.values { #expect(weight(batch) == 30) }
    }

    @Test("what was thinned and judged is so after a restart and a sudden end")
    func restarts() async throws {
        let temporary = try TemporaryStore()
        for trace in 1...200 {
            _ = try await temporary.append(spans(UInt64(trace)))
            if trace % 20 == 0 { try temporary.store.seal() }
        }
        temporary.store.sample(by: ErrorsAndSome(probability: 0.3))
        // At any moment there is each trace once, thinned or not.
        for _ in 0..<5 {
            let copy = try temporary.openCopy()
            for (trace, batch) in try traces(copy) {
                #expect(batch.count == 3, "\(trace)")
                #expect(batch.adjustedCounts() == nil || weight(batch) == 10)
            }
            #expect(chosen(1...200, 0.3).isSubset(of: Set(try traces(copy).keys)))
            try copy.close()
            try FileManager.default.removeItem(atPath: temporary.directory + "/copy")
        }
        try await settle(temporary.store)
        let before = try traces(temporary.store)
        #expect(Set(before.keys) == chosen(1...200, 0.3))
        try temporary.reopen()
        temporary.store.sample(by: ErrorsAndSome(probability: 0.3))
        #expect(temporary.store.blocksToJudge == 0)
        let after = try traces(temporary.store)
        #expect(after.mapValues(\.spanIDs) == before.mapValues(\.spanIDs))
        #expect(after.values.reduce(0) { $0 + weight($1) } == Double(after.count) * 10)
    }

    @Test("weights are read with whatever columns are asked for")
    func columns() async throws {
        let temporary = try TemporaryStore()
        for trace in 1...100 { _ = try await temporary.append(spans(UInt64(trace))) }
        try temporary.store.seal()
        temporary.store.sample(by: ErrorsAndSome(probability: 0.5))
        try await settle(temporary.store)
        let expected = Double(chosen(1...100, 0.5).count * 3 * 2)
        let units: [SpanScan.Unit] = [.spans, .traces(spansEach: 100)]
        for unit in units {
            for fields: SpanFields in [.times, .core, .attributes, [.events, .links], .all] {
                let scan = SpanScan(in: .all, fields: fields, attributeKeys: [], unit: unit)
                var sum = 0.0
                try temporary.store.scanSpans(scan) { found in
                    let counts = found.batch.adjustedCounts()
                    return found.rows.reduce(0.0) { $0 + (counts?[$1] ?? 1) }
                } visit: { part, _ in
                    sum += part
                    return true
                }
                #expect(sum == expected, "\(unit) \(fields)")
            }
        }
    }

    @Test("blocks that overlap in time share the seconds that they stand for")
    func seconds() async throws {
        let temporary = try TemporaryStore()
        // 40 blocks of the same 100 s, 50 spans each: 2,000 spans in 100 s.
        for block in 0..<40 {
            var batch = SpanBatch()
            for trace in 0..<50 {
                var one = spans(UInt64(block * 50 + trace + 1), [0])
                one.starts = [
                    Timestamp(nanoseconds: TemporaryStore.start + Int64(trace) * 2_000_000_000)
                ]
                var merger = SpanBatchMerger()
                let (old, new) = (merger.add(batch), merger.add(one))
                for row in 0..<batch.count { merger.append(row: row, of: old) }
                merger.append(row: 0, of: new)
                batch = merger.take()
            }
            _ = try await temporary.append(batch)
            try temporary.store.seal()
        }
        temporary.store.sample(by: SpansEachSecond(rate: 5))
        try await settle(temporary.store)
        let found = try traces(temporary.store)
        // 5 a second for 98 s, by chance: five standard deviations.
        #expect(abs(Double(found.count) - 490) < 111, "\(found.count)")
        let sum = found.values.reduce(0) { $0 + weight($1) }
        #expect(abs(sum - 2_000) < 452, "\(sum)")
    }

    @Test("beyond the bound on bytes the oldest blocks go, and days that are empty with them")
    func bytes() async throws {
        // A day's spans have 60 kB of random digits at least: one day fits, two do not.
        let temporary = try TemporaryStore { $0.spanBytesMax = 115_000 }
        var state: UInt64 = 1
        for day in 0..<3 {
            for trace in 1...150 {
                var batch = SpanBatch()
                let resource = batch.append(Resource(attributes: []))
                let scope = batch.append(Scope())
                let whole = spans(UInt64(day * 1_000 + trace), 0..<8)
                for row in 0..<8 {
                    var span = whole.span(at: row)
                    let digits = (0..<7).map { _ in
                        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        return HexDigits.string(state ^ state >> 29)
                    }
                    span.attributes = [Attribute("digits", .string(digits.joined()))]
                    batch.append(span, resource: resource, scope: scope)
                }
                _ = try await temporary.append(batch)
            }
            try temporary.store.seal()
            temporary.clock.advance(byNanoseconds: StoreConfiguration.day)
        }
        let folder = temporary.directory + "/traces"
        func days() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { $0.hasSuffix(".db") }.sorted()
        }
        while try days().count > 1 {
            temporary.clock.advance(byNanoseconds: Self.minute)
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try days() == ["2026-11-23.db"])
        let found = try traces(temporary.store)
        #expect(Set(found.keys) == Set((2_001...2_150).map(UInt64.init)))
        #expect(
            temporary.events.count("sidelight_store_expired_blocks_total", labels: ["traces"]) > 0)
    }
}
