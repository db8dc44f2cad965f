import HTTPServer
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Jaeger's first API: search and lists")
struct JaegerSearchTests {
    private func traces(
        _ query: String, in store: (MemoryStore) -> Void = { $0.fillShop() }
    ) async throws -> [String] {
        try await APIServer.run(filledBy: store) { server in
            let answer = try await server.get("/api/traces?\(query)")
            #expect(answer.status == 200, "\(answer.text)")
            return answer.text.split(separator: #"{"traceID":""#).dropFirst()
                .filter { $0.contains(#"","spans":["#) }.map { String($0.prefix(32).suffix(1)) }
        }
    }

    @Test("the newest traces come first, as many as asked for")
    func newestFirst() async throws {
        #expect(try await traces("service=batch") == ["2", "3", "4", "5"])
        #expect(try await traces("service=batch&limit=2") == ["2", "3"])
        #expect(try await traces("") == ["1", "2", "3", "4", "5"])
    }

    @Test(
        "one span must satisfy all conditions",
        arguments: [
            ("service=web", ["1"]), ("service=cart", ["1"]), ("service=other", []),
            ("service=web&operation=call", ["1"]), ("service=web&operation=add", []),
            ("service=cart&tags=%7B%22http.status_code%22%3A%22503%22%7D", ["1"]),
            ("service=cart&tags=%7B%22http.status_code%22%3A503%7D", ["1"]),
            ("service=cart&tag=http.status_code:503", ["1"]),
            ("service=web&tag=http.status_code:503", []),
            ("service=cart&tag=error:true", ["1"]), ("service=web&tag=error:true", []),
            ("service=web&tag=span.kind:client", ["1"]),
            ("service=cart&tag=span.kind:client", []),
            ("service=cart&tag=otel.status_code:ERROR", ["1"]),
            ("service=web&tag=host.name:h1", ["1"]), ("service=cart&tag=host.name:h1", []),
            ("service=batch&minDuration=4ms", ["4", "5"]),
            ("service=batch&maxDuration=3ms", ["2", "3"]),
            ("service=batch&minDuration=3ms&maxDuration=4000us", ["3", "4"]),
            ("service=batch&minDuration=1h", []),
        ])
    func conditions(query: String, found: [String]) async throws {
        #expect(try await traces(query) == found)
    }

    @Test("a search looks between start and end, else back from now")
    func times() async throws {
        let now = APIServer.now * 1_000_000
        #expect(
            try await traces("start=\(now - 200_000_000)&end=\(now - 120_000_000)") == ["2", "3"])
        #expect(try await traces("end=\(now - 180_000_000)") == ["3", "4", "5"])
        #expect(try await traces("lookback=150s") == ["1", "2"])
        #expect(try await traces("lookback=1d&limit=1") == ["1"])
        #expect(
            try await traces("") { store in
                store.addSpans { spans in
                    let service = spans.resource("s")
                    spans.add(trace: 1, span: 1, "in", resource: service, ago: 2 * 86_400 - 1)
                    spans.add(trace: 2, span: 1, "out", resource: service, ago: 2 * 86_400 + 1)
                }
            } == ["1"], "two days without a start")
    }

    @Test("an attribute named error matches as the status does")
    func errorAttribute() async throws {
        let found = try await traces("tag=error:true") { store in
            store.fillShop()
            store.addSpans { spans in
                let service = spans.resource("s")
                spans.add(trace: 7, span: 1, "zipkin", resource: service, ago: 1) {
                    $0.attributes = [Attribute("error", .bool(true))]
                }
            }
        }
        #expect(found == ["7", "1"])
    }

    @Test("of a thousand traces in many visits the newest are found, equal times by id")
    func manyTraces() async throws {
        let fill: (MemoryStore) -> Void = { store in
            store.addSpans { spans in
                let service = spans.resource("s")
                // Trace 1 is old but has one new span; the others share start times.
                spans.add(trace: 1, span: 1, "x", resource: service, ago: 5_000)
                for index in UInt64(2)..<1_000 {
                    spans.add(
                        trace: index, span: 1, "x", resource: service,
                        ago: 100 + Double(index / 4))
                }
                spans.add(trace: 1, span: 2, "x", resource: service, ago: 1)
            }
        }
        #expect(try await traces("service=s&limit=4", in: fill) == ["1", "2", "3", "4"])
        #expect(try await traces("service=s&limit=6", in: fill).count == 6)
    }

    @Test("traces named by id come in that order; missing ones are told of")
    func byIDs() async throws {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            let answer = try await server.get(
                "/api/traces?traceID=a0000000000000003&traceID=ff&traceID=a0000000000000002")
            #expect(answer.status == 200)
            let third = answer.text.firstRange(of: "000a0000000000000003")?.lowerBound
            let second = answer.text.firstRange(of: "000a0000000000000002")?.lowerBound
            #expect(try #require(third) < #require(second))
            #expect(
                answer.text.hasSuffix(
                    #""errors":[{"msg":"trace not found","traceID":"00000000000000ff"}]}"#))
        }
    }

    @Test(
        "bad parameters are 400 in Jaeger's shape",
        arguments: [
            ("start=x", "unable to parse param 'start': "),
            ("limit=many", "unable to parse param 'limit': "),
            ("limit=-1", "invalid parameter: limit must be greater than 0"),
            ("limit=0", "invalid parameter: limit must be greater than 0"),
            ("start=2&end=1", "invalid parameter: start time must be before end time"),
            ("minDuration=5", "unable to parse param 'minDuration': "),
            ("minDuration=2s&maxDuration=1s", "'maxDuration' should be greater than 'minDuration'"),
            ("tag=a", "malformed 'tag' parameter, expecting key:value, received: a"),
            ("tags=%7B", "malformed 'tags' parameter, cannot unmarshal JSON: "),
            ("tags=%7B%22a%22%3A%5B%5D%7D", "malformed 'tags' parameter, cannot unmarshal JSON: "),
            ("traceID=zz", "cannot parse traceID param: "),
            ("lookback=x", "unable to parse param 'lookback': "),
        ])
    func errors(query: String, message: String) async throws {
        try await APIServer.run { server in
            let answer = try await server.get("/api/traces?service=s&\(query)")
            #expect(answer.status == 400)
            #expect(
                answer.text.hasPrefix(
                    #"{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":""#
                        + message), "\(answer.text)")
        }
    }

