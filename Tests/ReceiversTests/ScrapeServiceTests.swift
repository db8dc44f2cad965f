import HTTPServer
import Platform
import Receivers
import Synchronization
import Telemetry
import Testing

@Suite("Scrape jobs at work")
struct ScrapeServiceTests {
    private func job(_ name: String, _ ports: [Int]) -> ScrapeJob {
        var job = ScrapeJob(name: name, interval: 500, timeout: 500)
        job.sources = [.fixed([TargetGroup(targets: ports.map { "127.0.0.1:\($0)" })])]
        return job
    }

    private func isStale(_ bed: TestBed, _ name: String) -> Bool {
        bed.store.metrics.contains { batch in
            batch.sampleTimes.indices.contains { row in
                batch.labels(Int(batch.sampleSeries[row]))["__name__"] == name
                    && batch.sampleValues[row].bitPattern == Sample.staleMarker.bitPattern
            }
        }
    }

    private func until(_ isDone: () -> Bool) async throws {
        // Bounded by the time limit of the test.
        while !isDone() { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test(
        "targets are scraped again and again; a reload ends the series of those that are gone",
        .timeLimit(.minutes(5)))
    func works() async throws {
        let bed = TestBed(clock: SystemClock())
        var router = Router()
        router.on(.get, "/metrics") { _ in
            HTTPResponse(status: 200, contentType: "text/plain", body: Array("a 1\n".utf8))
        }
        let listener = try await HTTPListener.open(
            HTTPListener.Configuration(
                address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen"),
            routes: router.compiled(), events: bed.events)
        let service = ScrapeService(
            ingest: bed.ingest, fetcher: PatientFetcher())
        service.start([job("one", [listener.address.port]), job("two", [])])
        #expect(service.board.pools == ["one", "two"])
        try await until { bed.store.appendCount >= 3 }
        #expect(service.board.lines.map(\.isUp) == [true])
        await service.reload([job("one", [listener.address.port])])
        #expect(!isStale(bed, "a"))
        #expect(!isStale(bed, "up"))
        await service.reload([job("other", [listener.address.port])])
        #expect(isStale(bed, "a"))
        #expect(isStale(bed, "up"))
        try await until { service.board.lines.first?.isUp == true }
        #expect(service.board.lines.map(\.target.job) == ["other"])
        await service.stop()
        await listener.shutdown(within: .seconds(1))
    }

    @Test(
        "what is known of a target's metrics grows when it exposes a new one",
        .timeLimit(.minutes(5)))
    func metadata() async throws {
        let bed = TestBed(clock: SystemClock())
        let isLater = Mutex(false)
        var router = Router()
        router.on(.get, "/metrics") { _ in
            let text =
                "# TYPE a counter\na 1\n" + (isLater.withLock { $0 } ? "# TYPE b gauge\nb 1\n" : "")
            return HTTPResponse(status: 200, contentType: "text/plain", body: Array(text.utf8))
        }
        let listener = try await HTTPListener.open(
            HTTPListener.Configuration(
                address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen"),
            routes: router.compiled(), events: bed.events)
        let service = ScrapeService(
            ingest: bed.ingest, fetcher: PatientFetcher())
        service.start([job("one", [listener.address.port])])
        let families = { service.board.lines.first?.metadata.map(\.family) ?? [] }
        try await until { families() == ["a"] }
        isLater.withLock { $0 = true }
        try await until { families() == ["a", "b"] }
        await service.stop()
        await listener.shutdown(within: .seconds(1))
    }
}

/// Waits longer for targets than their intervals allow: one that stands still for a while is no test's business.
private struct PatientFetcher: ScrapeFetcher {
    private let fetcher = HTTPScrapeFetcher(version: "1")

    func fetch(
        _ target: ScrapeTarget, for job: ScrapeJob
    ) async throws(ScrapeFailure) -> ScrapeAnswer {
        var target = target
        target.timeout = 300_000
        return try await fetcher.fetch(target, for: job)
    }

    func fetchList(_ url: String, access: ScrapeAccess) async throws(ScrapeFailure) -> [UInt8] {
        try await fetcher.fetchList(url, access: access)
    }

    func shutdown() async { await fetcher.shutdown() }
}
