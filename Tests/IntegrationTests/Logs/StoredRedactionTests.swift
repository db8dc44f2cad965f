import Foundation
import Telemetry
import Testing

/// What `--redact` takes out is on no disk: not in the journal, not in blocks, not after a crash.
@Suite(
    "Redaction before anything is stored",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct StoredRedactionTests {
    private static let secrets = ["ann@example.org", "4111111111111111", "Bearer-abcdef0123"]
    /// Is kept, and shows that what is kept can be seen in the files.
    private static let kept = "kept-0123456789-as-it-is"

    private func send(to server: ServerProcess) async throws {
        let line =
            #"{"user":"ann@example.org","card":"4111111111111111","auth":"Bearer-abcdef0123","#
            + #""note":"\#(Self.kept)","text":"of ann@example.org, 4111111111111111"}"#
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        let quoted = line.replacing("\"", with: "\\\"")
        let loki = """
            {"streams":[{"stream":{"service_name":"loki","owner":"ann@example.org"},\
            "values":[["\(now)","\(quoted)",{"auth":"Bearer-abcdef0123"}]]}]}
            """
        let otlp = """
            {"resourceLogs":[{"resource":{"attributes":[{"key":"owner","value":{"stringValue":\
            "ann@example.org"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"\(now)","body":\
            {"stringValue":"\(quoted)"},"attributes":[{"key":"auth","value":{"stringValue":\
            "Bearer-abcdef0123"}}]}]}]}]}
            """
        let bulk = "{\"create\":{\"_index\":\"bulk\"}}\n\(line)\n"
        for (path, type, body) in [
            ("/api/sidelight/logs?service=lines&label=user", "application/x-ndjson", line),
            ("/loki/api/v1/push", "application/json", loki), ("/v1/logs", "application/json", otlp),
            ("/_bulk", "application/x-ndjson", bulk),
        ] {
            let answer = try await Wire.post(server.url + path, type: type, Array(body.utf8))
            #expect((200..<300).contains(answer.status), "\(path): \(answer.text)")
        }
        let syslog = try RawConnection(port: UInt16(server.port(of: "syslog")))
        #expect(await syslog.sendAll(Array("<13>1 - h ann@example.org - - - \(line)\n".utf8)))
        syslog.endSending()
        _ = await syslog.readToEnd()
    }

    /// All bytes of all files below a folder.
    private func files(_ folder: String) throws -> [(path: String, bytes: Data)] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
        return try names.compactMap { name in
            let path = "\(folder)/\(name)"
            var isFolder = ObjCBool(false)
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
                !isFolder.boolValue
            else { return nil }
            return (path, try Data(contentsOf: URL(fileURLWithPath: path)))
        }
    }

    @Test("no secret is in any file, however it came, before and after a crash and in blocks")
    func everywhere() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/data"
        let rules = [
            "--redact", "drop:card", "--redact", "hash:user", "--redact", "mask:auth",
            "--redact", #"mask:/[a-z]+@example\.org/"#, "--redact", #"mask:/\b\d{16}\b/"#,
            "--redact", "mask:/Bearer-[0-9a-f]+/",
        ]
        let arguments = ["--syslog", "127.0.0.1:0"] + rules
        let server = try await ServerProcess(data: data, arguments)
        try await send(to: server)
        let questions = LogQuestions(url: server.url)
        var rows = try await questions.rows(#"{service_name=~".+"}"#)
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        while rows.count < 5, clock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
            rows = try await questions.rows(#"{service_name=~".+"}"#)
        }
        #expect(rows.count == 5, "\(rows)")
        await server.killHard()
        let journal = try files(data)
        #expect(journal.contains { $0.bytes.range(of: Data(Self.kept.utf8)) != nil })
        // Without the rules: what is there now is what was stored.
        let again = try await ServerProcess(data: data)
        let stored = try await LogQuestions(url: again.url).rows(#"{service_name=~".+"}"#)
        #expect(stored.count == 5)
        for row in stored {
            let shown = "\(row)"
            #expect(shown.contains(Self.kept) && shown.contains("***"), "\(row)")
            for secret in Self.secrets { #expect(!shown.contains(secret), "\(row)") }
        }
        #expect(await again.stop() == 0)
        for (path, bytes) in journal + (try files(data)) {
            for secret in Self.secrets {
                #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(secret) in \(path)")
            }
        }
    }
}
