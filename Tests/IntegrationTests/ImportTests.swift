import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// `sidelight import` with files of all kinds, good and bad, into servers and data directories.
@Suite(
    .enabled(if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct ImportTests {
    private static let trace = TraceID(high: 0x5EED, low: 0xF11E)

    /// Three spans that start at `time`.
    private func spans(at time: Timestamp, _ trace: TraceID = Self.trace) -> SpanBatch {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string("import"))]))
        let scope = batch.append(Scope(name: "tests"))
        for index in 1...3 {
            var span = SpanRecord(
                traceID: trace, spanID: SpanID(UInt64(index)), name: "step \(index)",
                start: time.advanced(byNanoseconds: Int64(index)), duration: 250_000_000)
            span.events = [SpanEvent(time: time, name: "event")]
            batch.append(span, resource: resource, scope: scope)
        }
        return batch
    }

    private var now: Timestamp {
        Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private func dryRun(
        _ arguments: String..., input: [UInt8] = []
    ) throws -> (status: Int32, report: Answer, errors: String) {
        let outcome = try Program.run(
            ["import", "--dry-run", "--output", "json"] + arguments, input: Data(input))
        return (outcome.status, try Answer(parsing: outcome.standardOutput), outcome.standardError)
    }

    // MARK: Recognising

    @Test(
        "content tells its format whatever the file is called, packed or not",
        arguments: [".dat", ".dat.gz", ".dat.zst"])
    func recognising(ending: String) throws {
        let folder = try TemporaryFolder()
        let spans = spans(at: now)
        let json = OTLPTraces.encodeJSON(spans)
        var metrics = MetricBatch()
        let series = metrics.append(Labels(["__name__": "up"]))
        metrics.append(series: series, time: now.milliseconds, value: 1)
        let sent: [(name: String, format: String, bytes: [UInt8])] = [
            ("a", "OTLP traces, protobuf", OTLPTraces.encode(spans)),
            ("b", "OTLP JSON", json),
            ("c", "OTLP JSON, one request a line", json + [0x0A] + json + [0x0A]),
            ("d", "remote write", Snappy.compress(RemoteWrite.encode(metrics))),
            ("e", "log lines", Array("{\"level\":\"info\"}\nplain text \u{e9}\n".utf8)),
            ("f", "log lines", Array("[2026-11-21 12:00:00] started\n".utf8)),
            ("g", "Zipkin v2 JSON", Array("[{\"traceId\":\"1\",\"id\":\"2\"}]".utf8)),
        ]
        for (name, format, bytes) in sent {
            let packed =
                switch ending {
                case ".dat.gz": try Zlib.compress(bytes, format: .gzip)
                case ".dat.zst": Zstd.compress(bytes, level: 1)
                default: bytes
                }
            let path = folder.path + "/" + name + ending
            try write(packed, path)
            let (status, report, errors) = try dryRun(path)
            #expect(status == 0, "\(errors)")
            #expect(report["files"][0]["format"].string == format)
        }
    }

    @Test("a document over several lines is one request")
    func prettyPrinted() throws {
        let text = String(decoding: OTLPTraces.encodeJSON(spans(at: now)), as: UTF8.self)
        let pretty = try JSONSerialization.data(
            withJSONObject: try JSONSerialization.jsonObject(with: Data(text.utf8)),
            options: [.prettyPrinted])
        let (status, report, errors) = try dryRun("-", input: Array(pretty))
        #expect(status == 0, "\(errors)")
        #expect(report["spans"].int == 3)
    }

    @Test("standard input is read as --format says")
    func standardInput() throws {
        let lines = Array("{\"resourceSpans\":[]}\n".utf8)
        let told = try dryRun("--format", "log-lines", "-", input: lines)
        #expect(told.report["logs"].int == 1)
        let found = try dryRun("-", input: lines)
        #expect(found.report["logs"].int == 0)
        #expect(found.report["files"][0]["format"].string == "OTLP JSON")
    }

    @Test("a folder is read with its folders; files of other names are left alone and named")
    func folders() throws {
        let folder = try TemporaryFolder()
        let body = OTLPTraces.encode(spans(at: now))
        try write(body, folder.path + "/one.pb")
        try write(body, folder.path + "/deep er/two.pb")
        try write(body, folder.path + "/.hidden.pb")
        try write(Array("# notes\n".utf8), folder.path + "/README.md")
        let (status, report, errors) = try dryRun(folder.path)
        #expect(status == 0, "\(errors)")
        #expect(
            report["files"].array.map { $0["path"].string } == [
                folder.path + "/deep er/two.pb", folder.path + "/one.pb",
            ])
        #expect(report["skipped"][0].string == folder.path + "/README.md")
    }

    @Test("many lines come in whole across the pieces in which a file is read")
    func manyLines() throws {
        let folder = try TemporaryFolder()
        let filler = String(repeating: "x", count: 1_000)
        let lines = (0..<30_000).map { "{\"number\":\($0),\"filler\":\"\(filler)\"}\n" }
        try write(Array(lines.joined().utf8), folder.path + "/a.jsonl")
        let (status, report, errors) = try dryRun(folder.path + "/a.jsonl")
        #expect(status == 0, "\(errors)")
        #expect(report["logs"].int == 30_000)
    }

    // MARK: Bad files

    @Test("a file cut off anywhere is named with the reason, and the others are loaded")
    func truncated() throws {
        let folder = try TemporaryFolder()
        let body = OTLPTraces.encode(spans(at: now))
        try write(body, folder.path + "/good.pb")
        try write(body.dropLast(7), folder.path + "/traces cut.pb")
        try write(
            try Zlib.compress(body, format: .gzip).dropLast(9), folder.path + "/cut.pb.gz")
        try write(Snappy.compress(body).dropLast(3), folder.path + "/cut.snappy")
        try write(OTLPTraces.encodeJSON(spans(at: now)).dropLast(30), folder.path + "/cut.json")
        let (status, report, errors) = try dryRun(folder.path)
        #expect(status == 1)
        #expect(report["spans"].int == 3)
        #expect(report["loaded"].bool == false)
        for file in report["files"].array {
            let isGood = file["path"].string?.hasSuffix("good.pb") == true
            #expect(file["failureCount"].int == (isGood ? 0 : 1), "\(file.text)")
        }
        #expect(errors.contains("traces cut.pb: resource_spans at byte 3 is cut off"), "\(errors)")
        #expect(errors.contains("cut.pb.gz: gzip data is corrupt: ends too early"), "\(errors)")
        #expect(errors.contains("cut.snappy: snappy data is corrupt"), "\(errors)")
    }

    @Test("a body cut off at any byte is refused or read, and the program goes on")
    func everyCut() throws {
        let folder = try TemporaryFolder()
        let body = OTLPTraces.encode(spans(at: now))
        for length in 0..<body.count {
            try write(Array(body.prefix(length)), "\(folder.path)/\(1_000 + length).pb")
        }
        let outcome = try Program.run(["import", "--dry-run", folder.path])
        #expect(outcome.status == 1)
        #expect(outcome.standardOutput.contains("\(body.count) files: "))
    }

    @Test("a broken line is named with its number and place, and the other lines are loaded")
    func brokenLine() throws {
        let folder = try TemporaryFolder()
        let line = OTLPTraces.encodeJSON(spans(at: now)) + [0x0A]
        let broken = line.prefix(100) + [0x0A]
        try write(line + broken + line, folder.path + "/a.jsonl")
        let (status, report, errors) = try dryRun(folder.path + "/a.jsonl")
        #expect(status == 1)
        #expect(report["spans"].int == 6)
        let failure = report["files"][0]["failures"][0]
        #expect(failure["line"].int == 2)
        #expect(failure["offset"].int == line.count)
        #expect(errors.contains("a.jsonl:2: "), "\(errors)")
    }

    @Test("what is no telemetry is refused by name with the formats there are")
    func noTelemetry() throws {
        let folder = try TemporaryFolder()
        try write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0], folder.path + "/a.bin")
        let (status, _, errors) = try dryRun(folder.path + "/a.bin")
        #expect(status == 1)
        #expect(errors.contains("--format (auto, otlp-traces"), "\(errors)")
    }

    @Test("a format that is wrong for a file is told as what does not fit")
    func wrongFormat() throws {
        let folder = try TemporaryFolder()
        try write(Array("no spans\n".utf8), folder.path + "/a.log")
        for format in ["otlp-traces", "otlp-json", "zipkin-v2", "remote-write"] {
            let (status, report, errors) = try dryRun("--format", format, folder.path + "/a.log")
            #expect(status == 1, "\(format): \(errors)")
            #expect(report["files"][0]["failureCount"].int == 1)
        }
    }

    @Test("usage errors exit with 2 before anything is read, an absent server with 3")
    func exitCodes() throws {
        let folder = try TemporaryFolder()
        try write(OTLPTraces.encode(spans(at: now)), folder.path + "/a.pb")
        let wrong: [[String]] = [
            [folder.path + "/none.pb"], ["--format", "xml", folder.path],
            ["--data", folder.path, "--server", "http://127.0.0.1:1", folder.path],
            ["--server", "127.0.0.1:1", folder.path], ["--output", "yaml", folder.path],
            ["--shift-to-now", "-"], ["--token-file", folder.path + "/none", folder.path],
        ]
        for arguments in wrong {
            let outcome = try Program.run(["import"] + arguments)
            #expect(outcome.status == 2, "\(arguments): \(outcome.description)")
        }
        let outcome = try Program.run(["import", "--server", "http://127.0.0.1:1", folder.path])
        #expect(outcome.status == 3)
        #expect(outcome.standardError.contains("cannot reach http://127.0.0.1:1"))
    }

    // MARK: Targets

    @Test("what is loaded into the data directory of a stopped server is there when it starts")
    func dataDirectory() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/my data"
        try write(OTLPTraces.encode(spans(at: now)), folder.path + "/in/a.pb")
        try write(
            Array("{\"trace_id\":\"\(Self.trace.hex)\",\"answer\":42}\n".utf8),
            folder.path + "/in/b.jsonl")
        let outcome = try Program.run(["import", "--data", data, folder.path + "/in"])
        #expect(outcome.status == 0, "\(outcome.description)")
        let server = try await ServerProcess(data: data)
        let trace = try await Web.get("\(server.url)/api/traces/\(Self.trace.hex)")
        #expect(trace["data"][0]["spans"].array.count == 3)
        let logs = try await Web.get(
            "\(server.url)/api/sidelight/logs?traceId=\(Self.trace.hex)")
        #expect(logs["lines"].array.count == 1)
        let busy = try Program.run(["import", "--data", data, folder.path + "/in"])
        #expect(busy.status == 3)
        #expect(busy.standardError.contains("in use by another process"), "\(busy.description)")
        #expect(await server.stop() == 0)
    }

    @Test("a server's token is shown, and its absence told")
    func token() async throws {
        let folder = try TemporaryFolder()
        let token = folder.path + "/token"
        try write(Array("# ours\n\nsecret-1\nsecret-2\n".utf8), token)
        try write(OTLPTraces.encode(spans(at: now)), folder.path + "/a.pb")
        let server = try await ServerProcess(
            data: folder.path + "/data", ["--token-file", token])
        let without = try Program.run(["import", "--server", server.url, folder.path + "/a.pb"])
        #expect(without.status == 3)
        #expect(without.standardError.contains("give --token-file"), "\(without.description)")
        let with = try Program.run([
            "import", "--server", server.url, "--token-file", token, folder.path + "/a.pb",
        ])
        #expect(with.status == 0, "\(with.description)")
        #expect(await server.stop() == 0)
    }

    // MARK: Times

    @Test("what is older than the target keeps is refused in words, or moved to the present")
    func oldItems() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.pb"
        let old = now.advanced(byNanoseconds: -40 * 86_400_000_000_000)
        try write(OTLPTraces.encode(spans(at: old)), path)
        let server = try await ServerProcess(data: folder.path + "/data")
        let targets = [
            ["--server", server.url], ["--data", folder.path + "/stopped"],
        ]
        for target in targets {
            let refused = try Program.run(["import"] + target + [path])
            #expect(refused.status == 1, "\(refused.description)")
            #expect(refused.standardOutput.contains("3 refused: before_retention"))
            #expect(refused.standardOutput.contains("--shift-to-now"))
            let moved = try Program.run(["import", "--shift-to-now"] + target + [path])
            #expect(moved.status == 0, "\(moved.description)")
            #expect(moved.standardOutput.contains("1 file: 3 spans"))
        }
        let spans = try await Web.get("\(server.url)/api/traces/\(Self.trace.hex)")["data"][0][
            "spans"
        ].array
        #expect(spans.count == 3)
        let earliest = now.advanced(byNanoseconds: -60_000_000_000)
        for span in spans {
            let start = Timestamp(microseconds: Int64(span["startTime"].int ?? 0))
            #expect(start > earliest && start < now)
            #expect(start.microseconds % 1_000_000 == old.microseconds % 1_000_000)
            #expect(span["logs"][0]["timestamp"].int == span["startTime"].int)
        }
        #expect(await server.stop() == 0)
    }

    @Test("a retention of one's own decides what a data directory takes")
    func ownRetention() throws {
        let folder = try TemporaryFolder()
        let old = now.advanced(byNanoseconds: -40 * 86_400_000_000_000)
        try write(OTLPTraces.encode(spans(at: old)), folder.path + "/a.pb")
        let outcome = try Program.run([
            "import", "--data", folder.path + "/data", "--retention", "60d", folder.path + "/a.pb",
        ])
        #expect(outcome.status == 0, "\(outcome.description)")
    }
}
