import Proxy
import Testing

@Suite struct FailureTests {
    @Test("a connection that is closed as soon as it is there gives its place back")
    func closedAtOnce() async throws {
        let upstream = try await TestUpstream { _, _ in .ok("") }
        let places = 2
        try await RunningProxy.with(
            upstream: upstream.address,
            change: {
                $0.clusters[0].connectionsMax = places
                $0.clusters[0].pendingMax = 0
            }
        ) { _, port in
            for _ in 0...places {
                let client = try await RawClient(port: port)
                try await client.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno chunk")
                let answer = try await client.waitForClose()
                #expect(answer.hasPrefix("HTTP/1.1 400"))
            }
            let answer = try await RawClient.get(port)
            #expect(answer.hasPrefix("HTTP/1.1 200"))
        }
        try await upstream.stop()
    }

    @Test("a refused connection is answered 503 UF")
    func refused() async throws {
        // Nobody listens on tcpmux, and no other test can take its port meanwhile.
        let nobody = Address(host: "127.0.0.1", port: 1)
        try await RunningProxy.with(upstream: nobody) { server, port in
            let answer = try await RawClient.get(port)
            #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable"))
            #expect(answer.contains("\"flags\":\"UF\""))
            let series = await server.metrics()
            #expect(series.map { $0.label("response_flags") } == ["UF"])
        }
    }

