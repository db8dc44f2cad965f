import Compression
import HTTPServer
import Testing

@Suite struct BodyTests {
    private let text = [UInt8](repeating: UInt8(ascii: "x"), count: 200_000)

    private func echo(_ router: inout Router) {
        router.on(.post, "/count") {
            .text("\($0.body.count) \($0.body.reduce(0) { ($0 &* 31) &+ Int($1) })")
        }
        router.group("/json", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on(.post, "/count") { .text("\($0.body.count)") }
        }
        var raw = RouteOptions()
        raw.rawEncodings = ["snappy"]
        router.on(.post, "/raw", options: raw) { .text("\($0.body.count)") }
        router.on(.get, "/ok") { _ in .text("ok") }
    }

    private var expected: String { "\(text.count) \(text.reduce(0) { ($0 &* 31) &+ Int($1) })" }

    @Test("every supported encoding arrives expanded", arguments: [false, true])
    func encodings(chunked: Bool) async throws {
        let bodies: [(String, [UInt8])] = [
            ("identity", text), ("gzip", try Zlib.compress(text, format: .gzip)),
            ("x-gzip", try Zlib.compress(text, format: .gzip)),
            ("deflate", try Zlib.compress(text, format: .zlib)),
            ("Deflate", try Zlib.compress(text, format: .raw)),
            ("zstd", Zstd.compress(text, level: 1)),
            ("gzip, zstd", try Zstd.compress(Zlib.compress(text, format: .gzip), level: 1)),
        ]
        try await withServer(routes: echo) { server in
            for (encoding, body) in bodies {
                let answer = try await server.request(
                    "POST", "/count", headers: ["content-encoding": encoding], body: body,
                    chunked: chunked)
                #expect(answer.text == expected, "\(encoding)")
            }
            let plain = try await server.request("POST", "/count", body: text, chunked: chunked)
            #expect(plain.text == expected)
        }
    }

    @Test("an unknown encoding is 415 and says which are known; a route may keep one for itself")
    func unknownEncoding() async throws {
        try await withServer(routes: echo) { server in
            let answer = try await server.request(
                "POST", "/json/count", headers: ["content-encoding": "br"], body: text)
            #expect(answer.status == 415)
            #expect(answer["accept-encoding"] == "gzip, deflate, zstd")
            #expect(answer.text.hasPrefix("{\"error\":\"Content-Encoding \\\"br\\\""))
            let raw = try await server.request(
                "POST", "/raw", headers: ["content-encoding": "snappy"], body: text)
            #expect(raw.text == "\(text.count)")
        }
    }

    @Test(
        "a compressed body that is cut off or garbage is 400",
        arguments: ["gzip", "deflate", "zstd"])
    func corrupt(encoding: String) async throws {
        let whole =
            switch encoding {
            case "gzip": try Zlib.compress(text, format: .gzip)
            case "deflate": try Zlib.compress(text, format: .zlib)
            default: Zstd.compress(text, level: 1)
            }
        try await withServer(routes: echo) { server in
            for count in [1, 2, whole.count / 2, whole.count - 1] {
                let answer = try await server.request(
                    "POST", "/count", headers: ["content-encoding": encoding],
                    body: Array(whole.prefix(count)))
                #expect(answer.status == 400, "\(count) bytes")
            }
            let garbage = try await server.request(
                "POST", "/count", headers: ["content-encoding": encoding],
                body: Array("certainly not compressed".utf8))
            #expect(garbage.status == 400)
        }
    }

    @Test("a body that expands beyond the limit is 413", arguments: ["gzip", "deflate", "zstd"])
    func bomb(encoding: String) async throws {
        let zeros = [UInt8](repeating: 0, count: 2 << 20)
        let bomb =
            switch encoding {
            case "gzip": try Zlib.compress(zeros, format: .gzip)
            case "deflate": try Zlib.compress(zeros, format: .zlib)
            default: Zstd.compress(zeros, level: 1)
            }
        var limits = HTTPLimits()
        limits.expandedBytesMax = 1 << 20
        try await withServer(limits: limits, routes: echo) { server in
            let answer = try await server.request(
                "POST", "/count", headers: ["content-encoding": encoding], body: bomb)
            #expect(answer.status == 413)
        }
    }

