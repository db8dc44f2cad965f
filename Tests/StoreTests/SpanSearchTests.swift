import Platform
import Store
import Telemetry
import Testing

/// Whatever a store leaves out of its reads, the answer is the one of looking at every span.
@Suite struct SpanSearchTests {
    /// Spans without duplicates, so that answers are exactly those of the model, with attributes at
    /// every place and resources that have no service.
    private struct Spans {
        let random: Generator
        var next: UInt64 = 1

        init(seed: UInt64) { random = Generator(seed: seed) }

        func below(_ bound: Int) -> Int { random.below(bound) }

        func value() -> AttributeValue {
            switch below(9) {
            case 0, 1: .string("v\(below(4))")
            case 2: .int(Int64(below(4)) - 1)
            case 3: .bool(below(2) == 0)
            case 4: .double(Double(below(6)) / 2 - 1)
            case 5: .array([.int(Int64(below(2)))])
            case 6: .map([Attribute("k", .string("v\(below(2))"))])
            case 7: .empty
            default: .bytes([UInt8(below(3))])
            }
        }

        func attributes(_ most: Int) -> [Attribute] {
            (0..<below(most + 1)).map { _ in Attribute(key(), value()) }
        }

        func key() -> String { below(40) == 0 ? "rare" : "key\(below(5))" }

        mutating func batch(second: Int) -> SpanBatch {
            var batch = SpanBatch()
            for _ in 0..<(1 + below(3)) {
                var resource = Resource(attributes: attributes(2))
                if below(4) > 0 {
                    resource.attributes.append(
                        Attribute(SemanticKey.serviceName, .string("service-\(below(3))")))
                }
                let resourceIndex = batch.append(resource)
                let scope = batch.append(Scope(name: "s", attributes: attributes(1)))
                for _ in 0..<(1 + below(10)) {
                    batch.append(span(second), resource: resourceIndex, scope: scope)
                }
            }
            return batch
        }

        private mutating func span(_ second: Int) -> SpanRecord {
            let start =
                random.start + Int64(second) * 1_000_000_000 + Int64(below(1_000_000_000))
            var span = SpanRecord(
                traceID: TraceID(high: 9, low: UInt64(1 + below(60))), spanID: SpanID(next),
                name: "operation \(below(4))", start: Timestamp(nanoseconds: start),
                duration: below(30) == 0 ? 90_000 + Int64(below(9)) : Int64(below(1_000)))
            next += 1
            span.kind = SpanKind.allCases[below(6)]
            span.status = below(12) == 0 ? .error : SpanStatus.allCases[below(2)]
            span.parentID = SpanID(UInt64(below(3)))
            span.attributes = attributes(3)
            span.events = (0..<below(2)).map { _ in
                SpanEvent(time: span.start, name: "event", attributes: attributes(2))
            }
            span.links = (0..<below(2)).map { _ in
                SpanLink(
                    traceID: TraceID(high: 1, low: 2), spanID: SpanID(3),
                    attributes: attributes(2))
            }
            return span
        }

        func condition() -> SpanCondition {
            switch below(12) {
            case 0: .service(below(6) == 0 ? "" : "service-\(below(4))")
            case 1: .name("operation \(below(5))")
            case 2: .kind(SpanKind.allCases[below(6)])
            case 3: .status(SpanStatus.allCases[below(3)])
            case 4: .durationAtLeast(below(2) == 0 ? 90_000 : Int64(below(1_000)))
            case 5: .durationAtMost(below(5) == 0 ? -1 : Int64(below(1_000)))
            case 6: .root
            default: .attribute(AttributeScope.allCases[below(6)], key: key(), test())
            }
        }

        private func test() -> AttributeTest {
            switch below(5) {
            case 0: .exists
            case 1: .equals(value())
            case 2: .text(value().text)
            case 3: .textOfAny(["v1", "true", "0", "1", "[0]"][below(5)])
            default: .text(["v1", "true", "0", "1", "-1", "007", "+1", "0.5", "nan"][below(9)])
            }
        }

