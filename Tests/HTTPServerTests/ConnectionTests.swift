import HTTPServer
import Platform
import Testing

@Suite struct ConnectionTests {
    private func simple(_ router: inout Router) {
        router.on(.get, "/n/{n}") { .text("[\($0.pathParameters["n"] ?? "")]") }
        router.on(.post, "/size") { .text("[\($0.body.count)]") }
    }

    @Test("pipelined requests are answered in order on one connection")
    func pipelining() async throws {
        try await withServer(routes: simple) { server in
            let client = try RawClient(port: server.address.port)
            var requests = ""
            for n in 0..<50 {
                requests += "GET /n/\(n) HTTP/1.1\r\nhost: a\r\n\r\n"
                requests += "POST /size HTTP/1.1\r\nhost: a\r\ncontent-length: \(n)\r\n\r\n"
                requests += String(repeating: "z", count: n)
            }
            await client.send(
                requests + "GET /n/last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            let answers = await client.read()
            let bodies = answers.split(separator: "\r\n\r\n").dropFirst().map {
                String($0.prefix { $0 != "]" })
            }
            #expect(bodies == (0..<50).flatMap { ["[\($0)", "[\($0)"] } + ["[last"])
        }
    }

    @Test(
        "what is not HTTP gets a 400 and the connection is closed",
        arguments: [
            "\u{16}\u{3}\u{1}\u{2}\u{0} this is not http\r\n\r\n", "GET\r\n\r\n",
            "GET / HTTP/1.1\r\nbad header\r\n\r\n",
            "POST /size HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n",
            "POST /size HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST /size HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ])
    func malformed(text: String) async throws {
        try await withServer(routes: simple) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(text)
            let answer = await client.read()
            #expect(answer.hasPrefix("HTTP/1.1 400"), "\(answer)")
        }
    }

    @Test("a header section over the limit is refused")
    func hugeHeaders() async throws {
        try await withServer(routes: simple) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(
                "GET /n/1 HTTP/1.1\r\nhost: a\r\nx: \(String(repeating: "h", count: 100_000))\r\n\r\n"
            )
            let answer = await client.read()
            #expect(!answer.contains("200 OK"))
        }
    }

    @Test(
        "an idle connection and an unfinished header section are closed",
        arguments: ["", "GET /n/"])
    func idle(start: String) async throws {
        var limits = HTTPLimits()
        limits.idleTimeout = .milliseconds(200)
        try await withServer(limits: limits, routes: simple) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(start)
            let answer = await client.read()
            #expect(!answer.contains("200"))
        }
    }