    @Test("an upstream that closes instead of answering is answered 503 UC")
    func closes() async throws {
        let upstream = try await TestUpstream { _, _ in .close }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let answer = try await RawClient.get(port)
            #expect(answer.hasPrefix("HTTP/1.1 503") && answer.contains("\"flags\":\"UC\""))
        }
        try await upstream.stop()
    }

    @Test("an upstream that stays silent is answered 504 UT after the route's timeout")
    func timeout() async throws {
        let upstream = try await TestUpstream { _, _ in .hang }
        try await RunningProxy.with(
            upstream: upstream.address,
            change: { $0.listeners[0].routes[0].timeout = .milliseconds(60) }
        ) { _, port in
            let answer = try await RawClient.get(port)
            #expect(answer.hasPrefix("HTTP/1.1 504") && answer.contains("\"flags\":\"UT\""))
        }
        try await RunningProxy.eventually("the hanging connection was closed") {
            upstream.closedConnections == 1
        }
        try await upstream.stop()
    }

    @Test("a response cut off in the middle cuts off the client, so that it cannot look complete")
    func truncated() async throws {
        let upstream = try await TestUpstream { _, _ in
            .sendThenClose("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        }
        try await RunningProxy.with(upstream: upstream.address) { server, port in
            let client = try await RawClient(port: port)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try await client.waitForClose()
            #expect(answer.hasSuffix("part"))
            #expect(await server.metrics().map { $0.label("response_flags") } == ["UC"])
        }
        try await upstream.stop()
    }

    @Test("an upstream that does not speak HTTP is answered 502 UPE")
    func nonsense() async throws {
        let upstream = try await TestUpstream { _, _ in .send("220 mail.example ESMTP\r\n\r\n") }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let answer = try await RawClient.get(port)
            #expect(answer.hasPrefix("HTTP/1.1 502") && answer.contains("\"flags\":\"UPE\""))
        }
        try await upstream.stop()
    }

    @Test("a client that goes away takes its upstream connection with it")
    func clientGone() async throws {
        let upstream = try await TestUpstream { _, _ in .hang }
        try await RunningProxy.with(upstream: upstream.address) { server, port in
            let client = try await RawClient(port: port)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await RunningProxy.eventually("the request arrived") {
                upstream.requests.count == 1
            }
            try await client.close()
            try await RunningProxy.eventually("the upstream connection was closed") {
                upstream.closedConnections == 1
            }
            #expect(await server.metrics().map { $0.label("response_flags") } == ["DC"])
        }
        try await upstream.stop()
    }

    @Test("a pooled connection that has died is replaced without the client noticing")
    func stalePool() async throws {
        let upstream = try await TestUpstream { request, index in
            index == 1 ? .close : .ok("answer \(index)")
        }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let answer1 = try await RawClient.get(port)
            #expect(answer1.contains("answer 0"))
            // The second request meets a connection that closes on it.
            let answer2 = try await RawClient.get(port)
            #expect(answer2.contains("answer 2"))
        }
        #expect(upstream.connections == 2)
        try await upstream.stop()
    }

    @Test("a POST that meets a dead connection is not repeated")
    func stalePost() async throws {
        let upstream = try await TestUpstream { _, index in index == 1 ? .close : .ok("fine") }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let answer3 = try await RawClient.get(port)
            #expect(answer3.contains("fine"))
            let answer = try await RawClient.get(
                port, headers: "Content-Length: 0\r\n", method: "POST")
            #expect(answer.hasPrefix("HTTP/1.1 503"))
        }
        #expect(upstream.requests.count == 2)
        try await upstream.stop()
    }

    @Test("requests past the connection bound wait their turn, and past the line are refused")
    func overflow() async throws {
        let upstream = try await TestUpstream { _, _ in .hang }
        try await RunningProxy.with(
            upstream: upstream.address,
            change: {
                $0.clusters[0].connectionsMax = 1
                $0.clusters[0].pendingMax = 1
            }
        ) { server, port in
            let first = try await RawClient(port: port)
            try await first.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            try await RunningProxy.eventually("the first arrived") { upstream.requests.count == 1 }
            let second = try await RawClient(port: port)
            try await second.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            var third = ""
            try await RunningProxy.eventually("the line is full") {
                third = try await RawClient.get(port, "/3")
                return third.hasPrefix("HTTP/1.1 503")
            }
            #expect(third.contains("\"flags\":\"UO\""))
            try await first.close()
            try await RunningProxy.eventually("the second got its turn") {
                upstream.requests.contains { $0.target == "/2" }
            }
            try await second.close()
        }
        try await upstream.stop()
    }

    @Test(
        "broken requests are answered and their connection is closed",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", "400"), ("nonsense\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"),
            ("GET /\(String(repeating: "x", count: 17_000)) HTTP/1.1\r\n", "414"),
            (
                "GET / HTTP/1.1\r\nHost: a\r\n"
                    + String(repeating: "X: y\r\n", count: 101) + "\r\n", "431"
            ),
            ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505"),
        ])
    func broken(_ request: String, _ status: String) async throws {
        let upstream = try await TestUpstream { _, _ in .ok("") }
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            let client = try await RawClient(port: port)
            try await client.send(request)
            let answer = try await client.waitForClose()
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            #expect(answer.contains("\"flags\":\"DPE\""))
        }
        try await upstream.stop()
    }

    @Test("a client that does not finish its head is answered 408")
    func slowHead() async throws {
        let upstream = try await TestUpstream { _, _ in .ok("") }
        try await RunningProxy.with(
            upstream: upstream.address, change: { $0.limits.headTimeout = .milliseconds(50) }
        ) { _, port in
            let client = try await RawClient(port: port)
            try await client.send("GET / HTTP/1.1\r\nHos")
            let answer4 = try await client.waitForClose()
            #expect(answer4.hasPrefix("HTTP/1.1 408"))
        }
        try await upstream.stop()
    }

    @Test("a taken port is an error that names listener and address")
    func taken() async throws {
        let upstream = try await TestUpstream { _, _ in .ok("") }
        let configuration = ProxyConfiguration.single(
            listen: upstream.address, upstream: upstream.address, service: "a")
        await #expect {
            _ = try await ProxyServer.start(configuration)
        } throws: { error in
            "\(error)".contains("listener \"inbound\"")
                && "\(error)".contains("127.0.0.1:\(upstream.port)")
        }
        try await upstream.stop()
    }
}