        func predicate() -> SpanPredicate {
            SpanPredicate((0..<below(4)).map { _ in condition() })
        }

        func range() -> TimeRange {
            if below(3) == 0 { return .all }
            let from = random.start + Int64(below(30_000)) * 1_000_000
            return TimeRange(
                start: Timestamp(nanoseconds: from),
                end: Timestamp(nanoseconds: from + Int64(below(15_000)) * 1_000_000))
        }
    }

    private func found(
        _ store: any SpanStore, _ predicate: SpanPredicate, _ range: TimeRange,
        fields: SpanFields
    ) throws -> [SpanID: SpanRecord] {
        var spans: [SpanID: SpanRecord] = [:]
        var last = Timestamp.distantFuture
        try store.scanSpans(predicate, in: range, fields: fields) { batch, bound in
            for row in 0..<batch.count {
                #expect(batch.starts[row] <= last, "a span newer than the bound")
                #expect(spans[batch.spanIDs[row]] == nil, "a span is visited twice")
                spans[batch.spanIDs[row]] = batch.span(at: row)
            }
            last = bound
            return true
        }
        return spans
    }

    @Test(
        "pruning never changes an answer",
        arguments: StoreKind.allCases.filter { $0 != .memory }, [21, 22, 23] as [UInt64])
    func pruning(kind: StoreKind, seed: UInt64) async throws {
        let model = try StoreUnderTest(.memory)
        let store = try StoreUnderTest(kind)
        var spans = Spans(seed: seed)
        for second in 0..<30 {
            let batch = spans.batch(second: second)
            _ = try await model.append(batch)
            _ = try await store.append(batch)
        }
        var hits = 0
        for _ in 0..<400 {
            let (predicate, range) = (spans.predicate(), spans.range())
            let expected = try found(model.spans, predicate, range, fields: .all)
            let actual = try found(store.spans, predicate, range, fields: .all)
            #expect(actual == expected, "\(predicate) in \(range), seed \(seed)")
            let identities = try found(store.spans, predicate, range, fields: .identity)
            #expect(Set(identities.keys) == Set(expected.keys))
            for (id, span) in identities {
                #expect(span.traceID == expected[id]?.traceID)
                #expect(span.start == expected[id]?.start)
                #expect(span.duration == expected[id]?.duration)
            }
            hits += expected.isEmpty ? 0 : 1
        }
        #expect(hits > 100, "most questions find nothing: they prove little")
    }

