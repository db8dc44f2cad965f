import Foundation
import HTTPServer
import Platform
import Receivers
import Store
import Synchronization
import Telemetry
import Testing
import WireFormats

/// Answers what it is told, by address; others fail.
private final class FixedFetcher: ScrapeFetcher {
    private let answers = Mutex<[String: Result<ScrapeAnswer, ScrapeFailure>]>([:])
    private let lists = Mutex<[String: String]>([:])

    func answer(_ url: String, _ text: String, isTruncated: Bool = false) {
        let format = text.hasSuffix("# EOF\n") ? Exposition.Format.openMetrics : .text
        answers.withLock {
            $0[url] = .success(
                ScrapeAnswer(body: Array(text.utf8), format: format, isTruncated: isTruncated))
        }
    }

    func fail(_ url: String, _ reason: String) {
        answers.withLock { $0[url] = .failure(ScrapeFailure(reason)) }
    }

    func list(_ url: String, _ text: String) { lists.withLock { $0[url] = text } }

    func fetch(
        _ target: ScrapeTarget, for job: ScrapeJob
    ) async throws(ScrapeFailure) -> ScrapeAnswer {
        guard let answer = answers.withLock({ $0[target.url] }) else {
            throw ScrapeFailure("connection refused")
        }
        return try answer.get()
    }

    func fetchList(_ url: String, access: ScrapeAccess) async throws(ScrapeFailure) -> [UInt8] {
        guard let text = lists.withLock({ $0[url] }) else { throw ScrapeFailure("no list") }
        return Array(text.utf8)
    }

    func shutdown() async {}
}

@Suite("Scraping")
struct ScrapeTests {
    private let bed = TestBed()
    private let fetcher = FixedFetcher()
    private let url = "http://cart:1/metrics"

    private func job(_ change: (inout ScrapeJob) throws -> Void = { _ in }) rethrows -> ScrapeJob {
        var job = ScrapeJob(name: "shop", interval: 15_000, timeout: 10_000)
        job.sources = [.fixed([TargetGroup(targets: ["cart:1"])])]
        try change(&job)
        return job
    }

    /// The first target of a job, scraped when told.
    private struct Probe {
        let loop: ScrapeLoop
        let board: ScrapeBoard
        var series: ScrapeSeries

        mutating func scrape(at time: Int64) async { await loop.scrape(&series, at: time) }
    }

