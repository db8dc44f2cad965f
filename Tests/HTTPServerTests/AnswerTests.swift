import Compression
import HTTPServer
import Platform
import Testing

@Suite struct AnswerTests {
    private static let long = String(repeating: "a long answer ", count: 200)

    private func routes(_ router: inout Router) {
        router.on(.get, "/long") { _ in .text(Self.long) }
        router.on(.get, "/short") { _ in .text("short") }
        router.on(.get, "/image") { _ in
            HTTPResponse(
                status: 200, contentType: "image/png", body: [UInt8](repeating: 7, count: 5_000))
        }
        router.on(.get, "/stream") { _ in
            .stream(contentType: "text/plain") { writer in
                for n in 0..<100 { try await writer.write(Array("\(n),".utf8)) }
            }
        }
        router.on(.get, "/broken") { _ in
            .stream(contentType: "text/plain") { writer in
                try await writer.write(Array("half".utf8))
                throw HTTPError(.failed, message: "the disk is gone")
            }
        }
        router.on(.get, "/empty") { _ in .empty() }
    }

    @Test("answers are dated by the server's clock")
    func date() async throws {
        let events = EventLog.forTests
        var router = Router()
        routes(&router)
        var configuration = HTTPListener.Configuration(
            address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen")
        configuration.clock = FixedClock()
        let listener = try await HTTPListener.open(
            configuration, routes: router.compiled(), events: events)
        let answers = try await [
            listener.request("GET", "/short"), listener.request("GET", "/none"),
        ]
        await listener.shutdown(within: .seconds(2))
        #expect(
            answers.map { $0["date"] }
                == .init(repeating: "Sun, 06 Nov 1994 08:49:37 GMT", count: 2))
    }

    @Test(
        "gzip is used exactly where the client allows it",
        arguments: [
            ("gzip", true), ("gzip, deflate, br", true), ("GZIP;Q=0.5", true), ("*", true),
            ("identity, *;q=0.1", false), ("br;q=1.0, gzip;q=0.8, *;q=0.1", true),
            ("gzip;q=0", false), ("gzip;q=0.000, *;q=1", false), ("deflate", false),
            ("gzip;q=nonsense", false), ("gzip;q=2", false), ("gzip;q=1.5", false),
            ("gzip;q=0.5, identity;q=1", false), ("*;q=0", false), ("", false), ("notgzip", false),
        ])
    func negotiation(header: String, isCompressed: Bool) async throws {
        try await withServer(routes: routes) { server in
            let answer = try await server.request(
                "GET", "/long", headers: ["accept-encoding": header])
            #expect(answer["content-encoding"] == (isCompressed ? "gzip" : nil))
            #expect(answer["vary"] == "Accept-Encoding")
            let body =
                isCompressed
                ? try Zlib.decompress(answer.body, format: .gzip, limit: 1 << 20) : answer.body
            #expect(String(decoding: body, as: UTF8.self) == Self.long)
        }
    }

    @Test("nobody who does not ask gets gzip, and short or dense bodies stay as they are")
    func notCompressed() async throws {
        try await withServer(routes: routes) { server in
            let silent = try await server.request("GET", "/long")
            #expect(silent["content-encoding"] == nil)
            for path in ["/short", "/image"] {
                let answer = try await server.request(
                    "GET", path, headers: ["accept-encoding": "gzip"])
                #expect(answer["content-encoding"] == nil)
            }
        }
    }

    @Test("a streaming answer arrives whole")
    func streaming() async throws {
        try await withServer(routes: routes) { server in
            let answer = try await server.request("GET", "/stream")
            #expect(answer.text == (0..<100).map { "\($0)," }.joined())
            let after = try await server.request("GET", "/short")
            #expect(after.text == "short")
        }
    }

    @Test("a streaming answer that fails half-way is no complete answer")
    func brokenStream() async throws {
        try await withServer(routes: routes) { server in
            let client = try RawClient(port: server.address.port)
            await client.send("GET /broken HTTP/1.1\r\nhost: a\r\n\r\n")
            let answer = await client.read()
            #expect(!answer.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test("204 has neither body nor length")
    func noContent() async throws {
        try await withServer(routes: routes) { server in
            let client = try RawClient(port: server.address.port)
            await client.send("GET /empty HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            let answer = await client.read()
            #expect(answer.hasPrefix("HTTP/1.1 204"))
            #expect(!answer.lowercased().contains("content-length"))
            #expect(!answer.lowercased().contains("transfer-encoding"))
        }
    }
}

/// Stands still.
private struct FixedClock: Clock {
    let wallNanoseconds: Int64 = 784_111_777_000_000_000
    let monotonicNanoseconds: Int64 = 0
}
