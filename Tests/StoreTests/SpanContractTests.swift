import Platform
import Store
import Telemetry
import Testing

/// Every store gives the answers of the memory store.
@Suite struct SpanContractTests {
    private struct Found: Hashable {
        var span: SpanRecord
        var resource: Resource
        var scope: Scope
    }

    private func items(_ batch: SpanBatch) -> [Found] {
        (0..<batch.count).map { row in
            Found(
                span: batch.span(at: row), resource: batch.resource(at: batch.resourceIndices[row]),
                scope: batch.scope(at: batch.scopeIndices[row]))
        }
    }

    private static let predicates: [SpanPredicate] = [
        SpanPredicate(), SpanPredicate([.service("service-1")]),
        SpanPredicate([.service("service-0"), .name("operation 2")]),
        SpanPredicate([.kind(.server), .status(.error)]),
        SpanPredicate([.durationAtLeast(300), .durationAtMost(700)]), SpanPredicate([.root]),
        SpanPredicate([.attribute(.any, key: "key1", .text("v2"))]),
        SpanPredicate([.attribute(.any, key: "key2", .text("1"))]),
        SpanPredicate([.attribute(.span, key: "key0", .equals(.bool(true)))]),
        SpanPredicate([.attribute(.span, key: "key3", .exists), .service("service-2")]),
        SpanPredicate([.attribute(.event, key: "key1", .exists)]),
        SpanPredicate([.attribute(.resource, key: "zone", .text("z1"))]),
        SpanPredicate([.attribute(.span, key: "key1", .equals(.array([.int(1), .string("x")])))]),
        SpanPredicate([.service("nobody")]),
    ]

    @Test(
        "traces, searches and value lists equal the model's",
        arguments: StoreKind.allCases.filter { $0 != .memory }, [11, 12, 13] as [UInt64])
    func equalsModel(kind: StoreKind, seed: UInt64) async throws {
        let model = try StoreUnderTest(.memory)
        let store = try StoreUnderTest(kind)
        let generator = Generator(seed: seed)
        var generated: [SpanBatch] = []
        for _ in 0..<25 {
            let batch = generator.spans()
            generated.append(batch)
            let digest = ContentHash(high: 1, low: UInt64(generator.below(40)))
            let expected = try await model.append(batch, digest: digest)
            #expect(try await store.append(batch, digest: digest) == expected, "seed \(seed)")
        }
        for number in 1...16 as ClosedRange<UInt64> {
            let id = TraceID(high: 9, low: number)
            let expected = items(try model.spans.trace(id))
            let actual = items(try store.spans.trace(id))
            #expect(Set(actual) == Set(expected), "trace \(number), seed \(seed)")
            #expect(actual.count == expected.count)
            #expect(actual.map(\.span.start) == actual.map(\.span.start).sorted())
        }
        let copies = copiesByIdentity(generated)
        for predicate in Self.predicates {
            for range in [TimeRange.all, middle(generator)] {
                try compare(predicate, range, model, store, copies, seed)
            }
        }
    }

    private func middle(_ generator: Generator) -> TimeRange {
        TimeRange(
            start: Timestamp(nanoseconds: generator.start + 250_000_000),
            end: Timestamp(nanoseconds: generator.start + 750_000_000))
    }

    private func compare(
        _ predicate: SpanPredicate, _ range: TimeRange, _ model: StoreUnderTest,
        _ store: StoreUnderTest, _ copies: [[UInt64]: Int], _ seed: UInt64
    ) throws {
        // Duplicates may be collapsed only when a block is written: spans are compared as a set of
        // identities.
        func identities(_ store: StoreUnderTest) throws -> Set<[UInt64]> {
            var found = Set<[UInt64]>()
            var last = Timestamp.distantFuture
            try store.spans.scanSpans(predicate, in: range) { batch, bound in
                for row in 0..<batch.count {
                    #expect(batch.starts[row] <= last, "a span newer than the bound")
                    found.insert(identity(batch, row))
                }
                last = bound
                return true
            }
            return found
        }
        let expected = try identities(model)
        let actual = try identities(store)
        #expect(actual.isSuperset(of: expected), "\(predicate), seed \(seed)")
        // An older copy of a span may be found by what only it had until blocks are merged.
        for extra in actual.subtracting(expected) {
            #expect(copies[extra, default: 0] > 1, "\(predicate), seed \(seed)")
        }
        let fields: [SpanField] = [.service, .name, .attribute(.any, key: "key1")]
        for field in fields where predicate.conditions.isEmpty && range == .all {
            #expect(
                Set(
                    try store.spans.spanValues(
                        of: field, matching: predicate, in: range, limit: 1_000)
                )
                .isSubset(
                    of: try model.spans.spanValues(
                        of: field, matching: predicate, in: range, limit: 1_000)))
        }
    }

    private func copiesByIdentity(_ generated: [SpanBatch]) -> [[UInt64]: Int] {
        var copies: [[UInt64]: Int] = [:]
        for batch in generated {
            for row in 0..<batch.count { copies[identity(batch, row), default: 0] += 1 }
        }
        return copies
    }

    private func identity(_ batch: SpanBatch, _ row: Int) -> [UInt64] {
        [
            batch.traceIDs[row].low, batch.spanIDs[row].value,
            UInt64(batch.kinds[row].rawValue),
        ]
    }

    @Test(
        "a span that still ran when it was reported does not replace the one that ended",
        arguments: StoreKind.allCases, [true, false])
    func unfinished(kind: StoreKind, endsFirst: Bool) async throws {
        let store = try StoreUnderTest(kind)
        let trace = TraceID(high: 1, low: 2)
        func batch(duration: Int64, _ attributes: [Attribute]) -> SpanBatch {
            var batch = SpanBatch()
            var span = SpanRecord(
                traceID: trace, spanID: SpanID(3), name: "work",
                start: Timestamp(seconds: 1_767_323_045), duration: duration)
            span.attributes = attributes
            let resource = batch.append(Resource())
            batch.append(span, resource: resource, scope: batch.append(Scope()))
            return batch
        }
        let ended = batch(duration: 5, [])
        let running = batch(duration: 0, [Attribute("a", .bool(true)), Attribute("b", .int(1))])
        for reported in endsFirst ? [ended, running] : [running, ended] {
            #expect(try await store.append(reported) == .stored)
        }
        let found = try store.spans.trace(trace)
        #expect(found.durations == [5])
    }
}
