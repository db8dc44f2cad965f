import SQLiteStore
import Store
import Telemetry
import Testing

@Suite("More services than are remembered")
struct UnnamedOperationTests {
    private func spans(_ count: Int) -> SpanBatch {
        var batch = SpanBatch()
        let scope = batch.append(Scope())
        for index in 0..<count {
            let resource = batch.append(
                Resource(attributes: [
                    Attribute(SemanticKey.serviceName, .string("service-\(index)"))
                ]))
            let span = SpanRecord(
                traceID: TraceID(high: 1, low: UInt64(index + 1)), spanID: SpanID(1),
                name: "work \(index)", start: Timestamp(nanoseconds: TemporaryStore.start),
                duration: Int64(index))
            batch.append(span, resource: resource, scope: scope)
        }
        return batch
    }

    private func check(_ store: SQLiteTelemetryStore) throws {
        let services = try store.spanValues(
            of: .service, matching: SpanPredicate(), in: .all, limit: 10_000)
        #expect(services.count == 257 && services.first == "__overflow__")
        #expect(
            try store.spanValues(
                of: .name, matching: SpanPredicate([.service("service-2999")]), in: .all,
                limit: 10) == ["work 2999"])
        #expect(
            try store.spanValues(of: .kind, matching: SpanPredicate(), in: .all, limit: 10)
                == ["unspecified"])
        for predicate in [
            SpanPredicate([.service("service-2999")]), SpanPredicate([.name("work 2999")]),
            SpanPredicate([.durationAtLeast(2_999)]),
            SpanPredicate([.service("service-2999"), .durationAtLeast(2_999)]),
        ] {
            var found: [UInt64] = []
            try store.scanSpans(predicate, in: .all) { batch, _ in
                found += batch.traceIDs.map(\.low)
                return true
            }
            #expect(found == [3_000])
        }
    }

    @Test("are found one by one, while a list of them names some and says that there are more")
    func unnamed() async throws {
        let temporary = try TemporaryStore()
        _ = try await temporary.append(spans(3_000))
        try temporary.store.seal()
        try check(temporary.store)
        try temporary.reopen()
        try check(temporary.store)
    }

    @Test("what adaptive sampling learnt is in the catalog after a restart")
    func samplingRates() throws {
        let temporary = try TemporaryStore()
        #expect(try temporary.store.catalog.samplingRates().isEmpty)
        let rates = ["cart": ["GET /": 0.25, "POST /": 1e-5], "": ["": 1]]
        try temporary.store.catalog.save(samplingRates: ["old": ["x": 1]])
        try temporary.store.catalog.save(samplingRates: rates)
        try temporary.reopen()
        #expect(try temporary.store.catalog.samplingRates() == rates)
    }
}
