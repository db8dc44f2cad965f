import Telemetry
import Testing
import WireFormats

@Suite("Zipkin v2 JSON")
struct ZipkinSpansTests {
    private let receivedAt = Timestamp(seconds: 1_763_700_009)

    private func decode(_ json: String) throws -> Decoded<SpanBatch> {
        try ZipkinSpans.decode(json: Array(json.utf8), receivedAt: receivedAt)
    }

    /// A pair as an instrumented client and server report it, sharing one span id.
    private let pair = #"""
        [{"traceId":"5982fe77008310cc80f1da5e10147517","parentId":"90394f6bcffb5d13",
          "id":"67fae42571535f60","kind":"SERVER","name":"/m/n/2.6.1","timestamp":1516781775726000,
          "duration":26000,"shared":true,"debug":true,
          "localEndpoint":{"serviceName":"mnist","ipv4":"172.17.18.6","port":8080},
          "remoteEndpoint":{"serviceName":"edge","ipv6":"2001:db8::c001","port":53931},
          "annotations":[{"timestamp":1516781775726100,"value":"ws"},{"value":"end"}],
          "tags":{"http.path":"/api","error":"too slow","retries":3}},
         {"traceId":"80f1da5e10147517","id":"67fae42571535f60","kind":"CLIENT","name":"get",
          "localEndpoint":{"serviceName":"edge"},"tags":{}},
         {"traceId":"80f1da5e10147517","id":"0000000000000001","parentId":"67fae42571535f60",
          "localEndpoint":{"serviceName":"mnist"}}]
        """#

    @Test("a span keeps all it says under OpenTelemetry's names")
    func mapping() throws {
        let batch = try decode(pair).batch
        try #require(batch.count == 3)
        let span = batch.span(at: 0)
        #expect(span.traceID.hex == "5982fe77008310cc80f1da5e10147517")
        #expect(span.spanID.hex == "67fae42571535f60" && span.parentID.hex == "90394f6bcffb5d13")
        #expect(span.name == "/m/n/2.6.1" && span.kind == .server && span.flags == 1)
        #expect(span.start.microseconds == 1_516_781_775_726_000 && span.duration == 26_000_000)
        #expect(span.status == .error && span.statusMessage == "too slow")
        #expect(
            span.attributes == [
                Attribute("zipkin.shared", .bool(true)), Attribute("zipkin.debug", .bool(true)),
                Attribute("net.host.ip", .string("172.17.18.6")),
                Attribute("net.host.port", .int(8080)),
                Attribute("network.peer.address", .string("2001:db8::c001")),
                Attribute("network.peer.port", .int(53931)),
                Attribute("peer.service", .string("edge")),
                Attribute("http.path", .string("/api")), Attribute("error", .string("too slow")),
                Attribute("retries", .string("3")),
            ])
        #expect(span.events.map(\.name) == ["ws", "end"])
        #expect(span.events[0].time.microseconds == 1_516_781_775_726_100)
    }

    @Test("client and server halves of one span id are two rows that differ in kind")
    func sharedSpans() throws {
        let batch = try decode(pair).batch
        #expect(batch.spanIDs[0] == batch.spanIDs[1])
        #expect(batch.kinds == [.server, .client, .internal])
    }

    @Test("spans of one service share a resource, 64-bit trace ids are padded")
    func resources() throws {
        let batch = try decode(pair).batch
        let services = batch.resourceIndices.map { batch.resource(at: $0).serviceName }
        #expect(services == ["mnist", "edge", "mnist"])
        #expect(batch.shared.resources.count == 2 && batch.shared.scopes.count == 1)
        #expect(batch.traceIDs[1] == TraceID(high: 0, low: 0x80F1_DA5E_1014_7517))
    }

    @Test("a span with only its ids starts when it was received, is internal and has no service")
    func defaults() throws {
        let batch = try decode(
            #"[{"traceId":"000000000000000a","id":"000000000000000b","parentId":"000000000000000b","#
                + #""timestamp":0,"kind":null,"localEndpoint":{"serviceName":"","port":0}}]"#
        ).batch
        let span = batch.span(at: 0)
        #expect(span.start == receivedAt && span.duration == 0 && span.kind == .internal)
        #expect(!span.parentID.isValid && span.attributes.isEmpty && span.status == .unset)
        #expect(batch.resource(at: batch.resourceIndices[0]).attributes.isEmpty)
    }

    @Test(
        "the status comes from OpenTelemetry's tags, else from the error tag",
        arguments: [
            (#"{"error":"true"}"#, .error, ""), (#"{"error":""}"#, .error, ""),
            (#"{"error":"false"}"#, .unset, ""), (#"{"error":"boom"}"#, .error, "boom"),
            (#"{"otel.status_code":"OK","error":"x"}"#, .ok, ""),
            (#"{"error":"why","otel.status_code":"ERROR"}"#, .error, "why"),
            (#"{"otel.status_code":"ERROR","otel.status_description":"d"}"#, .error, "d"),
            (#"{"http.status":"500"}"#, .unset, ""), (#"{"otel.status_code":"?"}"#, .unset, ""),
        ] as [(String, SpanStatus, String)])
    func status(_ tags: String, _ status: SpanStatus, _ message: String) throws {
        let batch = try decode(
            #"[{"traceId":"000000000000000a","id":"000000000000000b","tags":\#(tags)}]"#
        ).batch
        #expect(batch.statuses == [status] && batch.span(at: 0).statusMessage == message)
    }

    @Test("scope and trace state come back from the tags that OpenTelemetry's exporters write")
    func scopes() throws {
        let batch = try decode(
            #"[{"traceId":"000000000000000a","id":"000000000000000b","tags":{"otel.scope.name":"lib","#
                + #""otel.library.version":"2","w3c.tracestate":"a=1","k":"v"}}]"#
        ).batch
        let scope = batch.scope(at: batch.scopeIndices[0])
        #expect(scope.name == "lib" && scope.version == "2")
        #expect(batch.span(at: 0).traceState == "a=1")
        #expect(batch.span(at: 0).attributes == [Attribute("k", .string("v"))])
    }

    @Test(
        "a span with bad ids is refused and leaves nothing behind, its neighbours are kept",
        arguments: [
            (#""traceId":"","id":"000000000000000b""#, .invalidTraceID),
            (#""traceId":"0000000000000000","id":"000000000000000b""#, .invalidTraceID),
            (#""traceId":"g000000000000000a","id":"000000000000000b""#, .invalidTraceID),
            (
                #""traceId":"0123456789abcdef0123456789abcdef0","id":"000000000000000b""#,
                .invalidTraceID
            ),
            (#""id":"000000000000000b""#, .invalidTraceID),
            (#""traceId":"000000000000000a""#, .invalidSpanID),
            (#""traceId":"000000000000000a","id":"0000000000000000b""#, .invalidSpanID),
            (
                #""traceId":"000000000000000a","id":"000000000000000b","parentId":"x""#,
                .invalidParentID
            ),
        ] as [(String, RejectionReason)])
    func rejections(_ ids: String, _ reason: RejectionReason) throws {
        let good = #"{"traceId":"000000000000000a","id":"000000000000000c","name":"good"}"#
        let bad =
            #"{\#(ids),"name":"bad","tags":{"k":"v"},"annotations":[{"timestamp":1,"value":"e"}]}"#
        let decoded = try decode("[\(good),\(bad),\(good)]")
        #expect(decoded.rejections.map(\.reason) == [reason] && decoded.rejectedCount == 1)
        #expect(decoded.rejectionMessage.contains("bad"))
        #expect(decoded.batch.count == 2 && decoded.batch.attributes.count == 0)
        #expect(decoded.batch.span(at: 1).name == "good" && decoded.batch.events.count == 0)
    }

    @Test("numbers may be strings or fractions, negative and huge durations are bounded")
    func numbers() throws {
        let batch = try decode(
            #"[{"traceId":"000000000000000a","id":"000000000000000b","timestamp":"1516781775726000","#
                + #""duration":12.5},{"traceId":"000000000000000a","id":"000000000000000c","#
                + #""timestamp":1.5e15,"duration":-3},{"traceId":"000000000000000a","#
                + #""id":"000000000000000d","timestamp":9223372036854775807,"#
                + #""duration":9223372036854775807}]"#
        ).batch
        #expect(batch.durations == [13_000, 0, .max])
        #expect(
            batch.span(at: 1).attributes
                == [Attribute(RawEnd.attribute, .int(1_500_000_000_000_000_000 - 3_000))])
        #expect(batch.starts[0].microseconds == 1_516_781_775_726_000)
        #expect(batch.starts[1].microseconds == 1_500_000_000_000_000)
    }

    @Test(
        "what is not an array of objects is an error",
        arguments: [
            "", "{}", "null", "[1]", "[[]]", "[{}", #"[{"traceId":1}]"#, #"[{"tags":[]}]"#,
            #"[{"timestamp":"soon"}]"#, #"[{"timestamp":1e40}]"#, #"[{"shared":"yes"}]"#, "[] x",
        ])
    func errors(_ json: String) {
        #expect(throws: DecodeError.self) { try decode(json) }
    }

    @Test("an empty array is an empty batch")
    func empty() throws { #expect(try decode(" [ ] ").batch.isEmpty) }

    @Test("a body cut off at any byte is an error, one with a changed byte never traps")
    func broken() throws {
        let body = Array(pair.utf8)
        var generator = JSONGenerator(seed: 12)
        for index in body.indices {
            #expect(throws: DecodeError.self) {
                try ZipkinSpans.decode(json: Array(body[..<index]), receivedAt: receivedAt)
            }
            var changed = body
            changed[index] = UInt8(truncatingIfNeeded: generator.next())
            guard
                let batch = try? ZipkinSpans.decode(json: changed, receivedAt: receivedAt).batch
            else { continue }
            #expect(NeutralDump.spans(batch).count >= batch.count)
        }
    }

    @Test("short ids are padded on the left, as Zipkin does")
    func shortIDs() throws {
        let batch = try decode(
            #"[{"traceId":"7f3","id":"1","parentId":"abc"},"#
                + #"{"traceId":"10123456789abcdef","id":"2","parentId":""}]"#
        ).batch
        #expect(
            batch.traceIDs == [
                TraceID(high: 0, low: 0x7F3), TraceID(high: 1, low: 0x0123_4567_89AB_CDEF),
            ])
        #expect(batch.spanIDs == [SpanID(1), SpanID(2)])
        #expect(batch.parentIDs == [SpanID(0xABC), .invalid])
    }

    @Test(
        "an address or port that is none is left out and counted",
        arguments: [
            (#""ipv4":"999.1.1.1""#, 1, 0), (#""ipv4":"1.2.3""#, 1, 0),
            (#""ipv4":"1.2.3.4""#, 0, 1), (#""port":99999999"#, 1, 0), (#""port":-1"#, 1, 0),
            (#""port":65535"#, 0, 1), (#""ipv6":"::1""#, 0, 1), (#""ipv6":"2001:db8::c001""#, 0, 1),
            (#""ipv6":"::ffff:1.2.3.4""#, 0, 1), (#""ipv6":"x::1""#, 1, 0),
            (#""ipv6":"12345::1""#, 1, 0), (#""ipv4":"999.1.1.1","port":0"#, 1, 0),
        ])
    func endpoints(members: String, ignored: Int, attributes: Int) throws {
        let decoded = try decode(#"[{"traceId":"a","id":"b","localEndpoint":{\#(members)}}]"#)
        #expect(decoded.ignoredFields == ignored)
        #expect(decoded.batch.attributes.count == attributes)
    }
}
