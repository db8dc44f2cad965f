import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// What is wrong with logs as they come from the world. The rules:
///
/// - Half a JSON object, and anything else that is no object, is a line of text.
/// - What is not UTF-8 is repaired, and counted.
/// - A line, or a syslog message, of more than a mebibyte is refused by `line_too_long`; the rest of
///   what its sender says is kept.
/// - Fields are kept, however many; queries see the first thousand of a line.
/// - Times in seconds, milliseconds, microseconds or nanoseconds are told apart by their size where a line
///   has them as a number; protocols that say nanoseconds are taken at their word, and what is then
///   before the retention is refused by `before_retention`.
/// - U+FEFF is text like any other, but before the message of RFC 5424, where it is a mark of the encoding.
/// - A sender without an end is read as far as it goes, and holds up nobody.
@Suite(
    "Bad logs",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct BadLogTests {
    private static let lines = "/api/sidelight/logs?service=bad"

    private func rejected(_ way: String, _ reason: String) -> String {
        "sidelight_receiver_rejected_items_total{signal=\"logs\",protocol=\"\(way)\","
            + "reason=\"\(reason)\"}"
    }

    private func received(_ way: String) -> String {
        "sidelight_receiver_items_total{signal=\"logs\",protocol=\"\(way)\"}"
    }

    private func withServer(
        _ arguments: [String] = [], _ body: (ServerProcess, LogQuestions) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data", arguments)
        try await body(server, LogQuestions(url: server.url))
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("truncated JSON is kept as text at every length, and is found")
    func truncated() async throws {
        let object = Array(
            #"{"level":"info","message":"a \"b\" \u00e9 \\","n":[1,{"x":null}]}"#.utf8)
        try await withServer { server, questions in
            var body: [UInt8] = []
            for count in 1..<object.count { body += object[..<count] + [0x0A] }
            let answer = try await Wire.post(
                server.url + Self.lines, type: "application/x-ndjson", body)
            #expect(answer.status == 200, "\(answer.text)")
            let rows = try await questions.rows(#"{service_name="bad"}"#)
            #expect(
                Set(rows.map(\.line))
                    == Set(
                        (1..<object.count).map { String(decoding: object[..<$0], as: UTF8.self) })
            )
            let counters = try await Counters(of: server.url)
            #expect(counters[received("log_lines")] == Double(object.count - 1))
        }
    }

    @Test("what is not UTF-8 is repaired and counted, in every kind of line and protocol")
    func invalidUTF8() async throws {
        try await withServer { server, questions in
            let bad: [UInt8] = [0x61, 0xFF, 0xC3, 0x28, 0xED, 0xA0, 0x80, 0x62]
            let quoted = Array(#"{"field":""#.utf8) + bad + Array(#""}"#.utf8)
            let text = try await Wire.post(
                server.url + Self.lines, type: "application/x-ndjson", bad + [0x0A] + quoted)
            #expect(text.status == 200)
            let bulk = try await Wire.post(
                server.url + "/_bulk", type: "application/x-ndjson",
                Array(#"{"create":{"_index":"bad"}}"#.utf8) + [0x0A]
                    + Array(#"{"message":""#.utf8) + bad + Array("\"}\n".utf8))
            #expect(bulk.status == 200, "\(bulk.text)")
            let rows = try await questions.rows(#"{service_name=~".+"} |= "\#u{FFFD}""#)
            #expect(rows.count == 3)
            #expect(rows.allSatisfy { $0.line.contains("a\u{FFFD}") && $0.line.contains("b") })
            let counters = try await Counters(of: server.url)
            for way in ["log_lines", "elasticsearch"] {
                let name = "sidelight_receiver_repaired_parts_total"
                #expect(counters["\(name){protocol=\"\(way)\",part=\"text\"}"] > 0, "\(way)")
            }
        }
    }

    @Test("a line of a mebibyte is kept whole, a longer one is refused, whatever brings it")
    func longLines() async throws {
        try await withServer(["--syslog", "127.0.0.1:0"]) { server, questions in
            let longest = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
            let body = longest + [0x0A] + longest + Array("y\nshort\n".utf8)
            let answer = try await Wire.post(
                server.url + Self.lines, type: "application/x-ndjson", body)
            #expect(answer.status == 200)
            let push = try await Wire.post(
                server.url + "/loki/api/v1/push", type: "application/json",
                Array(
                    "{\"streams\":[{\"stream\":{\"service_name\":\"bad\"},\"values\":[[\"\(now())\",\""
                        .utf8) + longest + Array("y\"],[\"\(now())\",\"short\"]]}]}".utf8))
            #expect(push.status == 400 && push.text.contains("line_too_long"), "\(push.text)")
            let syslog = try RawConnection(port: UInt16(server.port(of: "syslog")))
            #expect(
                await syslog.sendAll(
                    Array("<13>Nov 21 17:00:00 bad app: ".utf8) + longest
                        + Array("\n<13>Nov 21 17:00:00 bad app: short\n".utf8)))
            syslog.endSending()
            _ = await syslog.readToEnd()
            let counters = try await settled(server) { $0[received("syslog")] == 1 }
            #expect(counters[received("log_lines")] == 2)
            #expect(counters[rejected("log_lines", "line_too_long")] == 1)
            #expect(counters[received("loki")] == 1)
            #expect(counters[rejected("loki", "line_too_long")] == 1)
            #expect(counters[rejected("syslog", "line_too_long")] == 1)
            let rows = try await questions.rows(#"{service_name="bad"} |~ "x{1000}""#)
            #expect(rows.map(\.line.utf8.count) == [1 << 20])
        }
    }

    @Test(
        "a million distinct fields are kept, found and read back, and hold up nobody",
        .timeLimit(.minutes(8)))
    func manyFields() async throws {
        try await withServer { server, questions in
            // 20 lines of 50,000 fields each.
            for part in 0..<2 {
                var body: [UInt8] = []
                for line in 0..<10 {
                    body += Array(#"{"message":"many""#.utf8)
                    for field in 0..<50_000 {
                        body += Array(",\"f\(part)\(line)_\(field)\":\(field)".utf8)
                    }
                    body += Array("}\n".utf8)
                }
                async let answer = Wire.post(
                    server.url + Self.lines, type: "application/x-ndjson", body)
                async let other = Wire.post(
                    server.url + "/api/sidelight/logs?service=good", type: "text/plain",
                    Array("served\n".utf8))
                #expect(try await other.status == 200)
                #expect(try await answer.status == 200)
            }
            #expect(try await questions.rows(#"{service_name="good"}"#).count == 2)
            let counted = try await questions.numbers(
                #"sum(count_over_time({service_name="bad"} | json | message="many" [5m]))"#)
            #expect(counted == [[:]: 20])
            let row = try #require(
                try await questions.rows(#"{service_name="bad"} |= "\"f17_49999\":49999""#).first)
            #expect(row.line.utf8.count { $0 == UInt8(ascii: ",") } == 50_000)
        }
    }

    @Test("a sender without an end fills no memory and holds up nobody", .timeLimit(.minutes(8)))
    func endless() async throws {
        try await withServer(["--syslog", "127.0.0.1:0"]) { server, questions in
            let port = try UInt16(server.port(of: "syslog"))
            let before = try memory(of: server.pid)
            let piece = [UInt8](repeating: UInt8(ascii: "z"), count: 4 << 20)
            let line = try RawConnection(port: port)
            let counted = try RawConnection(port: port)
            #expect(await counted.sendAll(Array("999999999 ".utf8)))
            for _ in 0..<16 {
                #expect(await line.sendAll(piece))
                #expect(await counted.sendAll(piece))
                let good = try await Wire.post(
                    server.url + "/api/sidelight/logs?service=good", type: "text/plain",
                    Array("served\n".utf8))
                #expect(good.status == 200)
            }
            // An HTTP body is bounded, and says so.
            let http = try RawConnection(
                port: UInt16(try #require(URLComponents(string: server.url)?.port)))
            http.send(
                "POST \(Self.lines) HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n")
            var isOpen = true
            for _ in 0..<40 where isOpen {
                isOpen = await http.sendAll(Array("400000\r\n".utf8) + piece + [0x0D, 0x0A])
            }
            http.endSending()
            #expect(await http.readToEnd().hasPrefix("HTTP/1.1 413"))
            #expect(try memory(of: server.pid) - before < 160 << 20)
            line.endSending()
            counted.endSending()
            let counters = try await settled(server) {
                $0[rejected("syslog", "line_too_long")] == 2
            }
            #expect(counters[rejected("syslog", "line_too_long")] == 2)
            #expect(try await questions.rows(#"{service_name="good"}"#).count == 16)
        }
    }

    @Test("numbers tell seconds, milliseconds, microseconds and nanoseconds by their size")
    func units() async throws {
        try await withServer { server, questions in
            let seconds = now() / 1_000_000_000 - 60
            let body = [
                "\(seconds)", "\(seconds).5", "\(seconds)000", "\(seconds)000000",
                "\(seconds)000000000", "\"\(seconds)\"",
            ].map { "{\"time\":\($0),\"message\":\"timed\"}" }.joined(separator: "\n")
            let answer = try await Wire.post(
                server.url + Self.lines, type: "application/x-ndjson", Array(body.utf8))
            #expect(answer.status == 200)
            let rows = try await questions.rows(#"{service_name="bad"} | json | message="timed""#)
            #expect(
                rows.map { $0.time / 1_000_000_000 } == [Int64](repeating: seconds, count: 6))
        }
    }

    @Test("protocols of nanoseconds are taken at their word: other units are before the retention")
    func wrongUnits() async throws {
        try await withServer { server, _ in
            let seconds = now() / 1_000_000_000
            func push(_ time: String) async throws -> WireAnswer {
                try await Wire.post(
                    server.url + "/loki/api/v1/push", type: "application/json",
                    Array(
                        "{\"streams\":[{\"stream\":{\"a\":\"b\"},\"values\":[[\"\(time)\",\"x\"]]}]}"
                            .utf8))
            }
            for suffix in ["", "000", "000000"] { _ = try await push("\(seconds)\(suffix)") }
            #expect(try await push("\(seconds)000000000").status < 300)
            _ = try await push("\(Int64.max)")
            let otlp = Array(
                """
                {"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"\(seconds)000",
                "body":{"stringValue":"x"}}]}]}]}
                """.utf8)
            let answer = try await Wire.post(
                server.url + "/v1/logs", type: "application/json", otlp)
            #expect(answer.status == 200 && answer.text.contains("before_retention"))
            let counters = try await Counters(of: server.url)
            #expect(counters[received("loki")] == 1)
            #expect(counters[rejected("loki", "before_retention")] == 3)
            #expect(counters[rejected("loki", "too_far_in_future")] == 1)
            #expect(counters[rejected("otlp_http", "before_retention")] == 1)
        }
    }

    @Test("U+FEFF at the beginning of a line is kept, but as the mark of RFC 5424")
    func byteOrderMarks() async throws {
        try await withServer(["--syslog", "127.0.0.1:0"]) { server, questions in
            let mark = "\u{FEFF}"
            let lines = ["\(mark)plain", #"{"m":"\#(mark)value"}"#, mark, "\(mark){\"m\":1}"]
            let answer = try await Wire.post(
                server.url + Self.lines, type: "application/x-ndjson",
                Array(lines.joined(separator: "\n").utf8))
            #expect(answer.status == 200)
            let push = try await Wire.post(
                server.url + "/loki/api/v1/push", type: "application/json",
                Array(
                    "{\"streams\":[{\"stream\":{\"service_name\":\"loki\"},\"values\":[[\"\(now())\",\"\(mark)pushed\"]]}]}"
                        .utf8))
            #expect(push.status < 300)
            let syslog = try RawConnection(port: UInt16(server.port(of: "syslog")))
            let messages = [
                "<13>1 - h syslog - - - \(mark)one", "<13>1 - h syslog - - - \(mark)\(mark)two",
                "<13>\(RFC3339.string(Timestamp(nanoseconds: now()))) h syslog: \(mark)three",
                "\(mark)four",
            ]
            #expect(await syslog.sendAll(Array((messages.joined(separator: "\n") + "\n").utf8)))
            syslog.endSending()
            _ = await syslog.readToEnd()
            _ = try await settled(server) { $0[received("syslog")] == 4 }
            func found(_ query: String) async throws -> Set<String> {
                Set(try await questions.rows(query).map(\.line))
            }
            #expect(try await found(#"{service_name="bad"}"#) == Set(lines))
            #expect(try await found(#"{service_name="loki"}"#) == ["\(mark)pushed"])
            #expect(try await found(#"{service_name="syslog"} |= "o""#) == ["one", "\(mark)two"])
            #expect(
                try await found(#"{service_name="syslog"} |= "three""#) == ["\(mark)three"])
            #expect(
                try await found(#"{service_name="unknown_service"} |= "four""#) == ["\(mark)four"])
            let values = try await questions.rows(#"{service_name="bad"} | json | m=~".*value""#)
            #expect(values.map { $0["m"] } == ["\(mark)value"])
        }
    }

    // MARK: Looking

    private func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }

    /// Counters once `isSettled`, or after ten seconds.
    private func settled(
        _ server: ServerProcess, _ isSettled: (Counters) -> Bool
    ) async throws -> Counters {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(300)
        var counters = try await Counters(of: server.url)
        while !isSettled(counters), clock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
            counters = try await Counters(of: server.url)
        }
        return counters
    }

    /// Bytes that a process holds in memory.
    private func memory(of pid: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.split(separator: " ")[1])) << 10
    }
}
