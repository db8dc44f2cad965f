import Foundation
import Testing

/// Rows of access logs lead to their spans and back, by whatever id they have.
@Suite(
    "Joining by every id",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"))
struct LogJoinTests {
    private struct Case: CustomStringConvertible {
        var name: String
        /// What both have in common.
        var by: String
        var line: @Sendable (SentSpan) -> String
        var description: String { name }

        init(_ name: String, by: String, _ line: @escaping @Sendable (SentSpan) -> String) {
            self.name = name
            self.by = by
            self.line = line
        }
    }

    private static let cases = [
        Case("trace and span id fields", by: "span_id") {
            #"{"method":"GET","path":"/","trace_id":"\#($0.trace)","span_id":"\#($0.span)"}"#
        },
        Case("the same in camel case", by: "span_id") {
            #"{"msg":"done","traceId":"\#($0.trace)","spanId":"\#($0.span)"}"#
        },
        Case("logfmt", by: "span_id") {
            "level=info msg=done trace_id=\($0.trace) span_id=\($0.span)"
        },
        Case("traceparent", by: "span_id") {
            #"{"method":"GET","traceparent":"\#($0.traceParent)"}"#
        },
        Case("traceparent as the client sent it", by: "parent_id") {
            #"{"method":"GET","traceparent":"00-\#($0.trace)-\#($0.parent)-01","request_id":"-"}"#
        },
        Case("the trace alone", by: "trace_id") {
            #"{"method":"GET","path":"/t","trace_id":"\#($0.trace)","request_id":"-"}"#
        },
        Case("x-request-id", by: "request_id") {
            #"{"method":"GET","x-request-id":"\#($0.request)"}"#
        },
        Case("Istio's request_id", by: "request_id") {
            #"{"start_time":null,"method":"GET","response_code":503,"response_flags":"UH","#
                + #""request_id":"\#($0.request)","upstream_host":null}"#
        },
        Case("Envoy's default text", by: "request_id") {
            #"[2026-11-21T17:00:00.000Z] "GET / HTTP/1.1" 200 - 0 9 3 2 "-" "curl/8" "#
                .replacing("2026-11-21T17:00:00.000Z", with: Self.now())
                + #""\#($0.request)" "cart" "10.0.0.1:80""#
        },
        Case("X-Ray with a parent", by: "span_id") {
            #"{"path":"/","x-amzn-trace-id":"Root=\#($0.xrayRoot);Parent=\#($0.span);Sampled=1"}"#
        },
        Case("X-Ray in an AWS load balancer's line", by: "trace_id") {
            #"https \#(Self.now()) app/lb-1/50dc 192.0.2.7:2817 10.2.2.2:80 0.001 0.048 0.000 200 "#
                + #"200 34 366 "GET https://www.example.org:443/p HTTP/1.1" "curl/8" ECDHE TLSv1.2 "#
                + #"arn:aws:tg/x "Root=\#($0.xrayRoot)" "www.example.org" "arn:cert" 0 "#
                + #"\#(Self.now()) "forward" "-" "-" "10.2.2.2:80" "200" "-" "-""#
        },
        Case("B3 in one header", by: "span_id") {
            #"{"path":"/","b3":"\#($0.trace)-\#($0.span)-1-\#($0.parent)"}"#
        },
        Case("B3 in several headers", by: "span_id") {
            #"{"path":"/","x-b3-traceid":"\#($0.trace)","x-b3-spanid":"\#($0.span)"}"#
        },
        Case("a 64-bit trace id and the span's", by: "span_id") {
            #"{"path":"/","x-b3-traceid":"\#($0.trace.suffix(16))","x-b3-spanid":"\#($0.span)"}"#
        },
        Case("a 64-bit trace id and a request id", by: "request_id") {
            #"{"method":"GET","x-b3-traceid":"\#($0.trace.suffix(16))","request_id":"\#($0.request)"}"#
        },
        Case("headers that HAProxy captured", by: "span_id") {
            #"10.7.7.7:33317 [\#(Self.haproxyNow())] http-in static/srv1 10/0/30/69/109 200 2750 "#
                + #"- - ---- 1/1/1/1/0 0/0 {\#($0.traceParent)|\#($0.request)} "GET / HTTP/1.1""#
        },
        Case("a request id that HAProxy captured", by: "request_id") {
            #"10.7.7.7:33317 [\#(Self.haproxyNow())] http-in static/srv1 10/0/30/69/109 503 2750 "#
                + #"- - SC-- 1/1/1/1/0 0/0 {example.org|\#($0.request)} {} "GET / HTTP/1.1""#
        },
    ]

    @Test("a row leads to its span and back", .timeLimit(.minutes(8)))
    func joins() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let questions = LogQuestions(url: server.url)
        for (number, known) in Self.cases.enumerated() {
            let sent = SentSpan(number)
            try await sent.send(to: server.url)
            let line = known.line(sent)
            let answer = try await Wire.post(
                server.url + "/api/sidelight/logs?service=join-\(number)",
                type: "application/x-ndjson", Array(line.utf8))
            try #require(answer.status == 200, "\(known): \(answer.text)")
            let rows = try await questions.rows(
                "{service_name=\"join-\(number)\"} | json | drop __error__, __error_details__")
            let row = try #require(rows.first, "\(known)")
            #expect(rows.count == 1, "\(known)")
            let spans = try await questions.spans(of: row)
            try #require(spans.count == 1, "\(known): \(row)")
            #expect(spans[0].traceId == sent.trace, "\(known)")
            #expect(spans[0].spanId == sent.span, "\(known)")
            #expect(spans[0].by == known.by, "\(known)")
            let lines = try await questions.lines(of: spans[0])
            #expect(lines.map(\.line) == [row.line], "\(known)")
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("a row written at the end of a long request leads to its span and back")
    func longRequests() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let questions = LogQuestions(url: server.url)
        let (told, untold) = (SentSpan(1), SentSpan(2))
        for sent in [told, untold] { try await sent.send(to: server.url, seconds: 400) }
        let lines = [
            #"{"method":"GET","duration":400000,"request_id":"\#(told.request)"}"#,
            #"{"method":"GET","request_id":"\#(untold.request)"}"#,
        ]
        let answer = try await Wire.post(
            server.url + "/api/sidelight/logs?service=long", type: "application/x-ndjson",
            Array(lines.joined(separator: "\n").utf8))
        #expect(answer.status == 200)
        for (sent, line) in zip([told, untold], lines) {
            let rows = try await questions.rows(
                #"{service_name="long"} | json | request_id="\#(sent.request)""#)
            let row = try #require(rows.first)
            let spans = try await questions.spans(of: row)
            #expect(spans.map(\.spanId) == [sent.span])
            let known = LogQuestions.Joined(traceId: sent.trace, spanId: sent.span, by: "")
            #expect(try await questions.lines(of: known).map(\.line) == [line])
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("connections join however their IPv6 addresses are written")
    func addresses() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let questions = LogQuestions(url: server.url)
        let sent = SentSpan(3)
        try await sent.send(to: server.url)
        // Envoy's row of the request, and one of the hop before, whose connection it came over.
        let lines = [
            #"{"method":"GET","trace_id":"\#(sent.trace)","span_id":"\#(sent.span)","#
                + #""downstream_remote_address":"[2001:db8::1]:5555"}"#,
            #"{"bytes_sent":7,"upstream_local_address":"2001:DB8::1:5555"}"#,
        ]
        let answer = try await Wire.post(
            server.url + "/api/sidelight/logs?service=six", type: "application/x-ndjson",
            Array(lines.joined(separator: "\n").utf8))
        #expect(answer.status == 200)
        let rows = try await questions.rows(#"{service_name="six"} | json | bytes_sent=7"#)
        let row = try #require(rows.first)
        #expect(try await questions.spans(of: row).map(\.spanId) == [sent.span])
        let known = LogQuestions.Joined(traceId: sent.trace, spanId: sent.span, by: "")
        #expect(try await questions.lines(of: known).count == 2)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    @Test("what has no id, or one of nobody's span, leads nowhere")
    func nothing() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let questions = LogQuestions(url: server.url)
        let (sent, other) = (SentSpan(1), SentSpan(2))
        try await sent.send(to: server.url)
        let lines = [
            #"{"method":"GET","path":"/"}"#, #"{"method":"GET","trace_id":"\#(other.trace)"}"#,
            #"{"method":"GET","request_id":"\#(other.request)"}"#,
            #"{"method":"GET","b3":"0"}"#, #"{"method":"GET","traceparent":"00-zz-11-01"}"#,
        ]
        let answer = try await Wire.post(
            server.url + "/api/sidelight/logs?service=join", type: "application/x-ndjson",
            Array(lines.joined(separator: "\n").utf8))
        #expect(answer.status == 200)
        let rows = try await questions.rows(#"{service_name="join"} | json"#)
        #expect(rows.count == lines.count)
        for row in rows { #expect(try await questions.spans(of: row).isEmpty, "\(row)") }
        let known = LogQuestions.Joined(traceId: sent.trace, spanId: sent.span, by: "")
        #expect(try await questions.lines(of: known).isEmpty)
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    // MARK: Times

    private static func now() -> String { Date().formatted(.iso8601) }

    /// HAProxy's clock shows the time of the machine.
    private static func haproxyNow() -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "dd/MMM/yyyy:HH:mm:ss.SSS"
        return format.string(from: Date())
    }
}
