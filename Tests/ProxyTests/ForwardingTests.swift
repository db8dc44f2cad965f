import Proxy
import Testing

@Suite struct ForwardingTests {
    @Test("many requests share one client and one upstream connection, and keep their order")
    func keepAliveAndPipelining() async throws {
        let upstream = try await TestUpstream { request, _ in .ok("<\(request.target)>") }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port)
            for number in 0..<3 {
                try await client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try await client.wait(for: "</\(number)>")
            }
            var burst = ""
            for number in 10..<60 { burst += "GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n" }
            try await client.send(burst)
            _ = try await client.wait(for: "</59>")
            try await client.close()
        }
        #expect(upstream.connections == 1)
        #expect(
            upstream.requests.map(\.target) == (Array(0..<3) + Array(10..<60)).map { "/\($0)" })
        try await upstream.stop()
    }

    @Test("a client that sends requests and reads no answers gets no further ones")
    func unreadPipeline() async throws {
        let body = String(repeating: "x", count: 8_000)
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n" + body
        let upstream = try await TestUpstream { _, _ in .send(answer) }
        let asked = 4_000
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let deaf = try await RawClient(port: port, reads: false)
            async let sent: Void = deaf.send(
                String(repeating: "GET /deaf HTTP/1.1\r\nHost: a\r\n\r\n", count: asked))
            try await RunningProxy.eventually("the first requests have reached the upstream") {
                upstream.requests.contains { $0.target == "/deaf" }
            }
            // The connections share a loop: it has had its turns when the other one has had many.
            var answered = 0
            var before = -1
            while answered > before {
                before = answered
                for _ in 0..<40 { _ = try await RawClient.get(port, "/other") }
                answered = upstream.requests.count { $0.target == "/deaf" }
            }
            // What the kernel's buffers hold, and no more: all answers would be 32 MB.
            #expect(answered > 0 && answered < asked / 2)
            try await deaf.startReading()
            _ = try await sent
            _ = try await deaf.wait { received, _ in received.count == asked * answer.utf8.count }
            try await deaf.close()
        }
        #expect(upstream.requests.count { $0.target == "/deaf" } == asked)
        try await upstream.stop()
    }

    @Test("hop-by-hop fields stop at the proxy, others pass unchanged")
    func hopByHop() async throws {
        let upstream = try await TestUpstream { _, _ in
            .ok(
                "x",
                extra: "Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n"
                    + "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n")
        }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let answer = try await RawClient.get(
                port,
                headers: "X-Mine: 1\r\nConnection: X-Mine\r\nX-Other: 2\r\nTE: trailers\r\n"
                    + "Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\n")
            #expect(answer.contains("Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n"))
            #expect(!answer.contains("X-Hop") && !answer.contains("Keep-Alive"))
        }
        let seen = try #require(upstream.requests.first)
        #expect(seen.header("x-other") == "2")
        for name in ["x-mine", "connection", "te", "proxy-connection", "upgrade"] {
            #expect(seen.header(name) == nil, "\(name) was forwarded")
        }
        try await upstream.stop()
    }

    @Test("bodies pass in both directions, of known length and in chunks")
    func bodies() async throws {
        let upstream = try await TestUpstream { request, _ in
            let text = String(decoding: request.body, as: UTF8.self)
            return .send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "3\r\ngot\r\n1\r\n \r\n\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
                    + "0\r\nX-Trailer: t\r\n\r\n")
        }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port)
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
            _ = try await client.wait(for: "hello\r\n0\r\nX-Trailer: t\r\n\r\n")
            let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            for byte in Array((chunked + "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").utf8) {
                try await client.send([byte])
            }
            let answer = try await client.wait(for: "abcde\r\n0\r\nX-Trailer: t\r\n\r\n")
            #expect(answer.contains("transfer-encoding: chunked") || answer.contains("Transfer-"))
            try await client.close()
        }
        #expect(
            upstream.requests.map { String(decoding: $0.body, as: UTF8.self) } == [
                "hello", "abcde",
            ])
        try await upstream.stop()
    }

    @Test("an HTTP/1.0 client gets chunked content without chunks, ended by the close")
    func oldClient() async throws {
        let upstream = try await TestUpstream { _, _ in
            .send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
            )
        }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port)
            try await client.send("GET / HTTP/1.0\r\n\r\n")
            let answer = try await client.waitForClose()
            #expect(answer.hasSuffix("\r\n\r\nabc"))
            #expect(!answer.lowercased().contains("transfer-encoding"))
        }
        #expect(upstream.requests.first?.header("host") == "127.0.0.1:\(upstream.port)")
        try await upstream.stop()
    }

    @Test("an HTTP/1.0 client that asks for it keeps its connection")
    func oldClientKeepsAlive() async throws {
        let upstream = try await TestUpstream { _, _ in .ok("abc") }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port)
            for _ in 0..<2 {
                try await client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            }
            let answer = try await client.wait(for: "abc", times: 2)
            #expect(answer.contains("connection: keep-alive"))
            try await client.close()
        }
        try await upstream.stop()
    }

    @Test("HEAD, 204 and 304 have no body, whatever their fields say")
    func bodiless() async throws {
        let upstream = try await TestUpstream { request, _ in
            switch request.target {
            case "/304": .send("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
            case "/204": .send("HTTP/1.1 204 No Content\r\n\r\n")
            default: .send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
            }
        }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port)
            try await client.send(
                "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "GET /204 HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try await client.wait(for: "HTTP/1.1", times: 3)
            #expect(answer.contains("304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204"))
            try await client.close()
        }
        #expect(upstream.connections == 1)
        try await upstream.stop()
    }

    @Test("interim responses reach the client before the final one")
    func interim() async throws {
        let upstream = try await TestUpstream(onHead: .send("HTTP/1.1 100 Continue\r\n\r\n")) {
            request, _ in .ok("got \(request.body.count)")
        }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port)
            try await client.send(
                "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            _ = try await client.wait(for: "HTTP/1.1 100 Continue\r\n\r\n")
            try await client.send("body")
            _ = try await client.wait(for: "got 4")
            try await client.close()
        }
        try await upstream.stop()
    }

    @Test("a response that ends with its connection is complete, and so is the client's")
    func untilClose() async throws {
        let upstream = try await TestUpstream { _, _ in
            .sendThenClose("HTTP/1.1 200 OK\r\n\r\nthe end")
        }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try await client.waitForClose()
            #expect(answer.hasSuffix("connection: close\r\n\r\nthe end"))
        }
        try await upstream.stop()
    }

    @Test("10 MB pass a client that reads late, and one that sends much, unchanged")
    func large() async throws {
        let size = 10_000_000
        let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let head = Array("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n".utf8)
        let upstream = try await TestUpstream { request, _ in
            request.method == "GET" ? .sendBytes(head + content) : .ok("\(request.body == content)")
        }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port, reads: false)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await RunningProxy.eventually("the request reached the upstream") {
                upstream.requests.count == 1
            }
            try await client.startReading()
            try await client.wait { received, _ in received.count >= size }
            #expect(client.received.suffix(size).elementsEqual(content))
            try await client.send(
                Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n".utf8)
                    + content)
            try await client.wait { received, _ in
                String(decoding: received.suffix(4), as: UTF8.self) == "true"
            }
            try await client.close()
        }
        try await upstream.stop()
    }

    @Test("the absolute form is routed by its own authority and sent on in origin form")
    func egress() async throws {
        let cart = try await TestUpstream { _, _ in .ok("cart") }
        let paymentsOne = try await TestUpstream { _, _ in .ok("one") }
        let paymentsTwo = try await TestUpstream { _, _ in .ok("two") }
        let yaml = """
            service: frontend
            listeners:
              - name: outbound
                address: 127.0.0.1:0
                direction: outbound
                routes:
                  - { host: cart, cluster: cart }
                  - host: "*.pay"
                    prefix: /v1
                    split: [{ cluster: one, weight: 1 }, { cluster: two, weight: 0 }]
                  - { host: "*.pay", cluster: two }
            clusters:
              - { name: cart, endpoints: ["127.0.0.1:\(cart.port)"] }
              - { name: one, endpoints: ["127.0.0.1:\(paymentsOne.port)"] }
              - { name: two, endpoints: ["localhost:\(paymentsTwo.port)"] }
            """
        let configuration = try ProxyConfiguration(yaml: yaml, file: "test")
        try await RunningProxy.with(configuration) { _, port in
            func ask(_ target: String, host: String) async throws -> String {
                let client = try await RawClient(port: port)
                try await client.send(
                    "GET \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
                return try await client.waitForClose()
            }
            let answer1 = try await ask("http://CART:80/a?b=c", host: "wrong")
            #expect(answer1.hasSuffix("cart"))
            let answer2 = try await ask("/", host: "cart:8080")
            #expect(answer2.hasSuffix("cart"))
            let answer3 = try await ask("/v1/x", host: "eu.pay")
            #expect(answer3.hasSuffix("one"))
            let answer4 = try await ask("/v10", host: "eu.pay")
            #expect(answer4.hasSuffix("two"))
            let lost = try await ask("/", host: "nobody")
            #expect(lost.hasPrefix("HTTP/1.1 404") && lost.contains("\"flags\":\"NR\""))
        }
        let seen = try #require(cart.requests.first)
        #expect(seen.target == "/a?b=c")
        #expect(seen.header("host") == "CART:80")
        for upstream in [cart, paymentsOne, paymentsTwo] { try await upstream.stop() }
    }
}