    @Test("a body over the limit is 413 and the connection goes on", arguments: [false, true])
    func tooLarge(chunked: Bool) async throws {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 100_000
        try await withServer(limits: limits, routes: echo) { server in
            for _ in 0..<3 {
                let answer = try await server.request(
                    "POST", "/json/count", body: text, chunked: chunked)
                #expect(answer.status == 413)
                #expect(answer["content-type"] == "application/json")
            }
            let exact = try await server.request(
                "POST", "/json/count", body: Array(text.prefix(100_000)), chunked: chunked)
            #expect(exact.text == "100000")
        }
    }

    @Test("a refused body that never ends is cut off after the answer")
    func endless() async throws {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 10_000
        limits.drainedBytesMax = 200_000
        try await withServer(limits: limits, routes: echo) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(
                "POST /count HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
            let chunk = "2710\r\n" + String(repeating: "y", count: 10_000) + "\r\n"
            await client.send(chunk + chunk)
            let answer = await client.read { $0.contains("larger than the limit") }
            #expect(answer.hasPrefix("HTTP/1.1 413"))
            var sent = 0
            while await client.send(chunk) {
                sent += 1
                guard sent < 10_000 else { break }
            }
            #expect(sent < 10_000, "the server never stopped reading")
        }
    }

    @Test("bodies of all requests together are bounded")
    func budget() async throws {
        var limits = HTTPLimits()
        limits.bodyBytesInFlightMax = 150_000
        try await withServer(limits: limits, routes: echo) { server in
            let refused = try await server.request("POST", "/count", body: text)
            #expect(refused.status == 503)
            #expect(refused["retry-after"] == "1")
            for _ in 0..<5 {
                let accepted = try await server.request(
                    "POST", "/json/count", body: Array(text.prefix(100_000)))
                #expect(accepted.text == "100000")
            }
        }
    }

    @Test("a body that its sender breaks off never reaches the handler", arguments: [false, true])
    func brokenOff(chunked: Bool) async throws {
        let handled = Counter()
        try await withServer {
            $0.on(.post, "/count") { request in
                handled.increment()
                return .text("\(request.body.count)")
            }
        } _: { server in
            let client = try RawClient(port: server.address.port)
            await client.send(
                chunked
                    ? "POST /count HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n"
                    : "POST /count HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabcde")
            client.finishSending()
            let answer = await client.read()
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"), "\(answer)")
        }
        #expect(handled.value == 0)
    }

    @Test("Expect: 100-continue is answered before the body, or refused without it")
    func expectContinue() async throws {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 1_000
        limits.drainedBytesMax = 4_000
        try await withServer(limits: limits, routes: echo) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(
                "POST /json/count HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"
            )
            let interim = await client.read { $0.hasSuffix("\r\n\r\n") }
            #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
            await client.send("abc")
            let answer = await client.read { $0.hasSuffix("3") }
            #expect(answer.hasPrefix("HTTP/1.1 200"))

            let refused = try RawClient(port: server.address.port)
            await refused.send(
                "POST /json/count HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9999\r\n\r\n"
            )
            let refusal = await refused.read { $0.contains("larger") }
            #expect(refusal.hasPrefix("HTTP/1.1 413"))
            #expect(refusal.contains("connection: close"))
        }
    }

    @Test("after a refusal in the place of 100 Continue nothing may follow on the connection")
    func refusedExpectation() async throws {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 1_000
        try await withServer(limits: limits, routes: echo) { server in
            for (path, length, status) in [("/json/count", 2_000, 413), ("/nowhere", 3, 404)] {
                let client = try RawClient(port: server.address.port)
                await client.send(
                    "POST \(path) HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n"
                        + "content-length: \(length)\r\n\r\n")
                let refusal = await client.read { $0.contains("\r\n\r\n") }
                #expect(refusal.hasPrefix("HTTP/1.1 \(status)"))
                #expect(refusal.lowercased().contains("connection: close"))
            }
        }
    }
}
