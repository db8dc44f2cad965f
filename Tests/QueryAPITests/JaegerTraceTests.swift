import HTTPServer
import QueryAPI
import Store
import Telemetry
import Testing

@Suite("Jaeger's first API: one trace")
struct JaegerTraceTests {
    private static let id = "000000000000000a0000000000000001"

    @Test("spans of a file become traces without being stored")
    func transformed() async throws {
        try await APIServer.run(filledBy: { _ in }) { server in
            func post(_ text: String) async throws -> Answer {
                try await server.send(
                    "POST", "/jaeger/api/transform",
                    headers: ["content-type": "application/json"], body: Array(text.utf8))
            }
            func span(_ trace: Int, _ id: Int) -> String {
                let digits = String(repeating: "0", count: 31) + "\(trace)"
                return
                    "{\"traceId\":\"\(digits)\",\"spanId\":\"000000000000000\(id)\",\"name\":\"a\"}"
            }
            let file =
                "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":["
                + [span(2, 1), span(1, 2), span(2, 3)].joined(separator: ",") + "]}]}]}"
            let answer = try await post(file)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.text.ranges(of: "\"processes\"").count == 2)
            #expect(answer.text.hasPrefix(#"{"data":[{"traceID":"0000000000000002""#))
            #expect(try await server.get("/jaeger/api/traces/2").status == 404)
            #expect(try await post("{").status == 400)
            #expect(try await post(file.replacing("0000000000000003", with: "xx")).status == 400)
        }
    }