    @Test(
        "a body of which nothing more comes is answered 408, whatever came of it, and its connection ends",
        arguments: [
            "content-length: 10\r\n\r\n", "content-length: 10\r\n\r\nabc",
            "transfer-encoding: chunked\r\n\r\n", "transfer-encoding: chunked\r\n\r\n3\r\nabc",
        ])
    func silentBody(start: String) async throws {
        var limits = HTTPLimits()
        limits.bodyTimeout = .milliseconds(200)
        limits.lateBodyGrace = .milliseconds(200)
        let events = EventLog.forTests
        try await withServer(limits: limits, events: events, routes: simple) { server in
            let client = try RawClient(port: server.address.port)
            await client.send("POST /size HTTP/1.1\r\nhost: a\r\n\(start)")
            let answer = await client.read()
            #expect(answer.hasPrefix("HTTP/1.1 408"), "\(answer)")
            #expect(answer.contains("did not end within"), "\(answer)")
        }
        #expect(events.count("sidelight_http_bodies_not_ended_total", labels: []) == 1)
        #expect(
            events.count("sidelight_http_connections_aborted_total", labels: ["body_timeout"]) == 1)
    }

    @Test(
        "a body that goes on when its time is over is answered 408, whoever takes it",
        arguments: [false, true])
    func endlessBody(takesLateBodies: Bool) async throws {
        var limits = HTTPLimits()
        limits.bodyTimeout = .milliseconds(300)
        limits.lateBodyGrace = .seconds(30)
        let events = EventLog.forTests
        try await withServer(
            limits: limits, events: events,
            routes: { router in
                var options = RouteOptions()
                options.takesLateBodies = takesLateBodies
                router.on(.post, "/lines", options: options) { request in
                    #expect(request.isTruncated)
                    return .text("[\(request.body.count > 0)]", status: 408)
                }
            }
        ) { server in
            let client = try RawClient(port: server.address.port)
            await client.send(
                "POST /lines HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabc\n\r\n"
            )
            let sending = Task {
                while await client.send("4\r\nabc\n\r\n"), !Task.isCancelled {}
            }
            let answer = await client.read { $0.contains("[true]") || $0.contains("did not end") }
            sending.cancel()
            #expect(answer.hasPrefix("HTTP/1.1 408"), "\(answer)")
            #expect(answer.contains("[true]") == takesLateBodies)
        }
        #expect(events.count("sidelight_http_bodies_not_ended_total", labels: []) == 1)
    }

    @Test(
        "whoever asks for the connection's end is told that it comes, others are not",
        arguments: [
            ("connection: close\r\n", true), ("connection: keep-alive\r\n", false), ("", false),
        ])
    func announcedEnd(field: String, isAnnounced: Bool) async throws {
        try await withServer(routes: simple) { server in
            let client = try RawClient(port: server.address.port)
            await client.send("GET /n/1 HTTP/1.1\r\nhost: a\r\n\(field)\r\n")
            let answer = await client.read { $0.hasSuffix("[1]") }
            #expect(answer.lowercased().contains("connection: close") == isAnnounced, "\(answer)")
            if isAnnounced { #expect(await client.read().isEmpty) }
        }
    }

    @Test("more connections than allowed wait until one closes")
    func connectionLimit() async throws {
        var limits = HTTPLimits()
        limits.connectionsMax = 1
        try await withServer(limits: limits, routes: simple) { server in
            let get = "GET /n/1 HTTP/1.1\r\nhost: a\r\n\r\n"
            var first: RawClient? = try RawClient(port: server.address.port)
            await first?.send(get)
            _ = await first?.read { $0.hasSuffix("[1]") }
            let second = try RawClient(port: server.address.port)
            await second.send(get)
            first = nil
            let answer = await second.read { $0.hasSuffix("[1]") }
            #expect(answer.hasSuffix("[1]"))
        }
    }

    @Test("a taken port is an error that names the address and the flag")
    func takenPort() async throws {
        try await withServer(routes: simple) { server in
            let error = await #expect(throws: ListenError.self) {
                try await HTTPListener.open(
                    .init(address: server.address, flag: "--otlp-http"),
                    routes: Router().compiled(), events: .forTests)
            }
            #expect(error == .taken(server.address, flag: "--otlp-http"))
            #expect(error?.description.contains("127.0.0.1:\(server.address.port)") == true)
            #expect(error?.description.contains("--otlp-http") == true)
        }
    }

    @Test("an address of another machine is an error that names it")
    func foreignAddress() async throws {
        let address = ListenAddress(host: "192.0.2.1", port: 0)
        await #expect(throws: ListenError.unknownHost(address, flag: "--listen")) {
            try await HTTPListener.open(
                .init(address: address, flag: "--listen"), routes: Router().compiled(),
                events: .forTests)
        }
    }

    @Test("shutdown lets a request in progress finish and refuses new connections")
    func gracefulShutdown() async throws {
        let (entered, release) = (Gate(), Gate())
        var router = Router()
        router.on(.get, "/slow") { _ in
            entered.open()
            await release.wait()
            return .text("done")
        }
        let server = try await HTTPListener.open(
            .init(address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen"),
            routes: router.compiled(), events: .forTests)
        let idle = try RawClient(port: server.address.port)
        let client = try RawClient(port: server.address.port)
        await client.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        await entered.wait()
        async let stopped: Void = server.shutdown(within: .seconds(300))
        let nothing = await idle.read()
        #expect(nothing.isEmpty)
        #expect(throws: RawClient.Failure.self) { try RawClient(port: server.address.port) }
        release.open()
        let answer = await client.read()
        await stopped
        #expect(answer.hasSuffix("done"))
    }

    @Test("shutdown does not wait for a stuck request longer than its grace")
    func forcedShutdown() async throws {
        let (entered, release) = (Gate(), Gate())
        let events = EventLog.forTests
        var router = Router()
        router.on(.get, "/stuck") { _ in
            entered.open()
            await release.wait()
            return .text("too late")
        }
        let server = try await HTTPListener.open(
            .init(address: ListenAddress(host: "127.0.0.1", port: 0), flag: "--listen"),
            routes: router.compiled(), events: events)
        let client = try RawClient(port: server.address.port)
        await client.send("GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n")
        await entered.wait()
        await server.shutdown(within: .milliseconds(100))
        let answer = await client.read()
        #expect(answer.isEmpty)
        #expect(events.count("sidelight_http_connections_aborted_total", labels: ["shutdown"]) == 1)
        release.open()
    }
}
