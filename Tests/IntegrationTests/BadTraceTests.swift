import Foundation
import Testing

/// Traces that make no sense as a whole, of spans that are each acceptable: they are kept as they came,
/// and every query API goes on answering, for them and for what was sent beside them.
@Suite(
    "Bad traces",
    .enabled(
        if: ServerProcess.binary != nil, "the release program is not built beside the tests"),
    .timeLimit(.minutes(5)))
struct BadTraceTests {
    /// A span of the made-up traces. Numbers become ids; times are milliseconds after the start.
    private struct Span {
        var id: Int
        var parent: Int?
        var begin = 0
        var end = 10
        var tags = 0
    }

    private struct Case: CustomTestStringConvertible {
        var what: String
        var number: Int
        var spans: [Span]
        /// Spans that a trace by its id has.
        var count: Int

        var testDescription: String { what }
    }

    private static let cases = [
        Case(
            what: "a circle of parents", number: 1,
            spans: [Span(id: 1, parent: 3), Span(id: 2, parent: 1), Span(id: 3, parent: 2)],
            count: 3),
        Case(
            what: "a span that is its own parent", number: 2, spans: [Span(id: 1, parent: 1)],
            count: 1),
        Case(
            what: "a circle below a root", number: 3,
            spans: [Span(id: 1), Span(id: 2, parent: 3), Span(id: 3, parent: 2)], count: 3),
        Case(
            what: "the same span id three times", number: 4,
            spans: [Span(id: 1), Span(id: 1, tags: 2), Span(id: 1, tags: 1)], count: 1),
        Case(
            what: "an end before the start", number: 5, spans: [Span(id: 1, begin: 5, end: 1)],
            count: 1),
        Case(
            what: "parents that never came", number: 6,
            spans: [Span(id: 1, parent: 9), Span(id: 2, parent: 8)], count: 2),
        Case(
            what: "a child that starts before its parent", number: 7,
            spans: [Span(id: 1, begin: 100), Span(id: 2, parent: 1, end: 500_000)], count: 2),
    ]

    enum Format: String, CaseIterable, CustomTestStringConvertible {
        case otlp, zipkin, xray

        var testDescription: String { rawValue }
    }

    private static func hex(_ number: Int, _ digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }

    private static func traceID(_ format: Format, _ number: Int) -> String {
        // X-Ray's ids begin with the time in seconds.
        let seconds = Int(Date().timeIntervalSince1970) / 86_400 * 86_400
        let place = Format.allCases.firstIndex(of: format) ?? 0
        return hex(seconds, 8) + hex(place + 1, 8) + hex(number, 16)
    }

    private func body(_ format: Format, _ bad: Case, _ start: Int) -> (path: String, text: String) {
        let trace = Self.traceID(format, bad.number)
        switch format {
        case .otlp:
            let spans = bad.spans.map { span in
                let tags = (0..<span.tags).map { #"{"key":"t\#($0)","value":{"intValue":"1"}}"# }
                return """
                    {"traceId":"\(trace)","spanId":"\(Self.hex(span.id, 16))",
                    "parentSpanId":"\(span.parent.map { Self.hex($0, 16) } ?? "")","name":"bad",
                    "startTimeUnixNano":"\(start + span.begin)000000",
                    "endTimeUnixNano":"\(start + span.end)000000",
                    "attributes":[\(tags.joined(separator: ","))]}
                    """
            }
            return (
                "/v1/traces",
                """
                {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
                "value":{"stringValue":"mad"}}]},
                "scopeSpans":[{"spans":[\(spans.joined(separator: ","))]}]}]}
                """
            )
        case .zipkin:
            let spans = bad.spans.map { span in
                let parent = span.parent.map { "\"parentId\":\"\(Self.hex($0, 16))\"," } ?? ""
                let tags = (0..<span.tags).map { #""t\#($0)":"1""# }
                return """
                    {"traceId":"\(trace)","id":"\(Self.hex(span.id, 16))",\(parent)"name":"bad",
                    "timestamp":\(start + span.begin)000,"duration":\((span.end - span.begin) * 1_000),
                    "localEndpoint":{"serviceName":"mad"},"tags":{\(tags.joined(separator: ","))}}
                    """
            }
            return ("/api/v2/spans", "[\(spans.joined(separator: ","))]")
        case .xray:
            let id = "1-\(trace.prefix(8))-\(trace.dropFirst(8))"
            let documents = bad.spans.map { span -> String in
                let parent = span.parent.map { "\"parent_id\":\"\(Self.hex($0, 16))\"," } ?? ""
                let tags = (0..<span.tags).map { #""t\#($0)":"1""# }
                let document = """
                    {"trace_id":"\(id)","id":"\(Self.hex(span.id, 16))",\(parent)"name":"mad",\
                    "start_time":\(Double(start + span.begin) / 1_000),\
                    "end_time":\(Double(start + span.end) / 1_000),\
                    "annotations":{\(tags.joined(separator: ","))}}
                    """
                return "\"" + document.replacingOccurrences(of: "\"", with: "\\\"") + "\""
            }
            return (
                "/TraceSegments",
                "{\"TraceSegmentDocuments\":[\(documents.joined(separator: ","))]}"
            )
        }
    }

    @Test("are kept and answered, whatever they look like", arguments: Format.allCases)
    func answered(format: Format) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data")
        let start = Int(Date().timeIntervalSince1970 * 1_000) - 30_000
        for bad in Self.cases {
            let (path, text) = body(format, bad, start)
            let answer = try await Wire.post(
                server.url + path, type: "application/json", Array(text.utf8))
            #expect((200..<300).contains(answer.status), "\(bad.what): \(answer.text)")
        }
        for bad in Self.cases {
            let id = Self.traceID(format, bad.number)
            let trace = try await Wire.get(server.url + "/api/traces/\(id)")
            #expect(trace.status == 200, "\(bad.what): \(trace.text.prefix(300))")
            guard trace.status == 200 else { continue }
            let spans = try Answer(parsing: trace.text)["data"][0]["spans"].value as? [Any]
            #expect(spans?.count == bad.count, "\(bad.what)")
            for path in [
                "/api/v3/traces/\(id)", "/api/v2/trace/\(id)", "/tempo/api/v2/traces/\(id)",
                "/api/sidelight/traces/\(id)/tree?depth=9",
                "/api/sidelight/traces/\(id)/tree?fold=hops",
                "/api/sidelight/traces/\(id)/critical-path",
                "/api/sidelight/traces/\(id)/diff/\(id)",
            ] {
                let answer = try await Wire.get(server.url + path)
                #expect(answer.status == 200, "\(bad.what): \(path): \(answer.text.prefix(300))")
            }
        }
        for path in [
            "/api/traces?service=mad&limit=50", "/api/services",
            "/api/dependencies?endTs=\(start + 60_000)",
            "/zipkin/api/v2/traces?serviceName=mad&limit=50",
            "/zipkin/api/v2/dependencies?endTs=\(start + 60_000)",
            "/tempo/api/search?q=%7B%7D%20%3E%3E%20%7B%7D", "/tempo/api/search?q=%7B%7D",
            "/tempo/api/search?q=%7B%20span%3AchildCount%20%3E%200%20%7D",
            "/api/sidelight/doctor", "/api/quality-metrics?service=mad",
        ] {
            let answer = try await Wire.get(server.url + path)
            #expect(answer.status == 200, "\(path): \(answer.text.prefix(300))")
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }
}
