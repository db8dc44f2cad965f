import Platform
import SQLiteStore
import Store
import Telemetry
import Testing

@Suite struct StoreLifeTests {
    private func spanIDs(_ batch: SpanBatch) -> [SpanID] { batch.spanIDs.sorted() }

    @Test("a trace is found in the head, in blocks, in both and after a restart")
    func traceEverywhere() async throws {
        let temporary = try TemporaryStore()
        let first = Sample.spans(trace: 1, count: 40)
        #expect(try await temporary.append(first) == .stored)
        let id = TraceID(high: 7, low: 1)
        #expect(spanIDs(try temporary.store.trace(id)) == first.spanIDs.sorted())
        try temporary.store.seal()
        #expect(spanIDs(try temporary.store.trace(id)) == first.spanIDs.sorted())
        let late = Sample.spans(trace: 1, count: 41).rows([40])
        _ = try await temporary.append(late)
        #expect(try temporary.store.trace(id).count == 41)
        try temporary.reopen()
        let whole = try temporary.store.trace(id)
        #expect(whole.count == 41)
        #expect(whole.span(at: 40) == Sample.spans(trace: 1, count: 41).span(at: 40))
        #expect(whole.resource(at: whole.resourceIndices[0]).serviceName == "web")
        #expect(try temporary.store.trace(TraceID(high: 7, low: 2)).isEmpty)
    }

    @Test("a batch with the digest of a stored one is acknowledged and not stored again")
    func retriesAreDropped() async throws {
        let temporary = try TemporaryStore()
        let batch = Sample.logs(from: 0, count: 10)
        let digest = ContentHash(high: 1, low: 2)
        #expect(try await temporary.append(batch, digest: digest) == .stored)
        #expect(try await temporary.append(batch, digest: digest) == .duplicate)
        #expect(try count(temporary.store) == 10)
        temporary.clock.advance(byNanoseconds: 700_000_000_000)
        #expect(try await temporary.append(batch, digest: digest) == .stored)
        #expect(try count(temporary.store) == 20)
    }

    private func count(_ store: SQLiteTelemetryStore) throws -> Int {
        var count = 0
        try store.scanLogs(LogPredicate(), in: .all, direction: .newestFirst) { batch, _ in
            count += batch.count
            return true
        }
        return count
    }

    @Test("log records come back in order of time, from head and blocks")
    func logOrder() async throws {
        let temporary = try TemporaryStore()
        _ = try await temporary.append(Sample.logs(from: 100, count: 50))
        try temporary.store.seal()
        _ = try await temporary.append(Sample.logs(from: 0, count: 50))
        var times: [Timestamp] = []
        try temporary.store.scanLogs(LogPredicate(), in: .all, direction: .oldestFirst) {
            batch, _ in
            times += batch.times
            return true
        }
        #expect(times.count == 100)
        #expect(times == times.sorted())
        let streams = try temporary.store.logStreams(LogPredicate(), in: .all)
        #expect(streams == [Labels(["service_name": "web"])])
    }

    @Test("samples are the same from head, blocks, merged blocks and after a restart")
    func samples() async throws {
        let temporary = try TemporaryStore()
        for round in 0..<20 {
            _ = try await temporary.append(
                Sample.metrics(series: 0..<7, times: (round * 5)..<(round * 5 + 5)))
            if round % 2 == 1 { try temporary.store.seal() }
        }
        try check(temporary.store)
        try temporary.reopen()
        try check(temporary.store)
    }

    @Test(
        "samples are all there after a sudden end, however often a series was sent",
        arguments: [nil, 0, 9, 19])
    func suddenEnd(sealedAfter: Int?) async throws {
        let temporary = try TemporaryStore()
        for round in 0..<20 {
            _ = try await temporary.append(
                Sample.metrics(series: 0..<7, times: (round * 5)..<(round * 5 + 5)))
            if round == sealedAfter { try temporary.store.seal() }
        }
        let copy = try temporary.openCopy()
        try check(copy)
        try copy.close()
    }

    private func check(_ store: SQLiteTelemetryStore) throws {
        let selection = try store.selectSeries(
            [
                LabelMatcher("__name__", .equal, "requests_total"),
                LabelMatcher("instance", .matches, "i[0-3]"),
            ],
            in: 0...Int64.max)
        #expect(selection.count == 4)
        for index in 0..<selection.count {
            var columns = SampleColumns()
            try selection.samples(index, into: &columns)
            #expect(selection.labels(index)["instance"] == "i\(index)")
            #expect(columns.values == (0..<100).map { Double($0 * (index + 1)) })
        }
        #expect(
            try store.labelValues(of: "instance", matching: [], in: 0...Int64.max)
                == (0..<7).map { "i\($0)" })
        #expect(
            try store.labelNames(matching: [], in: 0...Int64.max) == [
                "__name__", "instance", "job",
            ])
    }

    @Test("search finds spans by service, name, attribute and duration, newest first")
    func search() async throws {
        let temporary = try TemporaryStore()
        for trace in 1...30 {
            _ = try await temporary.append(
                Sample.spans(
                    trace: UInt64(trace), count: 10, service: trace % 2 == 0 ? "even" : "odd"))
            if trace == 15 { try temporary.store.seal() }
        }
        let predicate = SpanPredicate([
            .service("even"), .name("GET /0"),
            .attribute(.any, key: "http.response.status_code", .text("500")),
        ])
        var traces: [UInt64] = []
        var last = Timestamp.distantFuture
        try temporary.store.scanSpans(predicate, in: .all) { batch, bound in
            traces += batch.traceIDs.map(\.low)
            #expect(bound <= last)
            last = bound
            return true
        }
        #expect(Set(traces) == Set((1...30).filter { $0 % 2 == 0 }.map(UInt64.init)))
        #expect(
            try temporary.store.spanValues(
                of: .service, matching: SpanPredicate(), in: .all, limit: 10) == ["even", "odd"])
        #expect(
            try temporary.store.spanValues(
                of: .name, matching: SpanPredicate([.service("odd")]), in: .all, limit: 10)
                == ["GET /0", "GET /1", "GET /2", "GET /3"])
    }
}
