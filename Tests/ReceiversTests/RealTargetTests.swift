import Foundation
import Platform
import Receivers
import Telemetry
import Testing

/// PyPI's `prometheus-client` as the target of real scrapes. `SIDELIGHT_PYTHON` names an interpreter that
/// has it.
@Suite(.enabled(if: python != nil, "SIDELIGHT_PYTHON names no Python with prometheus-client"))
struct RealTargetTests {
    /// Prints its port, serves until its standard input ends.
    private static let script = """
        import sys
        import prometheus_client as prometheus
        requests = prometheus.Counter("shop_requests", "Requests.", ["method"])
        requests.labels(method="GET").inc(7, exemplar={"trace_id": "abc"})
        prometheus.Gauge("shop_carts", "Carts.").set(2.5)
        latency = prometheus.Histogram("shop_latency_seconds", "Latency.", buckets=[0.1, 1])
        latency.observe(0.05)
        latency.observe(0.5, exemplar={"trace_id": "def"})
        prometheus.Summary("shop_size_bytes", "Size.").observe(100)
        prometheus.Info("shop_build", "Build.").info({"version": "1.2"})
        server, thread = prometheus.start_http_server(0, addr="127.0.0.1")
        print(server.server_port, flush=True)
        sys.stdin.read()
        """

    private struct Scraped {
        var batch: MetricBatch
        var line: ScrapeBoard.Line

        func value(_ labels: Labels) -> Double? {
            batch.sampleTimes.indices.first { row in
                batch.labels(Int(batch.sampleSeries[row])) == labels
            }.map { batch.sampleValues[$0] }
        }
    }

    /// One scrape in the format that comes of these protocols.
    private func scrape(_ protocols: [ScrapeProtocol]) async throws -> Scraped {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(python))
        process.arguments = ["-c", Self.script]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        // Children that other tests start meanwhile would keep it open.
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.run()
        defer {
            // It inherits the blocked signals of the thread that started it, and needs no farewell.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        let said = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: output.fileHandleForReading.availableData)
            }
        }
        let port = String(decoding: said, as: UTF8.self).filter(\.isNumber)
        let bed = TestBed(clock: SystemClock())
        var job = ScrapeJob(name: "shop", interval: 300_000, timeout: 300_000)
        job.protocols = protocols
        var problems: [String] = []
        let target = try #require(
            ScrapeTarget.targets(
                of: [TargetGroup(targets: ["127.0.0.1:\(port)"], labels: ["instance": "i"])],
                job: job, problems: &problems
            ).first)
        let board = ScrapeBoard()
        board.add(target)
        let fetcher = HTTPScrapeFetcher(version: "1", listTimeout: 300_000)
        let loop = ScrapeLoop(
            target: target, job: job, fetcher: fetcher, ingest: bed.ingest, board: board)
        var series = ScrapeSeries(target: target, job: job)
        await loop.scrape(&series, at: bed.ingest.now.milliseconds)
        await fetcher.shutdown()
        return Scraped(
            batch: try #require(bed.store.metrics.first), line: try #require(board.lines.first))
    }

    private func labels(_ name: String, _ others: [(name: String, value: String)] = []) -> Labels {
        Labels(
            [
                (name: "__name__", value: name), (name: "job", value: "shop"),
                (name: "instance", value: "i"),
            ] + others)
    }

    @Test(
        "its counters, gauges, histograms, summaries and infos arrive, by either text format",
        arguments: [ScrapeProtocol.openMetrics1, .text0])
    func scrapes(format: ScrapeProtocol) async throws {
        let scraped = try await scrape([format])
        #expect(scraped.line.isUp == true)
        #expect(scraped.line.problem == "")
        #expect(scraped.value(labels("up")) == 1)
        #expect(scraped.value(labels("shop_requests_total", [("method", "GET")])) == 7)
        #expect(scraped.value(labels("shop_carts")) == 2.5)
        #expect(scraped.value(labels("shop_latency_seconds_bucket", [("le", "0.1")])) == 1)
        #expect(scraped.value(labels("shop_latency_seconds_bucket", [("le", "1.0")])) == 2)
        #expect(scraped.value(labels("shop_latency_seconds_bucket", [("le", "+Inf")])) == 2)
        #expect(scraped.value(labels("shop_size_bytes_sum")) == 100)
        #expect(scraped.value(labels("shop_build_info", [("version", "1.2")])) == 1)
        let metadata = scraped.batch.metadata
        #expect(metadata.contains { $0.family == "shop_carts" && $0.type == .gauge })
        let traces = scraped.batch.exemplars.compactMap { $0.labels["trace_id"] }.sorted()
        #expect(traces == (format == .openMetrics1 ? ["abc", "def"] : []))
    }
}

private let python = ProcessInfo.processInfo.environment["SIDELIGHT_PYTHON"]