    @Test(
        "several traces are read at once as each by itself",
        arguments: StoreKind.allCases, [31, 32] as [UInt64])
    func severalTraces(kind: StoreKind, seed: UInt64) async throws {
        let store = try StoreUnderTest(kind)
        var spans = Spans(seed: seed)
        for second in 0..<12 { _ = try await store.append(spans.batch(second: second)) }
        let ids = [5, 61, 1, 5, 60, 2, 3].map { TraceID(high: 9, low: $0) }
        let traces = try store.spans.traces(ids)
        #expect(traces.count == ids.count)
        for (id, trace) in zip(ids, traces) {
            let alone = try store.spans.trace(id)
            #expect(trace.count == alone.count && trace.traceIDs.allSatisfy { $0 == id })
            #expect(
                (0..<trace.count).map { trace.span(at: $0) }
                    == (0..<alone.count).map { alone.span(at: $0) })
        }
        #expect(traces[1].isEmpty && !traces[0].isEmpty)
    }

    @Test(
        "of a large trace a list has a part, and says how many there are",
        arguments: StoreKind.allCases, [41, 42] as [UInt64])
    func boundedTraces(kind: StoreKind, seed: UInt64) async throws {
        let store = try StoreUnderTest(kind)
        var spans = Spans(seed: seed)
        for second in 0..<25 { _ = try await store.append(spans.batch(second: second)) }
        let ids = (UInt64(1)...60).map { TraceID(high: 9, low: $0) }
        let whole = try store.spans.traces(ids)
        for spansEach in [1, 4, 7, 100] {
            let bounded = try store.spans.traces(ids, spansEach: spansEach)
            for (trace, some) in zip(whole, bounded) {
                #expect(some.spans.count == min(trace.count, spansEach))
                #expect(some.cutFrom == (trace.count > spansEach ? trace.count : nil))
                #expect(Set(trace.spanIDs).isSuperset(of: some.spans.spanIDs))
            }
        }
        #expect(whole.contains { $0.count > 4 })
    }

    @Test(
        "a scan of traces hands on each trace with a matching span once and whole",
        arguments: StoreKind.allCases, [51, 52] as [UInt64])
    func wholeTraces(kind: StoreKind, seed: UInt64) async throws {
        let store = try StoreUnderTest(kind)
        var spans = Spans(seed: seed)
        for second in 0..<25 { _ = try await store.append(spans.batch(second: second)) }
        var hits = 0
        for _ in 0..<60 {
            let (predicate, range) = (spans.predicate(), spans.range())
            let matching = try found(store.spans, predicate, range, fields: .all)
            var newest: [TraceID: Timestamp] = [:]
            for span in matching.values {
                newest[span.traceID] = max(newest[span.traceID] ?? .distantPast, span.start)
            }
            let scan = SpanScan(predicate, in: range, unit: .traces(spansEach: 1_000))
            var seen = Set<TraceID>()
            var last = Timestamp.distantFuture
            try store.spans.scanSpans(scan, read: { $0 }) { found, bound in
                #expect(found.rows == Array(0..<found.batch.count))
                var first = 0
                while first < found.batch.count {
                    let id = found.batch.traceIDs[first]
                    let end = found.batch.traceIDs[first...].firstIndex { $0 != id }
                    let rows = first..<(end ?? found.batch.count)
                    #expect(seen.insert(id).inserted, "trace \(id) comes twice")
                    #expect(newest[id].map { $0 <= last } ?? false, "newer than the bound")
                    expectWhole(store.spans, id, rows.map { found.batch.span(at: $0) })
                    first = rows.upperBound
                }
                last = bound
                return true
            }
            #expect(seen == Set(newest.keys), "\(predicate) in \(range), seed \(seed)")
            hits += seen.count
        }
        #expect(hits > 200, "most questions find nothing: they prove little")
    }

    private func expectWhole(_ store: any SpanStore, _ id: TraceID, _ spans: [SpanRecord]) {
        do {
            let whole = try store.trace(id)
            #expect(spans.map(\.start) == spans.map(\.start).sorted())
            #expect(
                Dictionary(grouping: spans, by: \.spanID)
                    == Dictionary(
                        grouping: (0..<whole.count).map { whole.span(at: $0) }, by: \.spanID))
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test(
        "a scan of some attributes has those and no other columns change",
        arguments: StoreKind.allCases, [61] as [UInt64])
    func someAttributes(kind: StoreKind, seed: UInt64) async throws {
        let store = try StoreUnderTest(kind)
        var spans = Spans(seed: seed)
        for second in 0..<25 { _ = try await store.append(spans.batch(second: second)) }
        let all = try found(store.spans, SpanPredicate(), .all, fields: .all)
        let keys: Set<String> = ["key1", "rare"]
        let scan = SpanScan(
            in: .all, fields: [.identity, .names, .attributes, .events], attributeKeys: keys)
        var count = 0
        try store.spans.scanSpans(scan, read: { $0 }) { found, _ in
            for row in found.rows {
                let span = found.batch.span(at: row)
                guard let whole = all[span.spanID] else { continue }
                count += 1
                #expect(span.name == whole.name && span.parentID == whole.parentID)
                #expect(
                    span.attributes.filter { keys.contains($0.key) }
                        == whole.attributes.filter { keys.contains($0.key) })
                #expect(
                    span.events.map { $0.attributes.filter { keys.contains($0.key) } }
                        == whole.events.map { $0.attributes.filter { keys.contains($0.key) } })
            }
            return true
        }
        #expect(count == all.count)
    }
}
