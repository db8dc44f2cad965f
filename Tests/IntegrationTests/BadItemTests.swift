import Compression
import Foundation
import Telemetry
import Testing
import WireFormats

/// Single items that cannot be kept: the rest of their request is, the answer says how many were not and
/// why in the protocol's own way, and each is counted by its reason.
@Suite(
    "Bad items",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct BadItemTests {
    private struct Row {
        var what: String
        var way: String
        var signal: String
        var path: String
        var type: String
        var body: [UInt8]
        /// Items stored of `body`.
        var stored: Int
        var rejected: [String: Int] = [:]
        /// Texts that were repaired.
        var repaired = 0
        var repairedPart = "text"
        var status = 200
    }

    private static let now = Int64(Date().timeIntervalSince1970 * 1_000) - 5_000
    private static let farAhead = now + 3_600_000
    /// Beyond the 30 days that are kept.
    private static let longAgo = now - 40 * 86_400_000
    private static let trace = [UInt8](1...16)
    private static let span = [UInt8](1...8)

    private static func spans(
        _ what: String, _ bad: (trace: [UInt8], span: [UInt8], startMilliseconds: Int64),
        _ reason: String
    ) -> Row {
        Row(
            what: what, way: "otlp_http", signal: "traces", path: "/v1/traces",
            type: "application/x-protobuf", body: OTLP.spans([bad, (trace, span, now)]), stored: 1,
            rejected: [reason: 1])
    }

    private static let otlpSpans = [
        spans("a trace id of 15 bytes", ([UInt8](1...15), span, now), "invalid_trace_id"),
        spans("a trace id of 17 bytes", ([UInt8](1...17), span, now), "invalid_trace_id"),
        spans("no trace id", ([], span, now), "invalid_trace_id"),
        spans(
            "a trace id of zeros", ([UInt8](repeating: 0, count: 16), span, now),
            "invalid_trace_id"),
        spans("a span id of 7 bytes", (trace, [UInt8](1...7), now), "invalid_span_id"),
        spans(
            "a span id of zeros", (trace, [UInt8](repeating: 0, count: 8), now), "invalid_span_id"),
        spans("a span of the far future", (trace, span, farAhead), "too_far_in_future"),
        spans(
            "a span of the end of time", (trace, span, Int64.max / 1_000_000), "too_far_in_future"),
        spans("a span from before retention", (trace, span, longAgo), "before_retention"),
        Row(
            what: "a name that is not UTF-8", way: "otlp_http", signal: "traces",
            path: "/v1/traces", type: "application/x-protobuf",
            body: OTLP.spans([(trace, span, now)], name: [0x61, 0xFF, 0xC0, 0x62]), stored: 1,
            repaired: 1),
        Row(
            what: "a name of more than a mebibyte", way: "otlp_http", signal: "traces",
            path: "/v1/traces", type: "application/x-protobuf",
            body: OTLP.spans(
                [(trace, span, now)], name: [UInt8](repeating: 0x61, count: 1 << 20 | 1)),
            stored: 1, repaired: 1, repairedPart: "long_text"),
    ]

    private static let long = String(repeating: "x", count: 10 << 20)

    /// Attributes of 10 MiB, in each format that has any.
    private static let longValues = [
        Row(
            what: "an attribute of 10 MiB", way: "otlp_http", signal: "traces", path: "/v1/traces",
            type: "application/json",
            body: Array(
                (#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"#
                    + #""0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060709","name":"a","#
                    + "\"startTimeUnixNano\":\"\(now)000000\",\"endTimeUnixNano\":\"\(now)000000\","
                    + #""attributes":[{"key":"k","value":{"stringValue":"\#(long)"}}]}]}]}]}"#).utf8
            ),
            stored: 1, repaired: 1, repairedPart: "long_text"),
        Row(
            what: "a tag of 10 MiB", way: "zipkin", signal: "traces", path: "/api/v2/spans",
            type: "application/json",
            body: Array(
                ("[{\"traceId\":\"0102030405060708\",\"id\":\"0102030405060708\","
                    + "\"timestamp\":\(now)000,\"tags\":{\"k\":\"\(long)\"}}]").utf8),
            stored: 1, repaired: 1, repairedPart: "long_text", status: 202),
    ]

    private static func json(_ what: String, span members: String, _ reason: String) -> Row {
        let good =
            #"{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"a","#
            + "\"startTimeUnixNano\":\"\(now)000000\",\"endTimeUnixNano\":\"\(now)000000\"}"
        let body = #"{"resourceSpans":[{"scopeSpans":[{"spans":["# + "{\(members)},\(good)]}]}]}"
        return Row(
            what: what, way: "otlp_http", signal: "traces", path: "/v1/traces",
            type: "application/json", body: Array(body.utf8), stored: 1, rejected: [reason: 1])
    }

    private static let jsonSpans = [
        json(
            "a trace id of 31 digits", span: #""traceId":"0102030405060708090a0b0c0d0e0f1""#,
            "invalid_trace_id"),
        json(
            "a trace id that is no hexadecimal",
            span: #""traceId":"zz02030405060708090a0b0c0d0e0f10""#, "invalid_trace_id"),
        json(
            "a span id in base64",
            span: #""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"AQIDBAUGBwg=""#,
            "invalid_span_id"),
    ]

    private static let others = [
        Row(
            what: "records of the far future and from before retention", way: "otlp_http",
            signal: "logs", path: "/v1/logs", type: "application/x-protobuf",
            body: OTLP.logs(times: [farAhead, longAgo, now], text: "x"), stored: 1,
            rejected: ["too_far_in_future": 1, "before_retention": 1]),
        Row(
            what: "a record of more than a mebibyte", way: "otlp_http", signal: "logs",
            path: "/v1/logs", type: "application/x-protobuf",
            body: OTLP.logs(times: [now], text: String(repeating: "x", count: 1 << 20 | 1)),
            stored: 0, rejected: ["text_too_long": 1]),
        Row(
            what: "points of the far future and from before retention", way: "otlp_http",
            signal: "metrics", path: "/v1/metrics", type: "application/x-protobuf",
            body: OTLP.gauge(points: [(farAhead, 1), (longAgo, 1), (now, 1)]), stored: 1,
            rejected: ["too_far_in_future": 1, "before_retention": 1]),
        Row(
            what: "a label of more than 4096 bytes", way: "otlp_http", signal: "metrics",
            path: "/v1/metrics", type: "application/x-protobuf",
            body: OTLP.gauge(
                points: [(now, 1)], attribute: ("k", String(repeating: "v", count: 4_097))),
            stored: 0, rejected: ["label_too_long": 1]),
        Row(
            what: "ids of 3 digits and of zeros", way: "zipkin", signal: "traces",
            path: "/api/v2/spans", type: "application/json",
            body: zipkin([
                ("abc", "0102030405060708", now), (String(repeating: "0", count: 16), "1", now),
                ("0102030405060708", "0102030405060708", now),
            ]), stored: 2, rejected: ["invalid_trace_id": 1], status: 202),
        Row(
            what: "spans of the far future and from before retention", way: "zipkin",
            signal: "traces", path: "/api/v2/spans", type: "application/json",
            body: zipkin([
                ("0102030405060708", "0102030405060708", farAhead),
                ("0102030405060708", "0102030405060709", longAgo),
            ]), stored: 0, rejected: ["too_far_in_future": 1, "before_retention": 1], status: 400),
        Row(
            what: "samples of the far future and from before retention", way: "remote_write",
            signal: "metrics", path: "/api/v1/write", type: "application/x-protobuf",
            body: Remote.write([
                (["__name__": "a"], farAhead, 1), (["__name__": "a"], longAgo, 1),
                (["__name__": "a"], now, 1),
            ]), stored: 1, rejected: ["too_far_in_future": 1, "before_retention": 1], status: 400),
        Row(
            what: "a label twice; labels out of order are sorted", way: "remote_write",
            signal: "metrics",
            path: "/api/v1/write", type: "application/x-protobuf",
            body: Remote.write([
                (["b": "1", "__name__": "a"], now, 1),
                (["__name__": "a", "b": "1", "b": "2"], now, 1), (["__name__": "ok"], now, 1),
            ]), stored: 2, rejected: ["duplicate_label": 1], status: 400),
        Row(
            what: "a line of more than a mebibyte and one of the far future", way: "log_lines",
            signal: "logs", path: "/api/sidelight/logs", type: "application/x-ndjson",
            body: [UInt8](repeating: 0x61, count: 1 << 20 | 1)
                + Array(
                    "\n{\"time\":\"\(RFC3339.string(Timestamp(milliseconds: farAhead)))\"}\nok\n"
                        .utf8),
            stored: 1, rejected: ["line_too_long": 1, "too_far_in_future": 1]),
        Row(
            what: "a line that is not UTF-8, and half a JSON object", way: "log_lines",
            signal: "logs", path: "/api/sidelight/logs", type: "application/x-ndjson",
            body: [0x61, 0xFF, 0x0A] + Array("{\"a\":\n".utf8), stored: 2, repaired: 1),
    ]

    private static func zipkin(
        _ spans: [(trace: String, span: String, milliseconds: Int64)]
    ) -> [UInt8] {
        let objects = spans.map {
            "{\"traceId\":\"\($0.trace)\",\"id\":\"\($0.span)\",\"timestamp\":\($0.milliseconds)000}"
        }
        return Array("[\(objects.joined(separator: ","))]".utf8)
    }

    @Test("is left out, told and counted; the others of its request are stored")
    func rejected() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        for row in Self.otlpSpans + Self.jsonSpans + Self.others + Self.longValues {
            let before = try await Counters(of: server.url)
            let isWrite = row.way == "remote_write"
            let answer = try await Wire.post(
                server.url + row.path, type: row.type, encoding: isWrite ? "snappy" : nil,
                isWrite ? Snappy.compress(row.body) : row.body)
            #expect(answer.status == row.status, "\(row.what): \(answer.text)")
            if row.way != "log_lines" {
                for reason in row.rejected.keys {
                    #expect(answer.text.contains(reason), "\(row.what): \(answer.text)")
                }
            }
            var expected: [String: Double] = [:]
            let labels = "signal=\"\(row.signal)\",protocol=\"\(row.way)\""
            if row.stored > 0 {
                expected["sidelight_receiver_items_total{\(labels)}"] = Double(row.stored)
            }
            for (reason, count) in row.rejected {
                let name = "sidelight_receiver_rejected_items_total"
                expected["\(name){\(labels),reason=\"\(reason)\"}"] = Double(count)
            }
            if row.repaired > 0 {
                let name = "sidelight_receiver_repaired_parts_total"
                expected["\(name){protocol=\"\(row.way)\",part=\"\(row.repairedPart)\"}"] = Double(
                    row.repaired)
            }
            let rises = try await Counters(of: server.url).rises(since: before)
            #expect(
                rises.filter { $0.key.hasPrefix("sidelight_receiver") } == expected, "\(row.what)")
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("nesting is bounded: what is too deep is left out or refused, and the server goes on")
    func nesting() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        for depth in [60, 100, 10_000, 200_000] {
            let value =
                String(repeating: #"{"arrayValue":{"values":["#, count: depth)
                + String(repeating: "]}}", count: depth)
            let body = """
                {"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"\(Self.now)000000",
                "body":\(value)}]}]}]}
                """
            let answer = try await Wire.post(
                server.url + "/v1/logs", type: "application/json", Array(body.utf8))
            let status = depth < 80 ? 200 : 400
            #expect(answer.status == status, "\(depth): \(answer.text.prefix(200))")
            let line = Array(String(repeating: "[", count: depth).utf8)
            let text = try await Wire.post(
                server.url + "/api/sidelight/logs", type: "application/x-ndjson", line)
            #expect(text.status == 200, "\(depth)")
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("a span with a hundred thousand attributes is kept whole or refused, not half")
    func manyAttributes() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let attributes = (0..<100_000).map {
            "{\"key\":\"key-\($0)\",\"value\":{\"intValue\":\"\($0)\"}}"
        }.joined(separator: ",")
        let id = "0102030405060708090a0b0c0d0e0f10"
        let body = """
            {"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"\(id)","spanId":"0102030405060708",
            "name":"many","startTimeUnixNano":"\(Self.now)000000",
            "endTimeUnixNano":"\(Self.now)000000","attributes":[\(attributes)]}]}]}]}
            """
        let answer = try await Wire.post(
            server.url + "/v1/traces", type: "application/json", Array(body.utf8))
        #expect(answer.status == 200, "\(answer.text.prefix(200))")
        let trace = try await Wire.get(server.url + "/jaeger/api/traces/\(id)").text
        #expect(trace.components(separatedBy: "\"key-").count - 1 == 100_000)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }
}
