import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// `sidelight export`, and that `import` reads back what it wrote.
@Suite(
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct ExportTests {
    /// Samples are as old as the day they were captured on.
    private static let keeping = ["--retention", "100y"]
    private static let ever = ["--from", "2020-01-01T00:00:00Z", "--to", "now"]

    private func run(_ arguments: [String]) throws -> Program.Outcome {
        let outcome = try Program.run(arguments)
        #expect(outcome.status == 0, "\(arguments): \(outcome.description)")
        return outcome
    }

    /// A data directory with the samples.
    private func load(_ data: String) throws {
        _ = try run(["import", "--data", data] + Self.keeping + [Program.sampleData.path])
    }

    private func write(_ batch: MetricBatch, _ path: String) throws {
        try Data(Snappy.compress(RemoteWrite.encode(batch))).write(to: URL(fileURLWithPath: path))
    }

    @Test(
        "what is exported, imported and exported again is the same",
        arguments: ["out.jsonl", "out.jsonl.gz", "my out.jsonl.zst"])
    func roundTrip(name: String) throws {
        let folder = try TemporaryFolder()
        let (first, second) = (folder.path + "/first", folder.path + "/second")
        try load(first)
        let file = folder.path + "/" + name
        _ = try run(["export", "--data", first, "--out", file] + Self.ever)
        _ = try run(["import", "--data", second] + Self.keeping + [file])
        let again = folder.path + "/again " + name
        _ = try run(["export", "--data", second, "--out", again] + Self.ever)
        let (told, found) = (try ExportContent(file), try ExportContent(again))
        #expect(told.spans.count >= 240 && told.logs.count >= 200 && told.samples.count >= 1_000)
        #expect(told.spans == found.spans)
        #expect(told.logs == found.logs)
        #expect(told.samples == found.samples)
        #expect(told.metadata == found.metadata)
    }

    @Test("a server exports the same as its data directory once it is stopped")
    func server() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        try load(data)
        let token = folder.path + "/token"
        try Data("secret\n".utf8).write(to: URL(fileURLWithPath: token))
        let server = try await ServerProcess(data: data, Self.keeping + ["--token-file", token])
        let running = folder.path + "/running.jsonl"
        _ = try run(
            ["export", "--server", server.url, "--token-file", token, "--out", running] + Self.ever)
        let refused = try Program.run(
            ["export", "--server", server.url, "--out", running] + Self.ever)
        #expect(refused.status == 3)
        #expect(refused.standardError.contains("give --token-file"), "\(refused.description)")
        #expect(await server.stop() == 0, "\(server.standardError)")
        let stopped = folder.path + "/stopped.jsonl"
        _ = try run(["export", "--data", data, "--out", stopped] + Self.ever)
        let (told, found) = (try ExportContent(running), try ExportContent(stopped))
        #expect(told.spans.count >= 240)
        #expect(told.spans == found.spans)
        #expect(told.logs == found.logs)
        #expect(told.samples == found.samples)
        #expect(told.metadata == found.metadata)
    }

    @Test("the exported items answer the public APIs as the original ones do")
    func publicAPIs() async throws {
        let folder = try TemporaryFolder()
        let (first, second) = (folder.path + "/first", folder.path + "/second")
        try load(first)
        let file = folder.path + "/out.jsonl"
        _ = try run(["export", "--data", first, "--out", file] + Self.ever)
        _ = try run(["import", "--data", second] + Self.keeping + [file])
        let server = try await ServerProcess(data: first, Self.keeping)
        let copy = try await ServerProcess(data: second, Self.keeping)
        let last = try #require(try ExportContent(file).samples.map(\.time).max())
        let paths = [
            "/api/v3/traces/0af7651916cd43dd8448eb211c80319c",
            "/api/sidelight/logs?traceId=0af7651916cd43dd8448eb211c80319c&limit=1000",
            "/api/v1/metadata",
            "/api/v1/query?time=\(last / 1_000 + 1)"
                + "&query=sort(count%20by%20(__name__)"
                + "(%7B__name__=~%22.*_(total%7Cbucket%7Csum%7Ccount)%22%7D))",
            "/api/v1/query?time=\(last / 1_000 + 1)"
                + "&query=sum(istio_request_duration_milliseconds_bucket)%20by%20(le)",
        ]
        for path in paths {
            let told = try await Web.get(server.url + path)
            let found = try await Web.get(copy.url + path)
            #expect(told.text.count > 100, "\(path): \(told.text)")
            #expect(ExportContent.sorted(told) == ExportContent.sorted(found), "\(path)")
        }
        #expect(await server.stop() == 0)
        #expect(await copy.stop() == 0)
    }

    @Test("series that OTLP cannot name or hold survive to the last bit")
    func awkwardSeries() throws {
        let folder = try TemporaryFolder()
        let now = Int64(Date().timeIntervalSince1970 * 1_000) - 60_000
        var batch = MetricBatch()
        let sets: [KeyValuePairs<String, String>] = [
            ["__name__": "a__b"], ["__name__": "_hidden"], ["__name__": "total_sales_total"],
            ["__name__": "plain", "_label": "x"], ["__name__": "plain", "le": "0.5"],
            ["__name__": "job:rate:sum", "job": "j", "instance": "i"], ["__name__": "target_info"],
            ["__name__": "untyped"], ["__name__": "plain", "big": "größe \"q\" \n"],
        ]
        let values: [Double] = [
            -0.0, .pi, .infinity, -.infinity, .nan, Sample.staleMarker,
            Double(bitPattern: 0x7FF8_0000_0000_0001), .leastNonzeroMagnitude,
        ]
        for set in sets {
            let series = batch.append(Labels(set))
            for (index, value) in values.enumerated() {
                batch.append(series: series, time: now + Int64(index), value: value)
            }
        }
        var native = NativeHistogram(schema: 3)
        (native.count, native.sum, native.zeroCount, native.zeroThreshold) = (12.5, -4, 2, 1e-6)
        native.positiveSpans = [.init(offset: -2, length: 2), .init(offset: 3, length: 1)]
        native.positiveCounts = [1, 2.5, 7]
        native.resetHint = .notReset
        let series = batch.append(Labels(["__name__": "latency"]))
        batch.histograms.append(HistogramSample(series: series, time: now, histogram: native))
        for family in ["a__b", "_hidden", "plain", "job:rate:sum", "target_info"] {
            batch.metadata.append(MetricMetadata(family: family, type: .gauge, help: "help"))
        }
        batch.metadata.append(
            MetricMetadata(family: "total_sales_total", type: .counter, help: "", unit: "EUR"))
        let source = folder.path + "/in.snappy"
        try write(batch, source)
        _ = try run(["import", "--data", folder.path + "/first", source])
        let file = folder.path + "/out.jsonl"
        _ = try run(["export", "--data", folder.path + "/first", "--out", file] + Self.ever)
        _ = try run(["import", "--data", folder.path + "/second", file])
        let again = folder.path + "/again.jsonl"
        _ = try run(["export", "--data", folder.path + "/second", "--out", again] + Self.ever)
        let content = try ExportContent(again)
        #expect(content.samples == ExportContent.samples(of: batch))
        #expect(content.histograms == [native])
        #expect(content.metadata == Set(batch.metadata))
        #expect(try ExportContent(file).samples == content.samples)
    }

    @Test("series that are counted from spans stay out on demand")
    func derived() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        let server = try await ServerProcess(
            data: data, Self.keeping + ["--span-metrics-interval", "1s"])
        _ = try run([
            "import", "--server", server.url, "--shift-to-now", Program.sampleData.path,
        ])
        let query = server.url + "/api/v1/query?query=count(traces_spanmetrics_calls_total)"
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        while try await Wire.get(query).text.contains(#""result":[]"#), clock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
        }
        for (options, holds) in [
            ([], true), (["--without-derived"], false), (["--signal", "metrics"], true),
        ] {
            let file = folder.path + "/out.jsonl"
            _ = try run(["export", "--server", server.url, "--out", file] + options + Self.ever)
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(text.contains(#""traces_spanmetrics_calls"#) == holds, "\(options)")
            #expect(text.contains("istio_requests") || text.contains("http_"))
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("a range holds what happens at its start, and not what happens at its end")
    func range() throws {
        let folder = try TemporaryFolder()
        let time = Int64(Date().timeIntervalSince1970) - 600
        var spans = SpanBatch()
        var logs = LogBatch()
        var metrics = MetricBatch()
        let owner = (spans.append(Resource()), spans.append(Scope()))
        let logOwner = (logs.append(Resource()), logs.append(Scope()))
        let series = metrics.append(Labels(["__name__": "up"]))
        for second in 0..<5 {
            let at = Timestamp(seconds: time + Int64(second))
            spans.append(
                SpanRecord(
                    traceID: TraceID(high: 1, low: 1), spanID: SpanID(UInt64(second + 1)),
                    name: "n", start: at, duration: 1),
                resource: owner.0, scope: owner.1)
            logs.append(
                LogRecord(time: at, observedTime: at), resource: logOwner.0, scope: logOwner.1)
            metrics.append(series: series, time: at.milliseconds, value: Double(second))
        }
        let input = folder.path + "/in"
        try FileManager.default.createDirectory(
            atPath: input, withIntermediateDirectories: true)
        try Data(OTLPTraces.encode(spans)).write(to: URL(fileURLWithPath: input + "/s.pb"))
        try Data(OTLPLogs.encode(logs)).write(to: URL(fileURLWithPath: input + "/l.pb"))
        try write(metrics, input + "/m.snappy")
        let data = folder.path + "/data"
        _ = try run(["import", "--data", data, input])
        let file = folder.path + "/out.jsonl"
        func export(_ arguments: String...) throws -> ExportContent {
            _ = try run(
                [
                    "export", "--data", data, "--from", "\(time + 1)", "--to",
                    RFC3339.string(Timestamp(seconds: time + 4)), "--out", file,
                ] + arguments)
            return try ExportContent(file)
        }
        let all = try export()
        #expect(all.spans.count == 3 && all.logs.count == 3 && all.samples.count == 3)
        #expect(all.samples.map(\.value).sorted() == [1, 2, 3].map { Double($0).bitPattern })
        let some = try export("--signal", "logs,metrics")
        #expect(some.spans.isEmpty && some.logs.count == 3 && some.samples.count == 3)
        let none = try run([
            "export", "--data", data, "--from", "0", "--to", "1", "--out", file + ".gz",
        ])
        #expect(none.standardError.contains("0 spans, 0 log records, 0 samples"))
        #expect(try run(["import", "--dry-run", file + ".gz"]).standardOutput.contains("0 spans"))
    }

    @Test("what cannot be done is told with its exit code, and leaves the file that was there")
    func failures() throws {
        let folder = try TemporaryFolder()
        let out = folder.path + "/out.jsonl"
        try Data("before".utf8).write(to: URL(fileURLWithPath: out))
        let range = ["--from", "now-1h", "--to", "now"]
        let cases: [(status: Int32, says: String, arguments: [String])] = [
            (2, "--from is \"noon\"", ["--from", "noon", "--to", "now", "--out", out]),
            (2, "is not before", ["--from", "now", "--to", "now-1h", "--out", out]),
            (2, "traces, metrics or logs", range + ["--signal", "spans", "--out", out]),
            (
                2, "exclude each other",
                range + ["--data", "x", "--server", "http://x", "--out", out]
            ),
            (3, "no data directory", range + ["--data", folder.path + "/none", "--out", out]),
            (3, "cannot reach", range + ["--server", "http://127.0.0.1:1", "--out", out]),
            (3, "cannot write", range + ["--data", folder.path, "--out", folder.path + "/no/out"]),
        ]
        try FileManager.default.createDirectory(
            atPath: folder.path + "/tenants/default", withIntermediateDirectories: true)
        for (status, says, arguments) in cases {
            let outcome = try Program.run(["export"] + arguments)
            #expect(outcome.status == status, "\(arguments): \(outcome.description)")
            #expect(outcome.standardError.contains(says), "\(outcome.description)")
        }
        #expect(try String(contentsOfFile: out, encoding: .utf8) == "before")
        #expect(!FileManager.default.fileExists(atPath: out + ".part"))
    }
}
