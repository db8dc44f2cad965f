import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// Prometheus 2.42 in each of its parts: it scrapes us, writes to us, reads from us and is scraped by us.
@Suite(
    .serialized,
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .enabled(
        if: PrometheusProcess.binary != nil,
        "SIDELIGHT_PROMETHEUS names no Prometheus (Debian: prometheus)"))
struct RealPrometheusTests {
    private static func sample(of url: String, _ query: String) async throws -> Double? {
        let escaped = query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let answer = try ComparedAnswer(
            try await Wire.get("\(url)/api/v1/query?query=\(escaped)"))
        return answer.series.values.first?.values.first
    }

    /// Asks until there is a value that fits.
    private static func value(
        of url: String, _ query: String, where fits: (Double) -> Bool = { _ in true }
    ) async throws -> Double {
        // Bounded by the time limit of the test.
        while true {
            if let value = try await sample(of: url, query), fits(value) { return value }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    @Test(
        "it scrapes our metrics, and sends them on to us by remote write",
        .timeLimit(.minutes(8)))
    func remoteWrite() async throws {
        let folder = try TemporaryFolder()
        let ours = try await ServerProcess(data: folder.path + "/data")
        let theirs = try await PrometheusProcess(
            folder: folder,
            configuration: """
                global: {scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: {from: it}}
                scrape_configs:
                  - job_name: sidelight
                    static_configs: [{targets: ["\(ours.url.dropFirst(7))"]}]
                remote_write:
                  - url: \(ours.url)/api/v1/write
                    queue_config: {batch_send_deadline: 100ms}
                    metadata_config: {send_interval: 200ms}
                """)
        _ = try await Self.value(of: theirs.url, "up", where: { $0 == 1 })
        _ = try await Self.value(
            of: ours.url, "up{job=\"sidelight\", from=\"it\"}", where: { $0 == 1 })
        _ = try await Self.value(
            of: ours.url, "count({job=\"sidelight\"})", where: { $0 > 6 })
        while try await !Wire.get(ours.url + "/api/v1/metadata").text.contains("\"counter\"") {
            try await Task.sleep(for: .milliseconds(50))
        }
        await theirs.stop()
        #expect(await ours.stop() == 0, "\(ours.standardError)")
    }

    @Test("it reads from us what it does not have itself", .timeLimit(.minutes(8)))
    func remoteRead() async throws {
        let folder = try TemporaryFolder()
        let ours = try await ServerProcess(
            data: folder.path + "/data", ["--retention", "100y"])
        let body = Snappy.compress(RemoteWrite.encode(ComparisonSeries(seed: 7).batch))
        let written = try await Wire.post(
            ours.url + "/api/v1/write", type: "application/x-protobuf", encoding: "snappy", body)
        try #require((200..<300).contains(written.status))
        let theirs = try await PrometheusProcess(
            folder: folder,
            configuration: """
                remote_read:
                  - url: \(ours.url)/api/v1/read
                    read_recent: true
                    remote_timeout: 5m
                """)
        let start = ComparisonSeries.start / 1_000
        for query in [
            "temperature", "sum by (job) (rate(requests_total[5m]))", "load{job!~\"api|db\"}",
            "histogram_quantile(0.9, latency_bucket)", "count({__name__=~\".+\"})",
        ] {
            let escaped = query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            let path =
                "/api/v1/query_range?query=\(escaped)&start=\(start).123&end=\(start + 3_600).123"
                + "&step=30"
            let left = try ComparedAnswer(try await Wire.get(ours.url + path))
            let right = try ComparedAnswer(try await Wire.get(theirs.url + path))
            #expect(!left.series.isEmpty, "\(query)")
            #expect(left.difference(from: right) == nil, "\(query)")
        }
        await theirs.stop()
        #expect(await ours.stop() == 0, "\(ours.standardError)")
    }

    @Test("we scrape it, with the types of its metrics", .timeLimit(.minutes(8)))
    func scraped() async throws {
        let folder = try TemporaryFolder()
        let theirs = try await PrometheusProcess(folder: folder)
        let file = try folder.file(
            "scrape.yml",
            """
            global: {scrape_interval: 200ms, scrape_timeout: 200ms}
            scrape_configs:
              - job_name: prometheus
                static_configs: [{targets: ["\(theirs.url.dropFirst(7))"]}]
                relabel_configs: [{target_label: place, replacement: here}]
            """)
        let ours = try await ServerProcess(
            data: folder.path + "/data", ["--scrape-config", file])
        _ = try await Self.value(
            of: ours.url, "up{job=\"prometheus\", place=\"here\"}", where: { $0 == 1 })
        _ = try await Self.value(
            of: ours.url, "count({job=\"prometheus\"})", where: { $0 > 200 })
        #expect(
            try await Self.value(
                of: ours.url, "prometheus_build_info{version=~\"2.+\"}") == 1)
        let metadata = try await Wire.get(
            ours.url
                + "/api/v1/targets/metadata?metric=process_cpu_seconds_total"
                + "&match_target=%7Bjob%3D%22prometheus%22%7D"
        ).text
        #expect(metadata.contains(#""place":"here""#), "\(metadata)")
        #expect(metadata.contains(#""type":"counter""#), "\(metadata)")
        // A scrape may have been late; the next one is not.
        while try await !Wire.get(ours.url + "/api/v1/targets").text.contains(#""health":"up""#) {
            try await Task.sleep(for: .milliseconds(50))
        }
        let steps = try await Wire.get(
            ours.url + "/api/v1/targets/relabel_steps?scrapePool=prometheus&labels=%7B%7D"
        ).text
        #expect(steps.contains(#""output":{"place":"here"},"keep":true"#), "\(steps)")
        let pool = try await Wire.get(
            ours.url + "/api/v1/scrape_pools/config?scrapePool=prometheus"
        ).text
        #expect(pool.contains("job_name: prometheus"), "\(pool)")
        await theirs.stop()
        #expect(await ours.stop() == 0, "\(ours.standardError)")
    }

    @Test("it federates from us, native histograms whole", .timeLimit(.minutes(2)))
    func federated() async throws {
        let folder = try TemporaryFolder()
        let ours = try await ServerProcess(data: folder.path + "/data")
        var histogram = NativeHistogram(schema: 1)
        histogram.count = 7
        histogram.sum = 12.5
        histogram.zeroThreshold = 0.001
        histogram.zeroCount = 1
        histogram.positiveSpans = [
            NativeHistogram.Span(offset: -2, length: 1), NativeHistogram.Span(offset: 3, length: 1),
        ]
        histogram.positiveCounts = [2, 4]
        let time = Int64(Date().timeIntervalSince1970 * 1_000)
        var batch = MetricBatch()
        let series = batch.append(Labels(["__name__": "size", "job": "shop"]))
        batch.histograms = [HistogramSample(series: series, time: time, histogram: histogram)]
        batch.append(
            series: batch.append(Labels(["__name__": "jobs", "job": "shop"])), time: time, value: 3)
        let written = try await Wire.post(
            ours.url + "/api/v1/write", type: "application/x-protobuf", encoding: "snappy",
            Snappy.compress(RemoteWrite.encode(batch)))
        try #require(written.status == 204, "\(written.text)")
        let theirs = try await PrometheusProcess(
            folder: folder,
            configuration: """
                global: {scrape_interval: 200ms, scrape_timeout: 200ms}
                scrape_configs:
                  - job_name: federate
                    honor_labels: true
                    metrics_path: /federate
                    params: {"match[]": ['{job="shop"}']}
                    static_configs: [{targets: ["\(ours.url.dropFirst(7))"]}]
                """, features: ["native-histograms"])
        #expect(try await Self.value(of: theirs.url, "jobs{job=\"shop\"}") == 3)
        for (query, value) in [
            ("histogram_count(size)", 7.0), ("histogram_sum(size)", 12.5),
            ("histogram_fraction(1, 2, size) * 7", 4),
        ] {
            let found = try await Self.value(of: theirs.url, query)
            #expect((found - value).magnitude < 1e-9, "\(query): \(found)")
        }
        await theirs.stop()
        #expect(await ours.stop() == 0, "\(ours.standardError)")
    }
}
