import Foundation
import Platform
import Receivers
import Telemetry
import Testing

/// Envoy's own statistics as the target of real scrapes.
@Suite(.enabled(if: EnvoyProcess.program != nil, "SIDELIGHT_ENVOY names no Envoy"))
struct RealEnvoyTargetTests {
    @Test("Envoy's statistics are scraped with their types", .timeLimit(.minutes(1)))
    func statistics() async throws {
        // Nothing is asked through it: what it forwards to and exports to need not be there.
        let envoy = try EnvoyProcess(upstream: 9, sidelight: 9)
        defer { envoy.stop() }
        try await envoy.ready()
        let admin = try String(contentsOfFile: envoy.folder + "/admin", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try await envoy.get("/nobody", requestID: UUID().uuidString) == 503)
        let bed = TestBed(clock: SystemClock())
        let file = try ScrapeFile.parse(
            """
            scrape_configs:
              - job_name: envoy
                metrics_path: /stats/prometheus
                static_configs: [{targets: ["\(admin)"]}]
            """, path: "p.yml")
        let job = try #require(file.jobs.first)
        guard case .fixed(let groups) = job.sources[0] else { return }
        var problems: [String] = []
        let target = try #require(
            ScrapeTarget.targets(of: groups, job: job, problems: &problems).first)
        let board = ScrapeBoard()
        board.add(target)
        let fetcher = HTTPScrapeFetcher(version: "1")
        var series = ScrapeSeries(target: target, job: job)
        let loop = ScrapeLoop(
            target: target, job: job, fetcher: fetcher, ingest: bed.ingest, board: board)
        await loop.scrape(&series, at: bed.ingest.now.milliseconds)
        await fetcher.shutdown()
        let line = try #require(board.lines.first)
        #expect(line.isUp == true, "\(line.problem)")
        let batch = try #require(bed.store.metrics.first)
        #expect(batch.sampleCount > 200)
        let names = Set((0..<batch.seriesCount).compactMap { batch.labels($0)["__name__"] })
        for name in ["up", "envoy_server_live", "envoy_cluster_upstream_cx_total"] {
            #expect(names.contains(name), "\(name)")
        }
        let types = Dictionary(
            line.metadata.map { ($0.family, $0.type) }, uniquingKeysWith: { first, _ in first })
        #expect(types["envoy_server_live"] == .gauge)
        #expect(types.values.contains(.counter))
    }
}
