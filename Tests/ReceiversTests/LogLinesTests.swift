import AsyncHTTPClient
import HTTPServer
import NIOCore
import NIOHTTP1
import Store
import Telemetry
import Testing

@Suite struct LogLinesTests {
    private static let path = "/api/sidelight/logs"
    private static let timed =
        "{\"time\":\"2023-11-14T22:13:19Z\",\"app\":\"shop\",\"msg\":\"one\"}\n"

    @Test(
        "lines are stored and counted in the answer",
        arguments: [
            "application/x-ndjson", "application/json", "text/plain", "text/csv",
            "application/x-www-form-urlencoded", "application/octet-stream",
            "application/x-jsonlines", "application/stream+json", nil,
        ])
    func accepted(type: String?) async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { server in
            try await server.post(
                Self.path + "?service=gateway&label=app", Array((Self.timed + "plain\n").utf8),
                type: type)
        }
        #expect(answer.status == 200)
        #expect(answer["content-type"] == "application/json")
        #expect(answer.text == "{\"accepted\":2,\"rejected\":0}\n")
        let batch = try #require(bed.store.logs.first)
        #expect(batch.body(1) == .string("plain"))
        let attributes = batch.resource(at: batch.resourceIndices[0]).attributes
        #expect(attributes.contains(Attribute("service.name", .string("gateway"))))
        #expect(attributes.contains(Attribute("app", .string("shop"))))
    }

    @Test("a retry is recognised by lines with exact times or by many, and by its labels too")
    func retries() async throws {
        let bed = TestBed()
        let exact = Self.timed.replacing(":19Z", with: ":19.001Z")
        let many = String(repeating: Self.timed, count: 20)
        try await bed.withHTTP { server in
            for (query, body) in [
                ("", exact), ("", exact), ("?service=a", exact), ("", exact + "no time\n"),
                ("", many), ("", Self.timed), ("", Self.timed + "no time\n"), ("", "no time\n"),
            ] {
                _ = try await server.post(Self.path + query, Array(body.utf8))
            }
        }
        let digests = bed.store.digests
        try #require(digests.count == 8)
        #expect(digests[0] != nil && digests[0] == digests[1])
        #expect(digests[2] != nil && digests[2] != digests[0])
        #expect(digests[3] != nil && digests[4] != nil)
        // Equal lines of whole seconds are events of their own: three probes in a second.
        #expect(digests[5] == nil && digests[6] == nil && digests[7] == nil)
    }

    @Test(
        "objects that are not one a line are told apart",
        arguments: [
            ("[{\"m\":\"a\"},\n {\"m\":\"b\"}]", "application/json"),
            ("\u{1E}{\"m\":\"a\"}\n\u{1E}{\n \"m\":\"b\"}\n", "application/json-seq"),
            ("{\n  \"m\":\"a\"\n}\n{\"m\":\"b\"}\n", "application/json"),
            ("[{\"m\":\"a\"},{\"m\":\"b\"}]", "text/plain"),
            ("{\"m\":\"a\"}\n{\"m\":\"b\"}\n", "application/json"),
        ])
    func documents(body: String, type: String) async throws {
        let bed = TestBed()
        let answer = try await bed.withHTTP { server in
            try await server.post(Self.path, Array(body.utf8), type: type)
        }
        #expect(answer.text == "{\"accepted\":2,\"rejected\":0}\n")
        let batch = try #require(bed.store.logs.first)
        #expect((0..<2).map { LogLine.string(batch, row: $0) } == [#"{"m":"a"}"#, #"{"m":"b"}"#])
    }

    @Test(
        "what only begins like such objects is lines",
        arguments: ["[1,2]\n[notice] x", "[{\"m\":1},\nx", "{\n\"m\"", "[] a\nb"])
    func linesAfterAll(body: String) async throws {
        let bed = TestBed()
        _ = try await bed.withHTTP { server in
            try await server.post(Self.path, Array(body.utf8), type: "application/json")
        }
        let batch = try #require(bed.store.logs.first)
        #expect(
            (0..<batch.count).map { LogLine.string(batch, row: $0) }
                == body.split(separator: "\n").map(String.init))
    }

    @Test("of a body without an end the whole lines that came in time are stored, and 408 says so")
    func endless() async throws {
        var (bed, status, text) = try await sendForEver(for: .milliseconds(300))
        // A sender that is slow to begin on a busy machine has nothing to be kept, and is given longer.
        for time in [Duration.seconds(5), .seconds(120)] where bed.store.logs.isEmpty {
            (bed, status, text) = try await sendForEver(for: time)
        }
        #expect(status == 408, "\(text)")
        let stored = bed.store.logs.reduce(0) { $0 + $1.count }
        #expect(stored > 0)
        #expect(
            text.hasPrefix("{\"accepted\":\(stored),\"rejected\":0,\"message\":\"the body did not"))
        let last = try #require(bed.store.logs.last)
        #expect(last.body(last.count - 1).text.hasSuffix("a line"))
    }

    /// Sends lines without an end to a server that takes a body for `time`.
    private func sendForEver(for time: Duration) async throws -> (TestBed, UInt, String) {
        let bed = TestBed()
        var limits = HTTPLimits()
        limits.bodyTimeout = time
        limits.lateBodyGrace = .seconds(300)
        let (status, text) = try await bed.withHTTP(limits: limits) { server in
            var request = HTTPClientRequest(
                url: "http://127.0.0.1:\(server.address.port)\(Self.path)")
            request.method = .POST
            // Slowly, so that a busy machine's client finds the answer before the connection ends.
            let body = AsyncStream<ByteBuffer> {
                _ = try? await Task.sleep(for: .milliseconds(20))
                return ByteBuffer(string: "a line\nhalf of")
            }
            request.body = .stream(body, length: .unknown)
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
            var text = try await response.body.collect(upTo: 1 << 20)
            return (response.status.code, text.readString(length: text.readableBytes) ?? "")
        }
        return (bed, status, text)
    }

    @Test("lines too far in the future are rejected one by one")
    func partial() async throws {
        let bed = TestBed()
        let body = Self.timed + "{\"time\":\"2033-11-14T22:13:20Z\",\"msg\":\"two\"}\n"
        let answer = try await bed.withHTTP { server in
            try await server.post(Self.path, Array(body.utf8))
        }
        #expect(answer.text.hasPrefix("{\"accepted\":1,\"rejected\":1,\"message\":\"1 too_far"))
    }

    @Test("wrong types and too many labels are refused in JSON")
    func refused() async throws {
        let bed = TestBed()
        try await bed.withHTTP { server in
            let type = try await server.post(
                Self.path, Array(Self.timed.utf8), type: "application/x-protobuf")
            #expect(type.status == 415)
            #expect(type["content-type"] == "application/json")
            let names = (0..<17).map { "f\($0)" }.joined(separator: ",")
            let labels = try await server.post(
                Self.path + "?label=\(names)", Array(Self.timed.utf8))
            #expect(labels.status == 400)
            bed.store.answer(.failure(.closed))
            let closed = try await server.post(Self.path, Array(Self.timed.utf8))
            #expect(closed.status == 503)
        }
    }
}