    @Test("a span has everything in Jaeger's model")
    func model() async throws {
        let setup = APIServer.Setup()
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [
                Attribute("service.name", .string("web")), Attribute("cpu", .int(4)),
            ]))
        let scope = batch.append(Scope(name: "lib", version: "2"))
        var span = SpanRecord(
            traceID: TraceID(high: 0xA, low: 1), spanID: SpanID(2), name: "GET \"/\"",
            start: Timestamp(nanoseconds: 1_767_323_045_123_456_789), duration: 1_999_999)
        span.parentID = SpanID(1)
        span.kind = .server
        span.status = .error
        span.statusMessage = "broken"
        span.traceState = "a=b"
        span.flags = 0x101
        span.attributes = [
            Attribute("text", .string("é\n")), Attribute("flag", .bool(true)),
            Attribute("small", .int(-7)), Attribute("large", .int(9_007_199_254_740_993)),
            Attribute("ratio", .double(0.5)), Attribute("raw", .bytes([1, 2, 255])),
            Attribute("list", .array([.int(1), .string("x")])), Attribute("none", .empty),
        ]
        span.events = [
            SpanEvent(
                time: Timestamp(nanoseconds: 1_767_323_045_123_999_000), name: "retry",
                attributes: [Attribute("attempt", .int(2))]),
            SpanEvent(
                time: Timestamp(nanoseconds: 1_767_323_045_124_000_000), name: "ignored",
                attributes: [Attribute("event", .string("named"))]),
        ]
        span.links = [
            SpanLink(traceID: TraceID(high: 0, low: 0xBEEF), spanID: SpanID(9)),
            SpanLink(
                traceID: TraceID(high: 1, low: 2), spanID: SpanID(3),
                attributes: [Attribute("opentracing.ref_type", .string("child_of"))]),
        ]
        batch.append(span, resource: resource, scope: scope)
        setup.store.add(batch)
        let expected =
            #"{"data":[{"traceID":"\#(Self.id)","spans":[{"traceID":"\#(Self.id)","#
            + #""spanID":"0000000000000002","flags":1,"operationName":"GET \"/\"","references":["#
            + #"{"refType":"CHILD_OF","traceID":"\#(Self.id)","spanID":"0000000000000001"},"#
            + #"{"refType":"FOLLOWS_FROM","traceID":"000000000000beef","#
            + #""spanID":"0000000000000009"},"#
            + #"{"refType":"CHILD_OF","traceID":"00000000000000010000000000000002","#
            + #""spanID":"0000000000000003"}],"startTime":1767323045123456,"duration":1999,"tags":["#
            + #"{"key":"otel.scope.name","type":"string","value":"lib"},"#
            + #"{"key":"otel.scope.version","type":"string","value":"2"},"#
            + #"{"key":"text","type":"string","value":"é\n"},"#
            + #"{"key":"flag","type":"bool","value":true},"#
            + #"{"key":"small","type":"int64","value":-7},"#
            + #"{"key":"large","type":"int64","value":"9007199254740993"},"#
            + #"{"key":"ratio","type":"float64","value":0.5},"#
            + #"{"key":"raw","type":"binary","value":"AQL/"},"#
            + #"{"key":"list","type":"string","value":"[1,\"x\"]"},"#
            + #"{"key":"none","type":"string","value":""},"#
            + #"{"key":"span.kind","type":"string","value":"server"},"#
            + #"{"key":"otel.status_code","type":"string","value":"ERROR"},"#
            + #"{"key":"error","type":"bool","value":true},"#
            + #"{"key":"otel.status_description","type":"string","value":"broken"},"#
            + #"{"key":"w3c.tracestate","type":"string","value":"a=b"}],"logs":["#
            + #"{"timestamp":1767323045123999,"fields":["#
            + #"{"key":"event","type":"string","value":"retry"},"#
            + #"{"key":"attempt","type":"int64","value":2}]},"#
            + #"{"timestamp":1767323045124000,"fields":["#
            + #"{"key":"event","type":"string","value":"named"}]}],"#
            + #""processID":"p1","warnings":null}],"processes":{"p1":{"serviceName":"web","tags":["#
            + #"{"key":"cpu","type":"int64","value":4}]}},"warnings":null}],"#
            + #""total":0,"limit":0,"offset":0,"errors":null}"#
        try await APIServer.run(setup) { server in
            let answer = try await server.get("/api/traces/\(Self.id)")
            #expect(answer.status == 200)
            #expect(answer.text == expected)
            let prefixed = try await server.get("/jaeger/api/traces/a0000000000000001?raw=true")
            #expect(prefixed.text == expected, "leading zeros may be left out")
        }
    }

    @Test("the spans of a trace are gathered from all batches, each resource a process")
    func severalBatches() async throws {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            let text = try await server.get("/api/traces/\(Self.id)").text
            #expect(text.count(of: "\"operationName\"") == 3)
            #expect(
                text.contains(
                    #""processes":{"p1":{"serviceName":"web","tags":[{"key":"host.name","#
                        + #""type":"string","value":"h1"}]},"p2":{"serviceName":"cart","tags":[]}}"#
                ))
            #expect(text.count(of: #""processID":"p1""#) == 2)
            #expect(text.count(of: #""processID":"p2""#) == 1)
        }
    }

    @Test("an id of 16 digits names a trace of 64 bits")
    func shortID() async throws {
        let setup = APIServer.Setup()
        var builder = SpanBuilder()
        let resource = builder.resource("")
        _ = builder.batch.append(Scope())
        builder.batch.append(
            SpanRecord(
                traceID: TraceID(high: 0, low: 0xFEED), spanID: SpanID(1), name: "x",
                start: Timestamp(seconds: 1), duration: 0), resource: resource, scope: 0)
        setup.store.add(builder.batch)
        try await APIServer.run(setup) { server in
            for id in ["000000000000feed", "0000000000000000000000000000feed", "FEED"] {
                let answer = try await server.get("/api/traces/\(id)")
                #expect(answer.text.hasPrefix(#"{"data":[{"traceID":"000000000000feed","#))
                #expect(answer.text.contains(#""serviceName":"OTLPResourceNoServiceName""#))
            }
        }
    }

    @Test("an unknown id is 404, a malformed one 400")
    func missing() async throws {
        try await APIServer.run(filledBy: { $0.fillShop() }) { server in
            let unknown = try await server.get("/api/traces/00ff")
            #expect(unknown.status == 404)
            #expect(
                unknown.text == #"{"data":null,"total":0,"limit":0,"offset":0,"#
                    + #""errors":[{"code":404,"msg":"trace not found"}]}"#)
            for id in ["nothex", "0123456789abcdef0123456789abcdef0", "%20"] {
                let malformed = try await server.get("/api/traces/\(id)")
                #expect(malformed.status == 400)
                #expect(malformed.text.contains(#""code":400,"msg":"cannot parse trace ID"#))
            }
        }
    }

    @Test("a list of traces with more spans than an answer may hold is refused by name")
    func tooLarge() async throws {
        var setup = APIServer.Setup()
        setup.answerLimits.spansMax = 2
        setup.store.fillShop()
        try await APIServer.run(setup) { server in
            let answer = try await server.get("/api/traces?service=web")
            #expect(answer.status == 422)
            #expect(answer.text.contains("more than 2 spans"))
        }
    }
}

extension String {
    func count(of part: String) -> Int { ranges(of: part).count }
}
