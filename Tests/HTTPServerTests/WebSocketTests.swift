import Foundation
import HTTPServer
import Platform
import Testing

@Suite("WebSockets") struct WebSocketTests {
    /// A request for one, with the key of RFC 6455 §1.3.
    private func handshake(_ path: String, extra: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            + "\(extra)\r\n"
    }

    private func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], isMasked: Bool = true
    ) -> [UInt8] {
        let mask: [UInt8] = [1, 2, 3, 4]
        guard isMasked else { return [0x80 | opcode, UInt8(payload.count)] + payload }
        return [0x80 | opcode, 0x80 | UInt8(payload.count)] + mask
            + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// A route that says each word and then waits for the end.
    private func saying(_ words: String..., until end: @escaping @Sendable () async -> Void)
        -> @Sendable (inout Router) -> Void
    {
        { router in
            router.onWebSocket("/say/{who}") { request in
                guard request.pathParameters["who"] == "me" else {
                    throw HTTPError.badRequest("not for you")
                }
                let more = request.parameters["more"].map { [$0] } ?? []
                return { socket in
                    do {
                        for word in words + more { try await socket.send(text: Array(word.utf8)) }
                    } catch { return }
                    await end()
                }
            }
            router.on(.get, "/plain") { _ in .text("plain") }
        }
    }

    private static let forever: @Sendable () async -> Void = {
        let (stream, _) = AsyncStream.makeStream(of: Void.self)
        for await _ in stream {}
    }

    @Test("a request for one is granted as RFC 6455 says, and messages are text frames")
    func granted() async throws {
        try await withServer(routes: saying("hello", until: Self.forever)) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(handshake("/say/me?more=you"))
            let bytes = await client.readBytes {
                $0.suffix(5) == Array("\u{81}\u{3}you".unicodeScalars.map { UInt8($0.value) })
            }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
            #expect(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            #expect(
                bytes.suffix(12) == [0x81, 5] + Array("hello".utf8) + [0x81, 3] + Array("you".utf8))
        }
    }

    @Test("pings are answered, messages are dropped, a farewell is returned")
    func control() async throws {
        try await withServer(routes: saying(until: Self.forever)) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(handshake("/say/me"))
            _ = await client.readBytes { $0.suffix(4) == Array("\r\n\r\n".utf8) }
            await client.send(frame(1, Array("ignored".utf8)) + frame(9, [7, 8]))
            #expect(await client.readBytes { $0.count == 4 } == [0x8A, 2, 7, 8])
            await client.send(frame(8, [3, 0xE8]))
            #expect(await client.readBytes() == [0x88, 2, 3, 0xE8])
        }
    }

    @Test("the conversation's end closes the socket with 1000")
    func end() async throws {
        try await withServer(routes: saying("bye", until: {})) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(handshake("/say/me"))
            let bytes = await client.readBytes()
            #expect(bytes.suffix(9) == [0x81, 3] + Array("bye".utf8) + [0x88, 2, 3, 0xE8])
        }
    }

    @Test(
        "what breaks the protocol is closed with 1002",
        arguments: [
            [0x81, 1, 65], [0xF1, 0x80, 0, 0, 0, 0],
            [0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0],
            [0x89, 0xFE, 1, 0, 0, 0, 0, 0],
        ] as [[UInt8]])
    func violations(bytes: [UInt8]) async throws {
        try await withServer(routes: saying(until: Self.forever)) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(handshake("/say/me"))
            _ = await client.readBytes { $0.suffix(4) == Array("\r\n\r\n".utf8) }
            await client.send(bytes)
            let answer = await client.readBytes()
            #expect(answer.first == 0x88)
            #expect(answer.dropFirst(2).prefix(2) == [3, 0xEA])
        }
    }

    @Test("the route's own error, a missing token and a missing key are answered in HTTP")
    func refusals() async throws {
        try await withServer(
            tokens: TokenSet(["s3cret"]), routes: saying("x", until: Self.forever)
        ) { server in
            let token = "Authorization: Bearer s3cret\r\nConnection: close\r\n"
            let cases = [
                (handshake("/say/you", extra: token), "HTTP/1.1 400", "not for you"),
                (handshake("/say/me"), "HTTP/1.1 401", "bearer token"),
                (handshake("/nowhere", extra: token), "HTTP/1.1 404", "not served"),
                (
                    handshake("/say/me", extra: token)
                        .replacing("Sec-WebSocket-Version: 13\r\n", with: ""), "HTTP/1.1 426",
                    "WebSocket"
                ),
                (handshake("/plain", extra: token), "HTTP/1.1 200", "plain"),
            ]
            for (request, status, body) in cases {
                let client = try RawClient(port: server.address.port)
                await client.send(request)
                let answer = await client.read { $0.contains(body) }
                #expect(answer.hasPrefix(status), "\(request)\n\(answer)")
                #expect(answer.contains(body))
            }
            let plain = try await server.request(
                "GET", "/say/me", headers: ["authorization": "Bearer s3cret"])
            #expect(plain.status == 426)
            #expect(plain["upgrade"] == "websocket")
        }
    }

    @Test("a silent client is pinged and then cut off, and its conversation is cancelled")
    func silence() async throws {
        var limits = HTTPLimits()
        limits.socketPingInterval = .milliseconds(50)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let events = EventLog.forTests
        try await withServer(
            limits: limits, events: events,
            routes: saying(until: {
                await Self.forever()
                end.finish()
            })
        ) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(handshake("/say/me"))
            let bytes = await client.readBytes()
            #expect(bytes.suffix(2) == [0x89, 0])
            for await _ in ended {}
        }
        #expect(
            events.readings().contains {
                $0.name == "sidelight_http_connections_aborted_total" && $0.value == 1
                    && $0.labels.first?.value == "silent_socket"
            })
    }

    @Test("a server that stops says so, and does not wait for its sockets")
    func shutdown() async throws {
        let clock = ContinuousClock()
        var received: [UInt8] = []
        var client: RawClient?
        var began = clock.now
        try await withServer(
            grace: .seconds(600), routes: saying("x", until: Self.forever)
        ) { server in
            let opened = try RawClient(port: server.address.port)
            await opened.send(handshake("/say/me"))
            _ = await opened.readBytes { $0.suffix(3) == [0x81, 1, 0x78] }
            client = opened
            began = clock.now
        }
        #expect(clock.now - began < .seconds(300))
        received = await client?.readBytes() ?? []
        #expect(received.prefix(1) == [0x88])
        #expect(received.dropFirst(2).prefix(2) == [3, 0xE9])
    }

    @Test("the client reads messages until it has enough, and tells of refusals")
    func client() async throws {
        try await withServer(routes: saying("one", "two", "three", until: Self.forever)) {
            server in
            let client = WebSocketClient(host: "127.0.0.1", port: server.address.port)
            var words: [String] = []
            try await client.read("/say/me") { message in
                words.append(String(decoding: message, as: UTF8.self))
                return words.count < 2
            }
            #expect(words == ["one", "two"])
            await #expect(throws: WebSocketClient.Failure.self) {
                try await client.read("/say/you") { _ in true }
            }
        }
    }
}
