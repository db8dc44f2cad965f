import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// What Prometheus 2.42 and 3 both make of native histograms: their counts and sums, through rates,
/// aggregations, arithmetic and shifts. Quantiles are left out: since 3.0 they are interpolated exponentially.
@Suite(
    .serialized,
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .enabled(
        if: PrometheusProcess.binary != nil,
        "SIDELIGHT_PROMETHEUS names no Prometheus (Debian: prometheus)"))
struct NativeDifferentialTests {
    /// Counters high enough that extrapolation never reaches back to zero, one of which begins anew.
    private static var batch: MetricBatch {
        var random = ComparisonRandom(seed: 11)
        var batch = MetricBatch()
        for (job, schema) in [("api", 0), ("web", 2), ("db", 3)] as [(String, Int32)] {
            let series = batch.append(Labels(["__name__": "size", "job": job]))
            var counts = (0..<12).map { _ in Double(100_000 + random.below(1_000)) }
            var sum = 0.0
            for index in 0..<ComparisonSeries.sampleCount {
                if job == "web", index == 90 { counts = counts.map { _ in 50_000 } }
                for bucket in counts.indices { counts[bucket] += Double(random.below(30)) }
                sum += Double(random.below(5_000))
                guard random.below(20) > 0 else { continue }
                var histogram = NativeHistogram(schema: schema)
                histogram.zeroThreshold = 0.001
                histogram.zeroCount = 7
                histogram.positiveSpans = [
                    .init(offset: -2, length: 5), .init(offset: 3, length: 7),
                ]
                histogram.positiveCounts = counts
                histogram.count = counts.reduce(7, +)
                histogram.sum = sum
                let time =
                    ComparisonSeries.start + Int64(index) * ComparisonSeries.interval
                    + ComparisonSeries.sampleFraction
                batch.histograms.append(
                    HistogramSample(series: series, time: time, histogram: histogram))
            }
        }
        return batch
    }

    private static let inner = [
        "size", "size{job=~\"api|web\"}", "rate(size[2m])", "rate(size[11m])",
        "increase(size[5m])", "increase(size[5m] offset 3m)", "sum(size)",
        "sum by (job) (rate(size[5m]))", "sum without (job) (increase(size[4m]))", "size @ end()",
        "size offset -1m", "size + on (job) size", "sum(rate(size[5m])) + sum(size)",
    ]

    @Test(
        "counts and sums of native histograms are those of Prometheus 2.42", .timeLimit(.minutes(8))
    )
    func answers() async throws {
        let folder = try TemporaryFolder()
        let theirs = try await PrometheusProcess(folder: folder, features: ["native-histograms"])
        let ours = try await ServerProcess(data: folder.path + "/data", ["--retention", "100y"])
        let body = Snappy.compress(RemoteWrite.encode(Self.batch))
        for url in [ours.url, theirs.url] {
            let answer = try await Wire.post(
                url + "/api/v1/write", type: "application/x-protobuf", encoding: "snappy", body)
            try #require((200..<300).contains(answer.status), "\(url): \(answer.text)")
        }
        let start = ComparisonSeries.start / 1_000
        for expression in Self.inner {
            for function in ["histogram_count", "histogram_sum"] {
                let query = "\(function)(\(expression))"
                let escaped =
                    query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                for times in [
                    "query?time=\(start + 1_500).123",
                    "query_range?start=\(start + 900).123&end=\(start + 2_700).123&step=47",
                ] {
                    let path = "/api/v1/\(times)&query=\(escaped)"
                    let left = try ComparedAnswer(try await Wire.get(ours.url + path))
                    let right = try ComparedAnswer(try await Wire.get(theirs.url + path))
                    #expect(!left.series.isEmpty, "\(query)")
                    #expect(left.difference(from: right) == nil, "\(query) \(times)")
                }
            }
        }
        await theirs.stop()
        #expect(await ours.stop() == 0, "\(ours.standardError)")
    }
}