    @Test("services and operations are listed sorted")
    func lists() async throws {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            let frame = #","limit":0,"offset":0,"errors":null}"#
            let services = try await server.get("/api/services")
            #expect(services.text == #"{"data":["batch","cart","web"],"total":3"# + frame)
            let names = try await server.get("/jaeger/api/services/web/operations")
            #expect(names.text == #"{"data":["GET /","call"],"total":2"# + frame)
            let operations = try await server.get("/api/operations?service=web")
            #expect(
                operations.text == #"{"data":[{"name":"GET /","spanKind":"server"},"#
                    + #"{"name":"call","spanKind":"client"}],"total":2"# + frame)
            let clients = try await server.get("/api/operations?service=web&spanKind=client")
            #expect(
                clients.text == #"{"data":[{"name":"call","spanKind":"client"}],"total":1"# + frame)
            let unnamed = try await server.get("/api/operations")
            #expect(unnamed.status == 400)
            #expect(unnamed.text.contains("parameter 'service' is required"))
        }
    }

    @Test("calls between services are counted from parents")
    func dependencies() async throws {
        let fill: (MemoryStore) -> Void = { store in
            store.fillShop()
            store.addSpans { spans in
                // One id for both sides of a call, as Zipkin has it.
                let (a, b) = (spans.resource("a"), spans.resource("b"))
                spans.add(trace: 8, span: 1, "rpc", resource: a, ago: 5) { $0.kind = .client }
                spans.add(trace: 8, span: 1, "rpc", resource: b, ago: 4) { $0.kind = .server }
            }
        }
        try await APIServer.run(filledBy: fill) { server in
            let all = try await server.get("/api/dependencies")
            #expect(
                all.text == #"{"data":[{"parent":"a","child":"b","callCount":1},"#
                    + #"{"parent":"web","child":"cart","callCount":1}],"#
                    + #""total":0,"limit":0,"offset":0,"errors":null}"#)
            let early = try await server.get(
                "/api/dependencies?endTs=\(APIServer.now * 1_000 - 10_000)&lookback=60000")
            #expect(
                early.text.hasPrefix(#"{"data":[{"parent":"web","child":"cart","callCount":1}]"#))
            let v3 = try await server.get("/api/v3/dependencies?startTime=2026-01-02T03:04:00Z")
            #expect(v3.text == #"{"dependencies":[{"parent":"a","child":"b","callCount":1}]}"#)
            #expect(try await server.get("/api/dependencies?lookback=x").status == 400)
        }
    }

    @Test("a graph of more spans than the limit says that it is partial")
    func partialGraph() async throws {
        var setup = APIServer.Setup()
        setup.answerLimits.dependencySpansMax = 2
        setup.store.fillShop()
        try await APIServer.run(setup) { server in
            let answer = try await server.get("/api/dependencies")
            #expect(answer.status == 200)
            #expect(answer["x-sidelight-partial"] == "true")
        }
    }

    @Test("of more spans than the limit the service graph's counters tell the links")
    func graphFromCounters() async throws {
        var setup = APIServer.Setup()
        setup.answerLimits.dependencySpansMax = 2
        setup.store.fillShop()
        var counters = MetricBatch()
        for (name, client, values) in [
            ("request_total", "web", [0.0, 700, 900]), ("request_failed_total", "web", [0, 5, 9]),
            ("request_total", "user", [0, 1, 2]),
        ] {
            let series = counters.append(
                Labels([
                    "__name__": "traces_service_graph_\(name)", "client": client,
                    "connection_type": client == "user" ? "virtual_node" : "", "server": "cart",
                ]))
            for (index, value) in values.enumerated() {
                counters.append(
                    series: series, time: (APIServer.now - 600 + Int64(index) * 300) * 1_000,
                    value: value)
            }
        }
        setup.store.append(metrics: counters, digest: nil) { _ in }
        try await APIServer.run(setup) { server in
            let answer = try await server.get("/api/dependencies?lookback=3600000")
            #expect(answer["x-sidelight-partial"] == nil)
            #expect(
                answer.text.hasPrefix(
                    #"{"data":[{"parent":"web","child":"cart","callCount":900}]"#))
            // Only what was counted after the beginning.
            let late = try await server.get("/api/dependencies?lookback=100000")
            #expect(late.text.contains(#""callCount":200"#))
            let zipkin = try await server.get(
                "/zipkin/api/v2/dependencies?endTs=\(APIServer.now * 1_000)&lookback=3600000")
            #expect(
                zipkin.text.contains(
                    #"{"parent":"web","child":"cart","callCount":900,"errorCount":9}"#))
        }
    }

    @Test(
        "what answers show as tags and logs can be searched for",
        arguments: [
            ("tag=otel.status_description:no%20stock", ["1"]),
            ("service=web&tag=otel.status_description:no%20stock", []),
            ("tag=event:retry", ["7"]), ("tag=event:none", []),
            ("tag=otel.scope.name:lib", ["7"]), ("tag=otel.scope.version:2", ["7"]),
            ("tag=otel.scope.version:3", []),
            ("tags=%7B%22otel.scope.name%22%3A%22lib%22%2C%22event%22%3A%22retry%22%7D", ["7"]),
        ])
    func shownTags(query: String, found: [String]) async throws {
        let result = try await traces(query) { store in
            store.fillShop()
            store.addSpans { spans in
                let resource = spans.resource("lone")
                _ = spans.batch.append(Scope(name: "lib", version: "2"))
                spans.add(trace: 7, span: 1, "work", resource: resource, ago: 500) {
                    $0.events = [SpanEvent(time: $0.start, name: "retry")]
                }
            }
        }
        #expect(result == found)
    }

    @Test("a span that is not stored as it was sent carries a warning")
    func warnings() async throws {
        try await APIServer.run(
            filledBy: { store in
                store.addSpans { spans in
                    let resource = spans.resource("lone")
                    spans.add(trace: 7, span: 1, "work", resource: resource, ago: 500) {
                        $0.attributes = [
                            Attribute(
                                "sidelight.truncated", .array([.string("k was cut from 9 bytes")])),
                            Attribute("sidelight.raw_end_unix_nano", .int(5)),
                        ]
                    }
                }
            }
        ) { server in
            let answer = try await server.get("/api/traces?service=lone")
            #expect(
                answer.text.contains(
                    #""warnings":["k was cut from 9 bytes","the span was sent with an end before its"#
                        + #" start: 5 ns"]"#), "\(answer.text)")
        }
    }

    @Test("spans that name no service are listed and found under Jaeger's name for it")
    func noService() async throws {
        let name = "OTLPResourceNoServiceName"
        try await APIServer.run(
            filledBy: { store in
                store.fillShop()
                store.addSpans { spans in
                    let resource = spans.batch.append(Resource())
                    spans.add(trace: 8, span: 1, "work", resource: resource, ago: 500)
                }
            }
        ) { server in
            let services = try await server.get("/api/services")
            #expect(services.text.contains("\"\(name)\""), "\(services.text)")
            let operations = try await server.get("/api/services/\(name)/operations")
            #expect(operations.text.contains(#"["work"]"#), "\(operations.text)")
            let found = try await server.get("/api/traces?service=\(name)")
            #expect(found.text.ranges(of: "\"processID\"").count == 1, "\(found.text)")
        }
    }
}
