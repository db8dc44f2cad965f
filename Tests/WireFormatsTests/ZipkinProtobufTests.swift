import Telemetry
import Testing
import WireFormats

@Suite("Zipkin v2 protobuf")
struct ZipkinProtobufTests {
    private let receivedAt = Timestamp(seconds: 1_763_700_009)

    private func decode(_ body: [UInt8]) throws -> Decoded<SpanBatch> {
        try ZipkinSpans.decode(protobuf: body, receivedAt: receivedAt)
    }

    @Test("a span is read as its JSON form is")
    func sameAsJSON() throws {
        let json = #"""
            [{"traceId":"5982fe77008310cc80f1da5e10147517","parentId":"90394f6bcffb5d13",
              "id":"67fae42571535f60","kind":"SERVER","name":"/m/n/2.6.1",
              "timestamp":1516781775726000,"duration":26000,
              "localEndpoint":{"serviceName":"mnist","ipv4":"172.17.18.6","port":8080},
              "remoteEndpoint":{"serviceName":"edge","ipv6":"2001:db8::c001","port":53931},
              "annotations":[{"timestamp":1516781775726100,"value":"ws"}],
              "tags":{"http.path":"/api","error":"too slow"},"debug":true,"shared":true}]
            """#
        let expected = try ZipkinSpans.decode(json: Array(json.utf8), receivedAt: receivedAt)
        let found = try decode(SampleZipkin.span())
        #expect(NeutralDump.spans(found.batch) == NeutralDump.spans(expected.batch))
        #expect(found.batch.span(at: 0).attributes.count == 9)
    }

    @Test("trace ids have 8 or 16 bytes, others and wrong span ids are refused")
    func identifiers() throws {
        let short = try decode(SampleZipkin.span(trace: Array(SampleZipkin.trace.suffix(8))))
        #expect(short.batch.traceIDs == [TraceID(high: 0, low: 0x80F1_DA5E_1014_7517)])
        let cases: [([UInt8], RejectionReason)] = [
            (SampleZipkin.span(trace: [1, 2, 3]), .invalidTraceID),
            (SampleZipkin.span(trace: [UInt8](repeating: 0, count: 16)), .invalidTraceID),
            (SampleZipkin.span(id: [1]), .invalidSpanID),
            (SampleZipkin.span(parent: [1, 2]), .invalidParentID),
        ]
        for (body, reason) in cases {
            let decoded = try decode(SampleZipkin.span() + body)
            #expect(decoded.rejections.map(\.reason) == [reason])
            #expect(decoded.batch.count == 1 && decoded.batch.attributes.count == 9)
            #expect(decoded.batch.events.count == 1)
        }
        #expect(!(try decode(SampleZipkin.span(parent: [])).batch.parentIDs[0].isValid))
    }

    @Test("a span without a time starts when it was received")
    func defaults() throws {
        var writer = ProtobufWriter()
        writer.message(1) { span in
            SampleZipkin.trace.withUnsafeBytes { span.bytes(1, $0) }
            [UInt8]([0, 0, 0, 0, 0, 0, 0, 1]).withUnsafeBytes { span.bytes(3, $0) }
        }
        let span = try decode(writer.bytes).batch.span(at: 0)
        #expect(span.start == receivedAt && span.kind == .internal && span.attributes.isEmpty)
    }

    @Test(
        "IPv6 addresses are written as RFC 5952 has it",
        arguments: [
            ([0, 0, 0, 0, 0, 0, 0, 0], "::"), ([0, 0, 0, 0, 0, 0, 0, 1], "::1"),
            ([0x2001, 0xDB8, 0, 0, 1, 0, 0, 1], "2001:db8::1:0:0:1"),
            ([0x2001, 0xDB8, 0, 1, 1, 1, 1, 1], "2001:db8:0:1:1:1:1:1"),
            ([1, 2, 3, 4, 5, 6, 0, 0], "1:2:3:4:5:6::"),
        ] as [([UInt16], String)])
    func addresses(groups: [UInt16], text: String) throws {
        var writer = ProtobufWriter()
        writer.message(1) { span in
            SampleZipkin.trace.withUnsafeBytes { span.bytes(1, $0) }
            [UInt8]([0, 0, 0, 0, 0, 0, 0, 1]).withUnsafeBytes { span.bytes(3, $0) }
            span.message(9) { endpoint in
                groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
                    .withUnsafeBytes { endpoint.bytes(3, $0) }
            }
        }
        #expect(
            try decode(writer.bytes).batch.span(at: 0).attributes
                == [Attribute("network.peer.address", .string(text))])
    }
}

@Suite("Zipkin v1 JSON")
struct ZipkinV1Tests {
    private func decode(_ json: String) throws -> Decoded<SpanBatch> {
        try ZipkinSpans.decode(jsonV1: Array(json.utf8), receivedAt: Timestamp(seconds: 9))
    }

    @Test("a span that client and server share becomes a row for each")
    func shared() throws {
        let batch = try decode(SampleZipkin.v1).batch
        try #require(batch.count == 2)
        #expect(batch.kinds == [.client, .server] && batch.spanIDs[0] == batch.spanIDs[1])
        let services = batch.resourceIndices.map { batch.resource(at: $0).serviceName }
        #expect(services == ["edge", "mnist"])
        #expect(
            batch.starts.map(\.microseconds) == [1_516_781_775_726_000, 1_516_781_775_727_000])
        #expect(batch.durations == [26_000_000, 23_000_000])
        let (client, server) = (batch.span(at: 0), batch.span(at: 1))
        #expect(client.flags == 1 && client.parentID.hex == "90394f6bcffb5d13")
        #expect(
            client.attributes == [
                Attribute("zipkin.debug", .bool(true)),
                Attribute("net.host.ip", .string("10.0.0.1")),
                Attribute("net.host.port", .int(80)),
                Attribute("network.peer.address", .string("172.17.18.6")),
                Attribute("peer.service", .string("mnist")),
                Attribute("http.path", .string("/api")),
            ])
        #expect(client.events.isEmpty && server.events.map(\.name) == ["ws"])
        #expect(server.attributes.contains(Attribute("zipkin.shared", .bool(true))))
        #expect(server.attributes.contains(Attribute("rows", .string("12"))))
        #expect(!server.attributes.contains { $0.key == "lc" })
    }

    private func one(_ members: String) throws -> SpanRecord {
        let batch = try decode(
            #"[{"traceId":"80f1da5e10147517","id":"0000000000000002",\#(members)}]"#
        ).batch
        #expect(batch.count == 1)
        return batch.span(at: 0)
    }

    @Test(
        "a server's span without a timestamp shares its client's id, one with a timestamp does not")
    func serverAlone() throws {
        let annotations =
            #""annotations":[{"timestamp":5000,"value":"sr","endpoint":{"serviceName":"s"}},"#
            + #"{"timestamp":7000,"value":"ss","endpoint":{"serviceName":"s"}}]"#
        let shared = try one(annotations)
        #expect(shared.kind == .server && shared.duration == 2_000_000)
        #expect(shared.attributes == [Attribute("zipkin.shared", .bool(true))])
        #expect(shared.traceID == TraceID(high: 0, low: 0x80F1_DA5E_1014_7517))
        let own = try one(#""timestamp":4000,"duration":9000,"# + annotations)
        #expect(own.attributes.isEmpty && own.start.microseconds == 4_000)
        #expect(own.duration == 9_000_000)
    }

    @Test("messages and local work have kinds of their own")
    func otherKinds() throws {
        let sent = try one(
            #""annotations":[{"timestamp":5,"value":"ms","endpoint":{"serviceName":"s"}}],"#
                + #""binaryAnnotations":[{"key":"ma","value":true,"endpoint":{"serviceName":"kafka"}}]"#
        )
        #expect(sent.kind == .producer)
        #expect(sent.attributes == [Attribute("peer.service", .string("kafka"))])
        let local = try one(
            #""timestamp":5,"binaryAnnotations":[{"key":"lc","value":"spark","endpoint":{"serviceName":"s"}}]"#
        )
        #expect(local.kind == .internal)
        #expect(local.attributes == [Attribute("lc", .string("spark"))])
    }

    @Test("bad ids are refused, for both rows of a shared span")
    func rejections() throws {
        let decoded = try decode(
            SampleZipkin.v1.replacing("67fae42571535f60", with: "0000000000000000"))
        #expect(decoded.rejections.map(\.reason) == [.invalidSpanID])
        #expect(decoded.rejectedCount == 2 && decoded.batch.isEmpty)
        #expect(decoded.batch.attributes.count == 0 && decoded.batch.events.count == 0)
    }

    @Test(
        "what is not an array of objects is an error",
        arguments: ["", "{}", "[1]", "[{", #"[{"annotations":{}}]"#, "[] x"])
    func errors(_ json: String) {
        #expect(throws: DecodeError.self) { try decode(json) }
    }
}
