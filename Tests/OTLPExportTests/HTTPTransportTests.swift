import NIOCore
import NIOPosix
import OTLPExport
import Synchronization
import Testing

@Suite struct HTTPTransportTests {
    /// Answers every request on a free port with `answer`.
    private func serve(
        _ answer: String, _ body: (String) async throws -> Void
    ) async throws -> [String] {
        let seen = Seen()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Answerer(seen: seen, answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress?.port ?? 0
        try await body("http://127.0.0.1:\(port)/v1/traces")
        try await server.close()
        return seen.requests.withLock { $0 }
    }

    private final class Seen: Sendable {
        let requests = Mutex<[String]>([])
    }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let seen: Seen
        private let answer: String
        private var text = ""

        init(seen: Seen, answer: String) {
            self.seen = seen
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            guard text.hasSuffix("payload") else { return }
            seen.requests.withLock { $0.append(text) }
            text = ""
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
    }

    private func outcome(_ answer: String) async throws -> SendFailure? {
        var failure: SendFailure?
        let transport = HTTPExportTransport(
            headers: [("authorization", "Bearer x")], timeout: .seconds(300),
            connectTimeout: .seconds(300), isGzip: true)
        let requests = try await serve(answer) { url in
            do {
                try await transport.send(Array("payload".utf8), to: url)
            } catch let error as SendFailure {
                failure = error
            }
        }
        await transport.close()
        let request = try #require(requests.first).lowercased()
        #expect(request.hasPrefix("post /v1/traces http/1.1"))
        #expect(request.contains("content-type: application/x-protobuf"))
        #expect(request.contains("content-encoding: gzip"))
        #expect(request.contains("authorization: bearer x"))
        return failure
    }

    private func response(_ status: String, _ extra: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: 0\r\n\(extra)\r\n"
    }

    @Test("2xx is success", arguments: ["200 OK", "202 Accepted"])
    func success(_ status: String) async throws {
        let failure = try await outcome(response(status))
        #expect(failure == nil)
    }

    @Test(
        "429 and the gateways' errors pass, with what Retry-After asks for",
        arguments: ["429 Slow", "502 Bad", "503 Busy", "504 Late"])
    func transient(_ status: String) async throws {
        let code = status.prefix(3)
        let asked = try await outcome(response(status, "Retry-After: 7\r\n"))
        #expect(asked == .transient(reason: "status \(code)", retryAfter: .seconds(7)))
        let vague = try await outcome(response(status, "Retry-After: soon\r\n"))
        #expect(vague == .transient(reason: "status \(code)", retryAfter: nil))
    }

    @Test("other statuses are final", arguments: ["400 Bad", "401 Who", "413 Big", "500 Oops"])
    func permanent(_ status: String) async throws {
        let failure = try await outcome(response(status))
        #expect(failure == .permanent(reason: "status \(status.prefix(3))"))
    }

    @Test("a redirect is not followed: it would turn the POST into a GET that succeeds")
    func redirect() async throws {
        let failure = try await outcome(
            response("301 Moved Permanently", "Location: /v1/traces/\r\n"))
        #expect(failure == .permanent(reason: "status 301"))
    }

    @Test("a refused connection passes")
    func refused() async throws {
        let transport = HTTPExportTransport(headers: [], timeout: .seconds(300), isGzip: false)
        // Port 1 of the loopback answers nobody.
        do {
            try await transport.send([1], to: "http://127.0.0.1:1/v1/traces")
            Issue.record("nothing listens there")
        } catch {
            if case .permanent = error { Issue.record("\(error) is not transient") }
        }
        await transport.close()
    }
}
