import HTTPServer
import QueryAPI
import Store
import Telemetry
import Testing
import WireFormats

@Suite("Zipkin's API: traces")
struct ZipkinTraceTests {
    /// Microseconds of `APIServer.now`.
    private static let now = APIServer.now * 1_000_000

    /// Spans as a Zipkin client sends them, a minute old.
    private static let sent = #"""
        [{"traceId":"463ac35c9f6413ad","id":"463ac35c9f6413ad","kind":"CLIENT","name":"get /cart","timestamp":\#(now - 60_000_000),"duration":1500,"localEndpoint":{"serviceName":"web","ipv4":"10.0.0.1"},"remoteEndpoint":{"serviceName":"cart","ipv6":"2001:db8::1","port":8080},"annotations":[{"timestamp":\#(now - 59_999_900),"value":"ws"}],"tags":{"http.method":"GET","error":"too slow"},"debug":true},{"traceId":"463ac35c9f6413ad","parentId":"463ac35c9f6413ad","id":"0000000000000002","kind":"SERVER","name":"get","timestamp":\#(now - 59_999_000),"duration":12,"localEndpoint":{"serviceName":"cart"},"tags":{"otel.status_code":"OK"},"shared":true}]
        """#

    private func fill(_ store: MemoryStore) throws {
        store.add(
            try ZipkinSpans.decode(
                json: Array(Self.sent.utf8), receivedAt: Timestamp(seconds: APIServer.now)
            ).batch)
    }

    @Test("what a Zipkin client sent comes back as it was sent")
    func roundTrip() async throws {
        let setup = APIServer.Setup()
        try fill(setup.store)
        try await APIServer.run(setup) { server in
            for path in ["/api/v2/trace/", "/zipkin/api/v2/trace/"] {
                let answer = try await server.get(path + "463ac35c9f6413ad")
                #expect(answer.status == 200)
                #expect(answer["content-type"] == "application/json")
                #expect(answer.text == Self.sent.trimmed)
            }
            let missing = try await server.get("/api/v2/trace/1")
            #expect(missing.status == 404 && missing.text == "1 not found\n")
            let bad = try await server.get("/api/v2/trace/xyz")
            #expect(bad.status == 400 && bad.text.contains("lower-hex"))
        }
    }

    @Test(
        "spans of other senders are shown with their attributes, resource, scope and status as tags"
    )
    func translated() async throws {
        let setup = APIServer.Setup()
        setup.store.fillShop()
        setup.store.addSpans { spans in
            let pay = spans.resource("Pay", [Attribute("host.name", .string("h2"))])
            _ = spans.batch.append(Scope(name: "lib", version: "2"))
            spans.add(trace: 9, span: 1, "POST /Pay", resource: pay, ago: 1) {
                $0.kind = .producer
                $0.attributes = [
                    Attribute("n", .int(3)), Attribute("list", .array([.int(1), .string("a")])),
                    Attribute("network.peer.address", .string("/run/x.sock")),
                ]
                $0.events = [
                    SpanEvent(
                        time: $0.start, name: "retry", attributes: [Attribute("try", .int(2))])
                ]
            }
        }
        try await APIServer.run(setup) { server in
            let failed = try await server.get("/api/v2/trace/000000000000000a0000000000000001")
            #expect(
                failed.text.contains(
                    #""tags":{"http.status_code":"503","error":"no stock","otel.status_code":"ERROR"}"#
                ))
            #expect(failed.text.contains(#""kind":"SERVER","name":"get /","timestamp":"#))
            #expect(failed.text.contains(#""tags":{"host.name":"h1"}"#))
            let other = try await server.get("/api/v2/trace/000000000000000a0000000000000009")
            #expect(other.text.contains(#""kind":"PRODUCER","name":"post /pay""#))
            #expect(other.text.contains(#""localEndpoint":{"serviceName":"pay"}"#))
            #expect(other.text.contains(#""value":"\"retry\": {\"try\":2}""#))
            #expect(
                other.text.contains(
                    #""tags":{"n":"3","list":"[1,\"a\"]","network.peer.address":"/run/x.sock","host.name":"h2","otel.scope.name":"lib","otel.scope.version":"2"}"#
                ), "\(other.text)")
        }
    }

    private func traces(
        _ query: String, in store: (MemoryStore) -> Void = { $0.fillShop() }
    ) async throws -> [String] {
        try await APIServer.run(filledBy: store) { server in
            let answer = try await server.get("/api/v2/traces?\(query)")
            #expect(answer.status == 200, "\(answer.text)")
            let ids = answer.text.split(separator: #"{"traceId":""#).dropFirst()
                .map { String($0.prefix(32).suffix(1)) }
            return ids.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
        }
    }

    @Test(
        "one span must satisfy all conditions; names match in any case",
        arguments: [
            ("", ["1", "2", "3", "4", "5"]), ("limit=2", ["1", "2"]),
            ("serviceName=batch", ["2", "3", "4", "5"]), ("serviceName=BATCH&limit=1", ["2"]),
            ("serviceName=other", []), ("serviceName=web&spanName=get%20/", ["1"]),
            ("serviceName=web&spanName=all", ["1"]), ("serviceName=web&spanName=add", []),
            ("spanName=add", ["1"]), ("annotationQuery=error", ["1"]),
            ("serviceName=web&annotationQuery=error", []),
            ("annotationQuery=error%3Dno%20stock", ["1"]), ("annotationQuery=error%3Dother", []),
            ("annotationQuery=http.status_code%3D503%20and%20error", ["1"]),
            ("annotationQuery=http.status_code%3D500%20and%20error", []),
            ("annotationQuery=http.status_code", ["1"]),
            ("annotationQuery=otel.status_code%3DERROR", ["1"]),
            ("annotationQuery=host.name%3Dh1", ["1"]),
            ("serviceName=batch&minDuration=4000", ["4", "5"]),
            ("serviceName=batch&minDuration=3000&maxDuration=4000", ["3", "4"]),
            ("serviceName=batch&lookback=150000", ["2"]),
            ("serviceName=batch&endTs=\((APIServer.now - 150) * 1_000)", ["3", "4", "5"]),
            ("remoteServiceName=web", []),
        ])
    func conditions(query: String, found: [String]) async throws {
        #expect(try await traces(query) == found)
    }

    @Test("an annotation is found by its text, a remote service by its name in any case")
    func annotations() async throws {
        func fill(_ store: MemoryStore) {
            store.addSpans { spans in
                let web = spans.resource("web")
                for trace in UInt64(1)...3 {
                    spans.add(trace: trace, span: 1, "s", resource: web, ago: Double(trace)) {
                        $0.events = [SpanEvent(time: $0.start, name: trace == 2 ? "hit" : "miss")]
                        if trace == 3 {
                            $0.attributes = [Attribute("peer.service", .string("Redis"))]
                        }
                    }
                }
            }
        }
        #expect(try await traces("annotationQuery=hit", in: fill) == ["2"])
        #expect(try await traces("annotationQuery=miss", in: fill) == ["1", "3"])
        #expect(try await traces("annotationQuery=hit%3Dx", in: fill) == [])
        #expect(try await traces("remoteServiceName=redis", in: fill) == ["3"])
        #expect(try await traces("serviceName=web&remoteServiceName=redis", in: fill) == ["3"])
    }

    @Test(
        "questions that make no sense are refused with their reason",
        arguments: [
            ("traces?limit=0", "limit <= 0"), ("traces?limit=x", "whole number"),
            ("traces?endTs=-1", "endTs <= 0"), ("traces?lookback=0", "lookback <= 0"),
            ("traces?maxDuration=5", "minDuration"),
            ("traces?minDuration=5&maxDuration=4", "maxDuration < minDuration"),
            ("traceMany", "empty"), ("traceMany?traceIds=1", "/trace/"),
            ("traceMany?traceIds=1,01", "redundant"), ("traceMany?traceIds=1,x", "lower-hex"),
            ("autocompleteValues", "key"), ("dependencies?endTs=1&lookback=0", "lookback"),
            ("dependencies?lookback=60000", "endTs"),
        ])
    func refused(path: String, reason: String) async throws {
        try await APIServer.run { server in
            let answer = try await server.get("/api/v2/\(path)")
            #expect(answer.status == 400 && answer.text.contains(reason), "\(answer.text)")
        }
    }

    @Test("many traces are read by their ids, those that are missing are left out")
    func traceMany() async throws {
        let id = "000000000000000a000000000000000"
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            let answer = try await server.get(
                "/api/v2/traceMany?traceIds=\(id)3,\(id)2,\(id)f")
            #expect(answer.text.hasPrefix(#"[[{"traceId":"\#(id)3""#))
            #expect(answer.text.contains(#"}],[{"traceId":"\#(id)2""#))
            #expect(answer.text.split(separator: "traceId").count == 3)
            let none = try await server.get("/api/v2/traceMany?traceIds=1,2")
            #expect(none.text == "[]")
        }
    }

    @Test("a very large trace is streamed whole")
    func large() async throws {
        let count = 20_000
        try await APIServer.run(filledBy: { store in
            store.addSpans { spans in
                let web = spans.resource("web")
                for index in 1...count {
                    spans.add(trace: 1, span: UInt64(index), "s", resource: web, ago: 5)
                }
            }
        }) { server in
            let answer = try await server.get("/api/v2/trace/000000000000000a0000000000000001")
            let list = try Array(answer.body).decoded { (bytes) throws(DecodeError) in
                var reader = JSONReader(bytes)
                var spans = 0
                try reader.beginArray()
                while try reader.nextElement() {
                    try reader.skipValue()
                    spans += 1
                }
                try reader.end()
                return spans
            }
            #expect(list == count)
        }
    }
}

extension String {
    fileprivate var trimmed: String { String(self.reversed().drop { $0 == "\n" }.reversed()) }
}

@Suite("Zipkin's API: names and dependencies")
struct ZipkinNamesTests {
    private func get(
        _ path: String, in store: @escaping (MemoryStore) -> Void = { $0.fillShop() }
    ) async throws -> String {
        try await APIServer.run(filledBy: store) { server in
            let answer = try await server.get(path)
            #expect(answer.status == 200, "\(answer.text)")
            return answer.text
        }
    }

    private func fillNames(_ store: MemoryStore) {
        store.addSpans { spans in
            let web = spans.resource("Web", [Attribute("host.name", .string("h1"))])
            spans.add(trace: 1, span: 1, "GET /", resource: web, ago: 3) {
                $0.attributes = [
                    Attribute("peer.service", .string("Redis")), Attribute("n", .int(3)),
                ]
            }
            spans.add(trace: 1, span: 2, "get /", resource: web, ago: 3)
            let cart = spans.resource("cart")
            spans.add(trace: 1, span: 3, "add", resource: cart, ago: 3) {
                $0.attributes = [Attribute("n", .int(20))]
            }
        }
    }

    @Test(
        "names are listed once, sorted and in lower case",
        arguments: [
            ("services", #"["cart","web"]"#), ("spans?serviceName=web", #"["get /"]"#),
            ("spans?serviceName=WEB", #"["get /"]"#), ("spans?serviceName=none", "[]"),
            ("spans", "[]"), ("remoteServices?serviceName=web", #"["redis"]"#),
            ("remoteServices?serviceName=cart", "[]"),
            ("autocompleteKeys", #"["host.name","n"]"#),
            ("autocompleteValues?key=n", #"["20","3"]"#),
            ("autocompleteValues?key=host.name", #"["h1"]"#),
            ("autocompleteValues?key=none", "[]"),
        ])
    func names(path: String, list: String) async throws {
        #expect(try await get("/api/v2/\(path)", in: fillNames) == list)
        #expect(try await get("/zipkin/api/v2/\(path)", in: fillNames) == list)
    }

    @Test("of very many tags a menu shows those that most spans have")
    func manyTags() async throws {
        let text = try await get("/api/v2/autocompleteKeys") { store in
            store.addSpans { spans in
                let web = spans.resource("web")
                for span in UInt64(1)...3 {
                    spans.add(trace: span, span: span, "get", resource: web, ago: 10) {
                        $0.attributes = [Attribute("zone", .string("a"))]
                        guard span == 1 else { return }
                        $0.attributes += (0..<2_000).map { Attribute("k\($0)", .int(1)) }
                    }
                }
            }
        }
        #expect(text.contains(#""zone""#) && text.split(separator: ",").count == 1_000)
    }

    @Test("the user interface finds its configuration")
    func configuration() async throws {
        let text = try await get("/zipkin/config.json")
        #expect(text.contains(#""queryLimit":10,"defaultLookback":900000,"searchEnabled":true"#))
        #expect(text.contains(#""dependency":{"enabled":true"#))
        for path in ["/health", "/zipkin/health"] {
            #expect(try await get(path).hasPrefix(#"{"status":"UP","#), "\(path)")
        }
    }

    @Test("calls are counted once, at the server if it reported, else at the client")
    func dependencies() async throws {
        let text = try await get("/api/v2/dependencies?endTs=\(APIServer.now * 1_000)") { store in
            store.fillShop()
            store.addSpans { spans in
                let web = spans.resource("web")
                let cart = spans.resource("cart")
                // Both halves of one id: one call, which failed at the client.
                spans.add(trace: 7, span: 1, "call", resource: web, ago: 5) {
                    $0.kind = .client
                    $0.status = .error
                    $0.attributes = [Attribute("peer.service", .string("wrong-name"))]
                }
                spans.add(trace: 7, span: 1, "add", resource: cart, ago: 5) { $0.kind = .server }
                // A database that reports nothing, below a span of no kind.
                spans.add(trace: 7, span: 2, parent: 1, "work", resource: cart, ago: 5)
                spans.add(trace: 7, span: 3, parent: 2, "select", resource: cart, ago: 5) {
                    $0.kind = .client
                    $0.attributes = [Attribute("peer.service", .string("Postgres"))]
                }
                // A message.
                spans.add(trace: 7, span: 4, parent: 2, "send", resource: cart, ago: 5) {
                    $0.kind = .producer
                    $0.attributes = [Attribute("peer.service", .string("kafka"))]
                }
                // Parents in a circle.
                spans.add(trace: 8, span: 1, parent: 2, "a", resource: web, ago: 5)
                spans.add(trace: 8, span: 2, parent: 1, "b", resource: web, ago: 5) {
                    $0.kind = .server
                }
            }
        }
        #expect(
            text == #"[{"parent":"cart","child":"kafka","callCount":1},"#
                + #"{"parent":"cart","child":"postgres","callCount":1},"#
                + #"{"parent":"web","child":"cart","callCount":2,"errorCount":2}]"#)
    }

    @Test("dependencies look at the range that is asked for")
    func dependencyRange() async throws {
        let end = (APIServer.now - 60) * 1_000
        #expect(try await get("/api/v2/dependencies?endTs=\(end)&lookback=60000") == "[]")
        let all = try await get(
            "/api/v2/dependencies?endTs=\(APIServer.now * 1_000)&lookback=60000")
        #expect(all == #"[{"parent":"web","child":"cart","callCount":1,"errorCount":1}]"#)
    }
}