    private func probe(_ job: ScrapeJob) throws -> Probe {
        var problems: [String] = []
        guard case .fixed(let groups) = job.sources[0] else {
            throw ScrapeFailure("the job has no fixed targets")
        }
        let target = try #require(
            ScrapeTarget.targets(of: groups, job: job, problems: &problems).first)
        let board = ScrapeBoard()
        board.add(target)
        return Probe(
            loop: ScrapeLoop(
                target: target, job: job, fetcher: fetcher, ingest: bed.ingest, board: board),
            board: board, series: ScrapeSeries(target: target, job: job))
    }

    /// What the latest append stored, a line a sample; stale markers as "stale", without the report.
    private func stored(report: Bool = false) -> [String] {
        guard let batch = bed.store.metrics.last else { return [] }
        return batch.sampleTimes.indices.compactMap { row in
            let labels = batch.labels(Int(batch.sampleSeries[row]))
            let name = labels["__name__"] ?? ""
            guard report == (name == "up" || name.hasPrefix("scrape_")) else { return nil }
            let sample = Sample(time: 0, value: batch.sampleValues[row])
            return "\(labels) \(sample.isStaleMarker ? "stale" : "\(sample.value)")"
        }.sorted()
    }

    @Test("samples get the target's labels; their own of the same name are moved aside")
    func labels() async throws {
        fetcher.answer(url, "a{job=\"x\",exported_job=\"y\"} 1\nb{instance=\"\"} 2\n")
        var probe = try probe(job())
        await probe.scrape(at: 1_700_000_000_000)
        #expect(
            stored() == [
                "a{exported_exported_job=\"x\", exported_job=\"y\", instance=\"cart:1\", job=\"shop\"} 1.0",
                "b{instance=\"cart:1\", job=\"shop\"} 2.0",
            ])
        #expect(bed.store.metrics.last?.sampleTimes.allSatisfy { $0 == 1_700_000_000_000 } ?? false)
        #expect(
            stored(report: true).filter { !$0.hasPrefix("scrape_duration") } == [
                "scrape_samples_post_metric_relabeling{instance=\"cart:1\", job=\"shop\"} 2.0",
                "scrape_samples_scraped{instance=\"cart:1\", job=\"shop\"} 2.0",
                "scrape_series_added{instance=\"cart:1\", job=\"shop\"} 2.0",
                "up{instance=\"cart:1\", job=\"shop\"} 1.0",
            ])
    }

    @Test("a job may report its bounds and the size of the answer too, until the target is gone")
    func reportsExtra() async throws {
        let own = "{instance=\"cart:1\", job=\"shop\"}"
        fetcher.answer(url, "a 1\n")
        var probe = try probe(
            job {
                $0.reportsExtra = true
                $0.limits.samples = 7
            })
        func extra() -> [String] {
            let names = ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"]
            return stored(report: true).filter { line in names.contains { line.hasPrefix($0) } }
        }
        await probe.scrape(at: 1_700_000_000_000)
        #expect(
            extra() == [
                "scrape_body_size_bytes\(own) 4.0", "scrape_sample_limit\(own) 7.0",
                "scrape_timeout_seconds\(own) 10.0",
            ])
        fetcher.answer(url, "a 1\nb", isTruncated: true)
        await probe.scrape(at: 1_700_000_015_000)
        #expect(extra().first == "scrape_body_size_bytes\(own) -1.0")
        fetcher.fail(url, "connection refused")
        await probe.scrape(at: 1_700_000_030_000)
        #expect(extra().first == "scrape_body_size_bytes\(own) 0.0")
        await probe.loop.end(probe.series)
        #expect(extra().count == 3 && extra().allSatisfy { $0.hasSuffix("stale") })
    }

    @Test("with honor_labels the target's own labels stay")
    func honorsLabels() async throws {
        fetcher.answer(url, "a{job=\"x\"} 1\n")
        var probe = try probe(job { $0.honorsLabels = true })
        await probe.scrape(at: 1_700_000_000_000)
        #expect(stored() == ["a{instance=\"cart:1\", job=\"x\"} 1.0"])
    }

    @Test("series that are no longer exposed end once, and only they")
    func staleness() async throws {
        var probe = try probe(job())
        fetcher.answer(url, "a 1\nb 1\n")
        await probe.scrape(at: 1_700_000_000_000)
        fetcher.answer(url, "b 2\nc 1\n")
        await probe.scrape(at: 1_700_000_015_000)
        let own = "{instance=\"cart:1\", job=\"shop\"}"
        #expect(stored() == ["a\(own) stale", "b\(own) 2.0", "c\(own) 1.0"])
        await probe.scrape(at: 1_700_000_030_000)
        #expect(stored() == ["b\(own) 2.0", "c\(own) 1.0"])
    }

    @Test("a failed scrape is up 0, ends the series and tells why")
    func failure() async throws {
        var probe = try probe(job())
        let own = "{instance=\"cart:1\", job=\"shop\"}"
        fetcher.answer(url, "a 1\n")
        await probe.scrape(at: 1_700_000_000_000)
        fetcher.fail(url, "no whole answer within 10000 ms")
        await probe.scrape(at: 1_700_000_015_000)
        #expect(stored() == ["a\(own) stale"])
        #expect(stored(report: true).contains("up\(own) 0.0"))
        #expect(probe.board.lines.map(\.problem) == ["no whole answer within 10000 ms"])
        #expect(probe.board.lines.map(\.isUp) == [false])
        fetcher.answer(url, "<html>garbage")
        await probe.scrape(at: 1_700_000_030_000)
        #expect(stored() == [])
        #expect(probe.board.lines.first?.problem.contains("line 1") ?? false)
        #expect(bed.count("sidelight_scrape_failures_total") == 2)
    }

    @Test("series with times of their own do not end unless asked to")
    func ownTimes() async throws {
        let own = "{instance=\"cart:1\", job=\"shop\"}"
        for (isTracked, expected) in [(false, [String]()), (true, ["a\(own) stale"])] {
            var probe = try probe(job { $0.tracksTimestampStaleness = isTracked })
            fetcher.answer(url, "a 1 1700000000000\n")
            await probe.scrape(at: 1_700_000_000_500)
            #expect(bed.store.metrics.last?.sampleTimes.first == 1_700_000_000_000)
            fetcher.answer(url, "")
            await probe.scrape(at: 1_700_000_015_000)
            #expect(stored() == expected)
        }
    }

    @Test("rules for metrics drop and rename series")
    func metricRules() async throws {
        let file = try ScrapeFile.parse(
            """
            scrape_configs:
            - job_name: shop
              static_configs: [{targets: ['cart:1']}]
              metric_relabel_configs:
              - {source_labels: [__name__], regex: go_.*, action: drop}
              - {source_labels: [__name__], regex: 'old_(.*)', target_label: __name__, replacement: new_$1}
              - {regex: id, action: labeldrop}
            """, path: "p.yml")
        fetcher.answer(url, "go_gc 1\nold_a{id=\"1\"} 2\n")
        var probe = try probe(file.jobs[0])
        await probe.scrape(at: 1_700_000_000_000)
        #expect(stored() == ["new_a{instance=\"cart:1\", job=\"shop\"} 2.0"])
        // A series whose labels another one takes over does not end.
        fetcher.answer(url, "old_a{id=\"2\"} 3\n")
        await probe.scrape(at: 1_700_000_015_000)
        #expect(stored() == ["new_a{instance=\"cart:1\", job=\"shop\"} 3.0"])
    }

    @Test("limits leave out what is beyond them, keep the rest and say so")
    func limits() async throws {
        let own = "instance=\"cart:1\", job=\"shop\""
        fetcher.answer(url, "a 1\nb{x=\"1\"} 2\nc{y=\"long value\"} 3\nd 4\n")
        var samples = try probe(job { $0.limits.samples = 2 })
        await samples.scrape(at: 1_700_000_000_000)
        #expect(stored() == ["a{\(own)} 1.0", "b{\(own), x=\"1\"} 2.0"])
        #expect(samples.board.lines.first?.problem.contains("sample_limit 2") ?? false)
        #expect(samples.board.lines.first?.isUp == true)
        var labels = try probe(job { $0.limits.labels = 3 })
        await labels.scrape(at: 1_700_000_015_000)
        #expect(stored() == ["a{\(own)} 1.0", "d{\(own)} 4.0"])
        #expect(labels.board.lines.first?.problem.contains("label_limit 3") ?? false)
        var values = try probe(job { $0.limits.labelValueBytes = 8 })
        await values.scrape(at: 1_700_000_030_000)
        #expect(stored().count == 3)
        fetcher.answer(url, "a 1\nb 2\nc 3", isTruncated: true)
        var body = try probe(job())
        await body.scrape(at: 1_700_000_045_000)
        #expect(stored() == ["a{\(own)} 1.0", "b{\(own)} 2.0"])
        #expect(body.board.lines.first?.problem.contains("only its beginning") ?? false)
        fetcher.answer(url, String(repeating: "a", count: 1_000), isTruncated: true)
        await body.scrape(at: 1_700_000_060_000)
        #expect(body.board.lines.first?.isUp == false)
        #expect(body.board.lines.first?.problem.contains("before its first sample") ?? false)
    }

    @Test("of samples of one series and time the first is kept, and the others are named")
    func repetitions() async throws {
        let own = "instance=\"cart:1\", job=\"shop\""
        fetcher.answer(url, "dup 1\ndup 2\nother 3\nat 1 1700000000000\nat 2 1700000001000\n")
        var probe = try probe(job())
        for time in [1_700_000_000_500, 1_700_000_015_500] as [Int64] {
            await probe.scrape(at: time)
            #expect(
                stored() == [
                    "at{\(own)} 1.0", "at{\(own)} 2.0", "dup{\(own)} 1.0", "other{\(own)} 3.0",
                ])
            let problem = probe.board.lines.first?.problem ?? ""
            #expect(problem.contains("1 samples came after") && problem.contains("dup{"))
        }
    }

    @Test("an exemplar without a time is stored when it changes")
    func exemplars() async throws {
        var probe = try probe(job())
        func scrape(_ exemplar: String, _ second: Int64) async -> Int {
            fetcher.answer(
                url, "# TYPE a counter\na_total 1 # {trace_id=\"\(exemplar)\"} 1\n# EOF\n")
            await probe.scrape(at: 1_700_000_000_000 + second * 1_000)
            return bed.store.metrics.last?.exemplars.count ?? -1
        }
        #expect(await scrape("x", 0) == 1)
        #expect(await scrape("x", 15) == 0)
        #expect(await scrape("x", 30) == 0)
        #expect(await scrape("y", 45) == 1)
    }

    @Test("samples that the store's bounds refuse are named at the target")
    func namesRefused() async throws {
        fetcher.answer(url, "a 1\nold 1 1000\n")
        var probe = try probe(job())
        await probe.scrape(at: 1_700_000_000_000)
        let line = probe.board.lines.first
        #expect(line?.isUp == true)
        #expect(line?.problem.hasPrefix("left out: 1 ") ?? false, "\(line?.problem ?? "")")
    }

    @Test("a store that refuses is told on the board; the next scrape goes on")
    func storeRefuses() async throws {
        var probe = try probe(job())
        fetcher.answer(url, "a 1\n")
        bed.store.answer(.failure(.overloaded(retryAfterMilliseconds: 10)))
        await probe.scrape(at: 1_700_000_000_000)
        #expect(probe.board.lines.first?.problem.contains("not stored") ?? false)
        bed.store.answer(.success(.stored))
        await probe.scrape(at: 1_700_000_015_000)
        #expect(probe.board.lines.first?.problem == "")
    }

    @Test("targets of files and of HTTP lists come and go with what these say")
    func discovery() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/scrape-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/targets.json"
        func write(_ text: String) throws {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        try write("[{\"targets\":[\"a:1\"],\"labels\":{\"zone\":\"z\"}}]")
        fetcher.list("http://list/", "[{\"targets\":[\"b:1\"]}]")
        let job = job {
            $0.sources = [
                .files(patterns: [folder + "/targ*.json"], interval: 60_000),
                .http(url: "http://list/", access: ScrapeAccess(), interval: 60_000),
            ]
        }
        var discovery = TargetDiscovery(
            job: job, fetcher: fetcher,
            pool: BlockingPool(name: "resolver", threads: 1, capacity: 1))
        await discovery.refresh(at: 0)
        #expect(discovery.failures.isEmpty)
        #expect(discovery.groups.flatMap(\.targets) == ["a:1", "b:1"])
        #expect(discovery.groups[0].labels == ["zone": "z", "__meta_filepath": path])
        #expect(discovery.groups[1].labels == ["__meta_url": "http://list/"])
        try write("- targets: [c:1]")
        fetcher.list("http://list/", "no list")
        await discovery.refresh(at: 10_000)
        // The file is looked at again, the list not yet.
        #expect(discovery.groups.flatMap(\.targets) == ["c:1", "b:1"])
        try write("- targets: {")
        await discovery.refresh(at: 61_000)
        #expect(discovery.failures.count == 2)
        #expect(discovery.groups.flatMap(\.targets) == ["c:1", "b:1"])
    }
}
