import Foundation
import Testing

/// Traces that make no sense as a whole, and spans that cannot be: what can be kept is kept as it came, and
/// every query API goes on answering, for it and for what was sent beside it.
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
        var value = Array("1".utf8)
        var name = Array("bad".utf8)
        /// Bytes of the id.
        var idLength = 8
        var hasTrace = true
    }

    private struct Case {
        var what: String
        var spans: [Span]
        /// Spans that a trace by its id has.
        var count: Int
        var exceptions: [SpanWire: Int] = [:]
        /// In every answer of the trace.
        var told: String?

        func count(by wire: SpanWire) -> Int { exceptions[wire] ?? count }
    }

    private static let cases = [
        Case(
            what: "a circle of parents",
            spans: [Span(id: 1, parent: 3), Span(id: 2, parent: 1), Span(id: 3, parent: 2)],
            count: 3),
        Case(what: "a span that is its own parent", spans: [Span(id: 1, parent: 1)], count: 1),
        Case(
            what: "a circle below a root",
            spans: [Span(id: 1), Span(id: 2, parent: 3), Span(id: 3, parent: 2)], count: 3),
        Case(
            what: "the same span id three times",
            spans: [Span(id: 1), Span(id: 1, tags: 2), Span(id: 1, tags: 1)], count: 1),
        Case(
            what: "an end before the start", spans: [Span(id: 1, begin: 5, end: 1)], count: 1,
            told: "sidelight.raw_end_unix_nano"),
        Case(
            what: "parents that never came",
            spans: [Span(id: 1, parent: 9), Span(id: 2, parent: 8)], count: 2),
        Case(
            what: "a child that starts before its parent",
            spans: [Span(id: 1, begin: 100), Span(id: 2, parent: 1, end: 500_000)], count: 2),
        Case(
            what: "a span id of zeros and a trace id of zeros beside a good span",
            spans: [Span(id: 0), Span(id: 1), Span(id: 2, hasTrace: false)], count: 1),
        Case(
            what: "a span id of seven bytes beside a good span",
            spans: [Span(id: 1), Span(id: 2, idLength: 7)], count: 1,
            // Zipkin pads ids, Thrift has numbers.
            exceptions: [.zipkin: 2, .thrift: 2]),
        Case(
            what: "a hundred thousand attributes", spans: [Span(id: 1, tags: 100_000)], count: 1,
            // X-Ray's documents end at a mebibyte.
            exceptions: [.xray: 0]),
        Case(
            what: "a value of 10 MiB beside a good span",
            spans: [
                Span(id: 1),
                Span(id: 2, tags: 1, value: [UInt8](repeating: 0x78, count: 10 << 20)),
            ], count: 2, exceptions: [.xray: 1]),
        Case(
            what: "texts that are no UTF-8",
            spans: [Span(id: 1, tags: 1, value: [0x61, 0xFF, 0xC0], name: [0x62, 0xC3, 0x28])],
            count: 1),
    ]

    private static func big(_ number: Int, _ bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: number >> (8 * (bytes - 1 - $0))) }
    }

    /// X-Ray's ids begin with the time in seconds.
    private static func traceID(_ number: Int) -> [UInt8] {
        let seconds = Int(Date().timeIntervalSince1970) / 86_400 * 86_400
        return big(seconds, 4) + big(7, 4) + big(number, 8)
    }

    private static func sent(_ span: Span, _ number: Int, _ start: Int) -> WiredSpan {
        WiredSpan(
            trace: span.hasTrace ? traceID(number) : [UInt8](repeating: 0, count: 16),
            id: big(span.id, span.idLength), parent: span.parent.map { big($0, 8) },
            name: span.name, begin: start + span.begin, end: start + span.end,
            tags: (0..<span.tags).map { ("t\($0)", span.value) })
    }

    @Test("are kept and answered, whatever they look like", arguments: SpanWire.allCases)
    func answered(wire: SpanWire) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess(data: folder.path + "/data", ports: .all)
        let start = Int(Date().timeIntervalSince1970 * 1_000) - 30_000
        for (number, bad) in Self.cases.enumerated() {
            try await wire.send(
                bad.spans.map { Self.sent($0, number + 1, start) }, to: server)
        }
        for (number, bad) in Self.cases.enumerated() {
            try await check(bad, SpanWire.hex(Self.traceID(number + 1)), wire, server)
        }
        for path in [
            "/api/traces?service=mad&limit=50", "/api/services", "/api/v3/services",
            "/api/services/mad/operations", "/api/dependencies?endTs=\(start + 60_000)",
            "/zipkin/api/v2/traces?serviceName=mad&limit=50", "/zipkin/api/v2/services",
            "/zipkin/api/v2/spans?serviceName=mad", "/zipkin/api/v2/autocompleteKeys",
            "/zipkin/api/v2/dependencies?endTs=\(start + 60_000)",
            "/tempo/api/search?q=%7B%7D%20%3E%3E%20%7B%7D", "/tempo/api/search?q=%7B%7D",
            "/tempo/api/search?q=%7B%20span%3AchildCount%20%3E%200%20%7D",
            "/tempo/api/search/tags", "/tempo/api/v2/search/tags",
            "/tempo/api/v2/search/tag/span.t0/values",
            "/tempo/api/metrics/query_range?q=%7B%7D%7Crate()",
            "/tempo/api/metrics/query?q=%7B%7D%7Cquantile_over_time(duration,.9)",
            "/api/sidelight/doctor", "/api/quality-metrics?service=mad",
        ] {
            let answer = try await Wire.get(server.url + path)
            #expect(answer.status == 200, "\(path): \(answer.text.prefix(300))")
        }
        let found = try await Wire.get(server.url + "/api/traces?service=mad&limit=50")
        let traces = try Answer(parsing: found.text)["data"].value as? [Any]
        #expect(traces?.count == Self.cases.count { $0.count(by: wire) > 0 })
        #expect(await server.stop() == 0, "\(server.standardError)")
    }

    private func check(
        _ bad: Case, _ id: String, _ wire: SpanWire, _ server: ServerProcess
    ) async throws {
        let count = bad.count(by: wire)
        let trace = try await Wire.get(server.url + "/api/traces/\(id)")
        #expect(trace.status == (count > 0 ? 200 : 404), "\(bad.what): \(trace.text.prefix(300))")
        guard count > 0, trace.status == 200 else { return }
        let spans = try Answer(parsing: trace.text)["data"][0]["spans"].value as? [Any]
        #expect(spans?.count == count, "\(bad.what)")
        for path in [
            "/api/v3/traces/\(id)", "/api/v2/trace/\(id)", "/tempo/api/v2/traces/\(id)",
            "/tempo/api/traces/\(id)",
        ] {
            let answer = try await Wire.get(server.url + path)
            #expect(answer.status == 200, "\(bad.what): \(path): \(answer.text.prefix(300))")
            if let told = bad.told { #expect(answer.text.contains(told), "\(bad.what): \(path)") }
        }
        for path in [
            "/tempo/api/v2/traces/\(id)?q=%7B%7D&keep_hierarchy=true&match_depth=-1",
            "/api/sidelight/traces/\(id)/tree?depth=9",
            "/api/sidelight/traces/\(id)/tree?fold=hops",
            "/api/sidelight/traces/\(id)/critical-path", "/api/sidelight/traces/\(id)/diff/\(id)",
        ] {
            let answer = try await Wire.get(server.url + path)
            #expect(answer.status == 200, "\(bad.what): \(path): \(answer.text.prefix(300))")
        }
    }
}
