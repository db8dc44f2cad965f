import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// Hostile writes and queries against the real program: each gets its protocol's error, and nothing else is
/// disturbed.
@Suite(
    .serialized,
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct BadMetricTests {
    private typealias Pairs = [(name: String, value: String)]

    /// A series with one sample, labels as given.
    private static func series(
        _ labels: Pairs, at time: Int64, _ writer: inout ProtobufWriter
    ) {
        writer.message(1) { series in
            for label in labels {
                series.message(1) {
                    $0.string(1, label.name)
                    $0.string(2, label.value)
                }
            }
            series.message(2) {
                $0.double(1, 1)
                $0.varint(2, UInt64(bitPattern: time))
            }
        }
    }

    private static func query(_ url: String, _ text: String) async throws -> WireAnswer {
        let escaped = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try await Wire.get("\(url)/api/v1/query?query=\(escaped)")
    }

    @Test("of a number and a histogram of one series and time the number counts everywhere")
    func bothAtOnce() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--disable-feature", "promql-experimental-functions"])
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        var batch = MetricBatch()
        let series = batch.append(Labels([(name: "__name__", value: "both")]))
        batch.append(series: series, time: now - 15_000, value: 1)
        batch.append(series: series, time: now, value: 2)
        var histogram = NativeHistogram(schema: 0)
        histogram.count = 3
        histogram.zeroCount = 3
        batch.histograms = [HistogramSample(series: series, time: now, histogram: histogram)]
        let answer = try await Wire.post(
            server.url + "/api/v1/write", type: "application/x-protobuf", encoding: "snappy",
            Snappy.compress(RemoteWrite.encode(batch)))
        #expect(answer.status == 204, "\(answer.text)")
        for (query, value) in [
            ("both", "2"), ("count_over_time(both[5m])", "2"), ("sum_over_time(both[5m])", "3"),
            ("last_over_time(both[5m])", "2"),
        ] {
            let text = try await Self.query(server.url, query).text
            #expect(text.contains(",\"\(value)\"]") && !text.contains("warnings"), "\(text)")
        }
        let refused = try await Self.query(server.url, "info(both)")
        #expect(refused.status == 400 && refused.text.contains("is not enabled"))
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("series that cannot be kept are named; those beside them are stored")
    func writes() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data", ["--retention", "1d"])
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        let long = String(repeating: "x", count: 1 << 20)
        let name = (name: "__name__", value: "bad")
        let cases: [(labels: Pairs, time: Int64)] = [
            ([name, ("a", "1"), ("a", "2")], now), ([name, ("long", long)], now),
            ([name, (long, "1")], now), ([name, ("", "1")], now), ([("a", "1")], now),
            ([name, ("age", "old")], now - 2 * 86_400_000),
            ([name, ("age", "future")], now + 86_400_000),
            ([name, ("age", "never")], .max), ([name, ("age", "always")], .min),
        ]
        for (number, one) in cases.enumerated() {
            var writer = ProtobufWriter()
            Self.series(one.labels, at: one.time, &writer)
            // Labels out of order are no mistake: they are sorted.
            Self.series(
                [("z", "\(number)"), ("__name__", "good"), ("b", "1")], at: now, &writer)
            let answer = try await Wire.post(
                server.url + "/api/v1/write", type: "application/x-protobuf", encoding: "snappy",
                Snappy.compress(writer.bytes))
            #expect(answer.status == 400, "\(number): \(answer.text.prefix(300))")
            #expect(
                answer.text.contains("1 samples stored, 1 rejected"), "\(answer.text.prefix(300))")
        }
        let good = try await Self.query(server.url, "count(good)")
        #expect(good.text.contains(",\"\(cases.count)\"]"), "\(good.text)")
        #expect(try await Self.query(server.url, "count(bad)").text.contains("\"result\":[]"))
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("whoever exceeds the bound on series is named, also after a restart")
    func offenders() async throws {
        let folder = try TemporaryFolder()
        let arguments = ["--series-per-target", "2", "--downsample", "5m:90d,1h:1y"]
        var server = try await ServerProcess(data: folder.path + "/data", arguments)
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        var writer = ProtobufWriter()
        for user in 0..<5 {
            Self.series(
                [
                    ("__name__", "logins"), ("instance", "a:1"), ("job", "shop"),
                    ("user", "\(user)"),
                ],
                at: now, &writer)
        }
        let answer = try await Wire.post(
            server.url + "/api/v1/write", type: "application/x-protobuf", encoding: "snappy",
            Snappy.compress(writer.bytes))
        #expect(answer.status == 204, "\(answer.text)")
        let named =
            #""seriesOverflows":[{"metric":"logins","job":"shop","instance":"a:1","seriesMax":2,"#
            + #""foldedSamples":3,"lastTime":\#(now)}]"#
        #expect(try await Wire.get(server.url + "/api/v1/status/tsdb").text.contains(named))
        #expect(await server.stop() == 0, "\(server.standardError)")
        server = try await ServerProcess(data: folder.path + "/data", arguments)
        #expect(try await Wire.get(server.url + "/api/v1/status/tsdb").text.contains(named))
        let blocks = try await Wire.get(server.url + "/api/v1/status/tsdb/blocks").text
        #expect(blocks.contains(#""minTime":\#(now),"maxTime":\#(now + 1),"#), "\(blocks)")
        #expect(
            blocks.contains(#""stats":{"numSamples":3,"numFloatSamples":3,"numSeries":3}"#),
            "\(blocks)")
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("queries that would take too much are refused, and soon", .timeLimit(.minutes(5)))
    func queries() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let cases: [(query: String, status: Int, type: String)] = [
            // Patterns that expand, and one that backtracking would never get through.
            ("{__name__=~\"((a{1000}){1000}){1000}\"}", 400, "bad_data"),
            ("{__name__=~\"(\\\\pL{1000}){1000}\"}", 400, "bad_data"),
            ("{__name__=~\"(x+x+)+y\"}", 200, ""),
            ("max_over_time(vector(1)[100y:1ms])", 422, "execution"),
            (String(repeating: "(", count: 100_000), 400, "bad_data"),
            (String(repeating: "-", count: 100_000) + "1", 400, "bad_data"),
            ("sum(" + String(repeating: "a+", count: 20_000) + "a)", 0, ""),
            ("up[\u{0}]", 400, "bad_data"), ("up @ 1e400", 400, "bad_data"),
        ]
        for (query, status, type) in cases {
            let escaped =
                query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            let answer = try await Wire.post(
                server.url + "/api/v1/query", type: "application/x-www-form-urlencoded",
                Array("query=\(escaped)".utf8))
            // What is only large may be answered or refused.
            let isExpected =
                status == 0 ? [200, 400, 422].contains(answer.status) : answer.status == status
            #expect(isExpected, "\(query.prefix(60)): \(answer.status) \(answer.text.prefix(200))")
            #expect(answer.text.contains("\"errorType\":\"\(type)\"") || type.isEmpty)
        }
        #expect(try await Self.query(server.url, "1+1").text.contains("\"2\""))
        #expect(await server.stop() == 0, "\(server.standardError)")
    }
}
