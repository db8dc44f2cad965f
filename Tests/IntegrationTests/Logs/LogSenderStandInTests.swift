import Compression
import Foundation
import Telemetry
import Testing

/// Stand-ins for senders of logs that cannot be had here. Nothing of Fluent Bit, Vector or Filebeat runs:
/// the requests are written by hand as their documentation and sources say that they are sent (paths,
/// headers, actions, forms of times), and sent in that order.
@Suite(
    "Stand-ins for Fluent Bit, Vector and Filebeat",
    .serialized,
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct LogSenderStandInTests {
    private static let trace = "80f198ee56343ba864fe8b2a57d3eff7"

    /// What each expects of the answers to what it asks first, and of its lines.
    private struct StandIn {
        var name: String
        /// Requests before the lines, with a part of what must be answered.
        var greetings: [(request: String, answer: String)] = []
        var head: [String]
        /// Action and document by turns.
        var lines: [String]
        var isPacked = false
        var index: String
    }

    /// `[OUTPUT] Name es`, `Suppress_Type_Name On`, `Path /elasticsearch`, of container logs.
    private static func fluentBit(_ now: Date) -> StandIn {
        let time = RFC3339.string(Timestamp(milliseconds: Int64(now.timeIntervalSince1970 * 1_000)))
        let line =
            #"10.1.2.3 - - [\#(commonLogTime(now))] \"GET /cart?id=1 HTTP/1.1\" 200 512 \"-\" "#
            + #"\"curl/8.5.0\""#
        return StandIn(
            name: "Fluent Bit",
            head: [
                "POST /elasticsearch/_bulk HTTP/1.1", "User-Agent: Fluent-Bit",
                "Content-Type: application/x-ndjson",
            ],
            lines: [
                #"{"create":{"_index":"fluent-bit"}}"#,
                #"{"@timestamp":"\#(time)","stream":"stdout","log":"\#(line)","kubernetes":"#
                    + #"{"pod_name":"cart-1","namespace_name":"shop"}}"#,
                #"{"create":{"_index":"fluent-bit"}}"#,
                #"{"@timestamp":"\#(time)","stream":"stderr","log":"plain words","trace_id":"#
                    + #""\#(trace)"}"#,
            ], index: "fluent-bit")
    }

    /// `type: elasticsearch`, `api_version: auto`, `compression: gzip`, `mode: bulk`.
    private static func vector(_ now: Date) -> StandIn {
        let time = RFC3339.string(Timestamp(milliseconds: Int64(now.timeIntervalSince1970 * 1_000)))
        return StandIn(
            name: "Vector",
            greetings: [
                (
                    "GET /elasticsearch/ HTTP/1.1\r\nuser-agent: Vector/0.50.0\r\n",
                    "\"number\":\"8."
                ),
                (
                    "GET /elasticsearch/_cluster/health HTTP/1.1\r\nuser-agent: Vector/0.50.0\r\n",
                    "\"status\":\"green\""
                ),
            ],
            head: [
                "POST /elasticsearch/_bulk?timeout=60s HTTP/1.1", "user-agent: Vector/0.50.0",
                "content-type: application/x-ndjson", "content-encoding: gzip",
            ],
            lines: [
                #"{"create":{"_index":"vector-2026.11.21"}}"#,
                #"{"host":"web-1","message":"level=warn msg=\"slow answer\" duration=1.5s","#
                    + #""source_type":"file","timestamp":"\#(time)"}"#,
                #"{"create":{"_index":"vector-2026.11.21"}}"#,
                #"{"host":"web-1","message":"done","trace_id":"\#(trace)","timestamp":"\#(time)"}"#,
            ], isPacked: true, index: "vector-2026.11.21")
    }

    /// `output.elasticsearch` with `setup.template.enabled: false` and `setup.ilm.enabled: false`.
    private static func filebeat(_ now: Date) -> StandIn {
        let time = RFC3339.string(Timestamp(milliseconds: Int64(now.timeIntervalSince1970 * 1_000)))
        return StandIn(
            name: "Filebeat",
            greetings: [
                (
                    "GET /elasticsearch/ HTTP/1.1\r\nUser-Agent: Elastic-Filebeat/8.15.0\r\n",
                    "You Know, for Search"
                ),
                (
                    "GET /elasticsearch/_license?human=false HTTP/1.1\r\n"
                        + "User-Agent: Elastic-Filebeat/8.15.0\r\n", "\"status\":\"active\""
                ),
            ],
            head: [
                "POST /elasticsearch/_bulk?filter_path=errors%2Citems.%2A.error%2Citems.%2A.status"
                    + " HTTP/1.1", "User-Agent: Elastic-Filebeat/8.15.0",
                "Content-Type: application/json; charset=UTF-8", "Accept: application/json",
            ],
            lines: [
                #"{"create":{"_index":"filebeat-8.15.0"}}"#,
                #"{"@timestamp":"\#(time)","message":"first","log":{"file":{"path":"/l/a.log"},"#
                    + #""offset":0},"host":{"name":"web-1"},"ecs":{"version":"8.0.0"}}"#,
                #"{"create":{"_index":"filebeat-8.15.0"}}"#,
                #"{"@timestamp":"\#(time)","message":"second","trace.id":"\#(trace)"}"#,
            ], index: "filebeat-8.15.0")
    }

    @Test("each is answered as it expects, and its lines are found")
    func senders() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let port = UInt16(try #require(URLComponents(string: server.url)?.port))
        let questions = LogQuestions(url: server.url)
        let now = Date(timeIntervalSinceNow: -10)
        for sender in [Self.fluentBit(now), Self.vector(now), Self.filebeat(now)] {
            for greeting in sender.greetings {
                let answer = try await ask(port, Array((greeting.request + "\r\n").utf8))
                #expect(answer.hasPrefix("HTTP/1.1 200"), "\(sender.name): \(answer)")
                #expect(answer.contains(greeting.answer), "\(sender.name): \(answer)")
                #expect(answer.lowercased().contains("x-elastic-product: elasticsearch"))
            }
            var body = Array((sender.lines.joined(separator: "\n") + "\n").utf8)
            if sender.isPacked { body = try Zlib.compress(body, format: .gzip, level: 6) }
            let head = sender.head + ["Host: x", "Content-Length: \(body.count)", "", ""]
            let answer = try await ask(port, Array(head.joined(separator: "\r\n").utf8) + body)
            #expect(answer.hasPrefix("HTTP/1.1 200"), "\(sender.name): \(answer)")
            #expect(answer.contains("\"errors\":false"), "\(sender.name): \(answer)")
            #expect(answer.components(separatedBy: "\"status\":201").count == 3)
            let rows = try await questions.rows("{index=\"\(sender.index)\"}")
            #expect(rows.count == 2, "\(sender.name): \(rows)")
            for row in rows {
                #expect(
                    abs(row.time / 1_000_000_000 - Int64(now.timeIntervalSince1970)) <= 1,
                    "\(sender.name)")
            }
            #expect(rows.filter { $0["trace_id"] == Self.trace }.count == 1, "\(sender.name)")
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("what Filebeat sets up by default is acknowledged, and pipelines are refused")
    func setUp() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let port = UInt16(try #require(URLComponents(string: server.url)?.port))
        // In this order: what is there is asked first.
        let requests: [(request: String, status: String)] = [
            ("GET /elasticsearch/_ilm/policy/filebeat", "404"),
            ("PUT /elasticsearch/_ilm/policy/filebeat", "200"),
            ("HEAD /elasticsearch/_index_template/filebeat-8.15.0", "404"),
            ("PUT /elasticsearch/_index_template/filebeat-8.15.0", "200"),
            ("GET /elasticsearch/_data_stream/filebeat-8.15.0", "404"),
            ("PUT /elasticsearch/_data_stream/filebeat-8.15.0", "200"),
            ("GET /elasticsearch/_ingest/pipeline/filebeat-8.15.0-nginx", "404"),
            ("PUT /elasticsearch/_ingest/pipeline/filebeat-8.15.0-nginx", "400"),
            ("POST /elasticsearch/_bulk?pipeline=filebeat-8.15.0-nginx", "400"),
        ]
        for (request, status) in requests {
            let body = request.hasPrefix("P") ? "{\"policy\":{}}\n{}\n" : ""
            let answer = try await ask(
                port,
                Array(
                    """
                    \(request) HTTP/1.1\r
                    User-Agent: Elastic-Filebeat/8.15.0\r
                    Content-Type: application/json; charset=UTF-8\r
                    Host: x\r
                    Content-Length: \(body.utf8.count)\r
                    \r
                    \(body)
                    """.utf8))
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(request): \(answer)")
            if status == "200" { #expect(answer.contains("\"acknowledged\":true"), "\(answer)") }
            if status == "400" { #expect(answer.contains("pipelines are not run"), "\(answer)") }
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    /// Sends a request on a connection of its own, of which no more comes.
    private func ask(_ port: UInt16, _ request: [UInt8]) async throws -> String {
        let connection = try RawConnection(port: port)
        #expect(await connection.sendAll(request))
        connection.endSending()
        return await connection.readToEnd()
    }

    /// `21/Nov/2026:15:12:23 +0000`.
    private static func commonLogTime(_ date: Date) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "dd/MMM/yyyy:HH:mm:ss Z"
        return format.string(from: date)
    }
}
