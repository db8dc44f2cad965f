import Foundation
import Proxy
import Telemetry
import Testing

@Suite struct TelemetryTests {
    private static let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("an inbound request has one SERVER span, whose id goes upstream")
    func server() async throws {
        let collector = try await Collector()
        let upstream = try await TestUpstream { _, _ in .ok("body") }
        try await RunningProxy.with(upstream: upstream.address, otlp: collector.endpoint) {
            _, port in
            _ = try await RawClient.get(
                port, "/cart?id=1",
                headers: "traceparent: \(Self.traceparent)\r\ntracestate: a=b\r\n"
                    + "User-Agent: test/1\r\n")
        }
        let span = try #require(try collector.spans().first)
        let seen = try #require(upstream.requests.first)
        #expect(try collector.spans().count == 1)
        #expect(span.kind == .server)
        #expect(span.name == "GET shop")
        #expect(span.parentID.hex == "b7ad6b7169203331")
        #expect(
            seen.header("traceparent")
                == "00-0af7651916cd43dd8448eb211c80319c-\(span.spanID.hex)-01")
        #expect(seen.header("tracestate") == "a=b")
        #expect(span.traceState == "a=b")
        #expect(span.attribute("http.request.method") == "GET")
        #expect(span.attribute("url.path") == "/cart")
        #expect(span.attribute("url.query") == "id=1")
        #expect(span.attribute("http.response.status_code") == "200")
        #expect(span.attribute("server.address") == "shop.example")
        #expect(span.attribute("user_agent.original") == "test/1")
        #expect(span.attribute("http.response.body.size") == "4")
        #expect(span.attribute("client.address") == "127.0.0.1")
        #expect(span.status == .unset)
        #expect(seen.header("x-request-id")?.utf8.count == 36)
        try await upstream.stop()
        try await collector.server.stop()
    }

    @Test("a malformed traceparent starts a new trace and takes its tracestate with it")
    func malformed() async throws {
        let collector = try await Collector()
        let upstream = try await TestUpstream { _, _ in .ok("") }
        try await RunningProxy.with(upstream: upstream.address, otlp: collector.endpoint) {
            _, port in
            _ = try await RawClient.get(
                port, headers: "traceparent: 00-nonsense\r\ntracestate: a=b\r\n")
        }
        let span = try #require(try collector.spans().first)
        let seen = try #require(upstream.requests.first)
        #expect(!span.parentID.isValid)
        #expect(span.traceState == "")
        #expect(seen.header("tracestate") == nil)
        #expect(
            seen.header("traceparent") == "00-\(span.traceID.hex)-\(span.spanID.hex)-01")
        try await upstream.stop()
        try await collector.server.stop()
    }

    @Test("an unsampled request has no span but passes its context on")
    func unsampled() async throws {
        let collector = try await Collector()
        let upstream = try await TestUpstream { _, _ in .ok("") }
        try await RunningProxy.with(upstream: upstream.address, otlp: collector.endpoint) {
            _, port in
            _ = try await RawClient.get(
                port, headers: "traceparent: \(Self.traceparent.dropLast(2))00\r\n")
            _ = try await RawClient.get(port, headers: "b3: 0\r\n")
        }
        #expect(try collector.spans().isEmpty)
        #expect(upstream.requests[0].header("traceparent")?.hasSuffix("-00") == true)
        #expect(upstream.requests[1].header("traceparent")?.hasSuffix("-00") == true)
        #expect(upstream.requests[1].header("b3") == "0")
        try await upstream.stop()
        try await collector.server.stop()
    }

    @Test("B3 is read where traceparent is broken, and rewritten beside one that is not")
    func b3AndW3C() async throws {
        let upstream = try await TestUpstream { _, _ in .ok("") }
        let trace = "80f198ee56343ba864fe8b2a57d3eff7"
        let b3 = "b3: \(trace)-e457b5a2e4d86bd1-1\r\n"
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            _ = try await RawClient.get(port, headers: "traceparent: 00-zz\r\n" + b3)
            _ = try await RawClient.get(port, headers: "traceparent: \(Self.traceparent)\r\n" + b3)
        }
        let seen = upstream.requests
        #expect(seen[0].header("traceparent")?.hasPrefix("00-\(trace)-") == true)
        for request in seen {
            let parent = try #require(request.header("traceparent")).split(separator: "-")
            #expect(request.header("b3") == "\(parent[1])-\(parent[2])-1")
        }
        #expect(seen[1].header("traceparent")?.hasPrefix(Self.traceparent.prefix(35)) == true)
        try await upstream.stop()
    }

    @Test("a B3 caller's trace is joined and passed on in both forms")
    func b3() async throws {
        let upstream = try await TestUpstream { _, _ in .ok("") }
        let trace = "80f198ee56343ba864fe8b2a57d3eff7"
        try await RunningProxy.with(upstream: upstream.address) { _, port in
            _ = try await RawClient.get(
                port,
                headers: "X-B3-TraceId: \(trace)\r\nX-B3-SpanId: e457b5a2e4d86bd1\r\n"
                    + "X-B3-Sampled: 1\r\n")
        }
        let seen = try #require(upstream.requests.first)
        let parent = try #require(seen.header("x-b3-spanid"))
        #expect(seen.header("traceparent") == "00-\(trace)-\(parent)-01")
        #expect(seen.header("x-b3-parentspanid") == "e457b5a2e4d86bd1")
        #expect(parent != "e457b5a2e4d86bd1")
        try await upstream.stop()
    }

    @Test("retries make a CLIENT span each, under the gateway's SERVER span")
    func retries() async throws {
        let collector = try await Collector()
        let upstream = try await TestUpstream { request, index in
            index < 2
                ? .send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
                : .ok(String(decoding: request.body, as: UTF8.self))
        }
        try await RunningProxy.with(
            upstream: upstream.address, otlp: collector.endpoint,
            change: {
                $0.clusters[0].kind = .remote
                $0.listeners[0].routes[0].retries = ProxyConfiguration.Retries()
                $0.listeners[0].routes[0].retries?.backoff = .milliseconds(1)
            }
        ) { server, port in
            let client = try await RawClient(port: port)
            try await client.send(
                "POST /pay HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nmoney"
            )
            let answer1 = try await client.waitForClose()
            #expect(answer1.hasSuffix("money"))
            #expect(await server.metrics().map(\.count) == [1])
        }
        let spans = try collector.spans()
        let server = try #require(spans.first { $0.kind == .server })
        let tries = spans.filter { $0.kind == .client }.sorted { $0.start < $1.start }
        #expect(tries.map { $0.attribute("http.response.status_code") } == ["503", "503", "200"])
        #expect(tries.map { $0.attribute("http.request.resend_count") } == [nil, "1", "2"])
        #expect(tries.map(\.status) == [.error, .error, .unset])
        #expect(tries.allSatisfy { $0.parentID == server.spanID })
        #expect(server.status == .unset)
        let sent = upstream.requests.compactMap {
            $0.header("traceparent")?.split(separator: "-")[2]
        }
        #expect(sent.map(String.init) == tries.map(\.spanID.hex))
        #expect(upstream.requests.allSatisfy { $0.header("x-forwarded-for") == "127.0.0.1" })
        try await upstream.stop()
        try await collector.server.stop()
    }

    @Test("exhausted retries pass the last answer on and say so")
    func exhausted() async throws {
        let upstream = try await TestUpstream { _, _ in
            .send("HTTP/1.1 502 Bad\r\nContent-Length: 3\r\n\r\nbad")
        }
        try await RunningProxy.with(
            upstream: upstream.address,
            change: {
                $0.listeners[0].routes[0].retries = ProxyConfiguration.Retries()
                $0.listeners[0].routes[0].retries?.backoff = .milliseconds(1)
            }
        ) { server, port in
            let answer2 = try await RawClient.get(port)
            #expect(answer2.hasSuffix("bad"))
            #expect(await server.metrics().map { $0.label("response_flags") } == ["URX"])
        }
        #expect(upstream.requests.count == 3)
        try await upstream.stop()
    }

    @Test("two proxies tell each other who they are, and the application sees nothing of it")
    func peers() async throws {
        let app = try await TestUpstream { _, _ in .ok("") }
        let collector = try await Collector()
        try await RunningProxy.with(
            upstream: app.address, service: "payments", otlp: collector.endpoint,
            change: { $0.workload.version = "v2" }
        ) { inner, innerPort in
            let yaml = """
                service: { name: cart, version: v1 }
                listeners:
                  - { address: "127.0.0.1:0", direction: outbound, cluster: payments }
                clusters:
                  - { name: payments, endpoints: ["127.0.0.1:\(innerPort)"] }
                telemetry: { otlp: "\(collector.endpoint)" }
                """
            let configuration = try ProxyConfiguration(yaml: yaml, file: "test")
            try await RunningProxy.with(configuration) { outer, port in
                let answer = try await RawClient.get(port)
                #expect(!answer.contains("x-sidelight-peer"))
                let source = try #require(await outer.metrics().first)
                let destination = try #require(await inner.metrics().first)
                #expect(source.label("reporter") == "source")
                #expect(destination.label("reporter") == "destination")
                for series in [source, destination] {
                    #expect(series.label("source_workload") == "cart")
                    #expect(series.label("source_version") == "v1")
                    #expect(series.label("destination_workload") == "payments")
                    #expect(series.label("destination_version") == "v2")
                    #expect(series.label("destination_service_name") == "payments")
                }
            }
        }
        #expect(app.requests.first?.header("x-sidelight-peer") == nil)
        let spans = try collector.spans()
        let client = try #require(spans.first { $0.kind == .client })
        let server = try #require(spans.first { $0.kind == .server })
        #expect(server.parentID == client.spanID)
        #expect(server.traceID == client.traceID)
        try await app.stop()
        try await collector.server.stop()
    }

    @Test("drained counters equal the requests sent, and every log line finds its span")
    func drained() async throws {
        let collector = try await Collector()
        let upstream = try await TestUpstream { request, _ in
            request.target.hasSuffix("7") ? .close : .ok("x")
        }
        let sent = 200
        try await RunningProxy.with(
            upstream: upstream.address, otlp: collector.endpoint, change: { $0.threads = 2 }
        ) { _, port in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        for number in 0..<(sent / 4) {
                            _ = try await RawClient.get(port, "/\(worker)/\(number)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let spans = try collector.spans()
        let logs = try collector.logs()
        #expect(try collector.last("istio_requests_total") == Double(sent))
        #expect(
            try collector.last("istio_request_duration_milliseconds_count") == Double(sent))
        #expect(try collector.last("istio_request_bytes_count") == Double(sent))
        #expect(spans.count == sent)
        #expect(logs.count == sent)
        #expect(
            Set(logs.map { "\($0.traceID)/\($0.spanID)" })
                == Set(spans.map { "\($0.traceID)/\($0.spanID)" }))
        let failed = logs.filter { $0.attribute("response_code") == "503" }
        #expect(failed.count == sent / 10)
        #expect(failed.allSatisfy { $0.attribute("response_flags") == "UC" })
        try await upstream.stop()
        try await collector.server.stop()
    }

    @Test("the admin address shows readiness, metrics and connections")
    func admin() async throws {
        let upstream = try await TestUpstream { _, _ in .ok("x") }
        try await RunningProxy.with(
            upstream: upstream.address, change: { $0.admin = Address(host: "127.0.0.1", port: 0) }
        ) { server, port in
            _ = try await RawClient.get(port)
            let admin = try #require(server.admin).port
            let answer3 = try await RawClient.get(admin, "/ready")
            #expect(answer3.hasSuffix("ready\n"))
            let metrics = try await RawClient.get(admin, "/stats/prometheus")
            #expect(metrics.contains("istio_requests_total{"))
            #expect(metrics.contains("response_code=\"200\""))
            #expect(metrics.contains("le=\"+Inf\"} 1"))
            let answer4 = try await RawClient.get(admin, "/clusters")
            #expect(answer4.contains("::open 1"))
            let answer5 = try await RawClient.get(admin, "/config_dump")
            let shown = try #require(answer5.range(of: "\r\n\r\n"))
            let read = try ProxyConfiguration(
                yaml: String(answer5[shown.upperBound...]), file: "dump")
            #expect(read.clusters.flatMap(\.endpoints).map(\.port) == [upstream.address.port])
            let answer6 = try await RawClient.get(admin, "/none")
            #expect(answer6.hasPrefix("HTTP/1.1 404"))
        }
        try await upstream.stop()
    }
}
