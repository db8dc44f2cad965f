import Telemetry
import Testing
import WireFormats

@Suite("X-Ray segment documents")
struct XRayTests {
    private func decode(_ documents: String...) throws -> Decoded<SpanBatch> {
        var decoder = XRayDecoder()
        for document in documents {
            try Array(document.utf8).decoded { (bytes) throws(DecodeError) in
                try decoder.document(bytes)
            }
        }
        return decoder.finish()
    }

    @Test("an end before the start is kept as an attribute")
    func rawEnd() throws {
        let decoded = try decode(
            #"{"trace_id":"1-5759e988-bd862e3fe1be46a994272793","id":"70de5b6f19ff9a0a","#
                + #""name":"a","start_time":1500000000.5,"end_time":1500000000.25}"#)
        #expect(decoded.batch.durations == [0] && decoded.ignoredFields == 1)
        #expect(
            decoded.batch.span(at: 0).attributes
                .contains(Attribute(RawEnd.attribute, .int(1_500_000_000_250_000_000))))
    }

    @Test("a segment and its subsegments are spans of one trace")
    func tree() throws {
        let decoded = try decode(SampleXRay.segment)
        #expect(decoded.rejections.isEmpty)
        let batch = decoded.batch
        #expect(Set(batch.traceIDs.map(\.hex)) == ["581cf771a006649127e371903a2de979"])
        let names = (0..<batch.count).map { batch.span(at: $0).name }
        #expect(names == ["shop.example.com", "api.example.com", "parse", "orders@db"])
        #expect(batch.kinds == [.server, .client, .internal, .client])
        #expect(
            batch.parentIDs.map(\.hex) == [
                "0000000000000000", "70de5b6f19ff9a0a", "53995c3f42cd8ad8", "70de5b6f19ff9a0a",
            ])
        let services = batch.resourceIndices.map { batch.resource(at: $0).serviceName }
        #expect(services == Array(repeating: "shop.example.com", count: 4))
        #expect(
            batch.resource(at: 0).attributes == [
                Attribute("service.name", .string("shop.example.com")),
                Attribute("service.version", .string("1.4")),
                Attribute("cloud.provider", .string("aws")),
                Attribute("aws.xray.origin", .string("AWS::ECS::Container")),
            ])
    }

    @Test("times are exact to the nanosecond, in either notation")
    func times() throws {
        let batch = try decode(SampleXRay.segment).batch
        #expect(batch.starts[0].nanoseconds == 1_478_293_361_271_000_000)
        #expect(batch.durations[0] == 178_123_456)
        #expect(batch.starts[1].nanoseconds == 1_478_293_361_281_000_000)
        #expect(batch.durations[1] == 60_000_000)
        #expect(batch.durations[2] == 0, "still in progress")
    }

    @Test("members have OpenTelemetry's names, annotations and metadata their own")
    func attributes() throws {
        let batch = try decode(SampleXRay.segment).batch
        #expect(
            batch.span(at: 0).attributes == [
                Attribute("enduser.id", .string("ada")), Attribute("aws.xray.fault", .bool(true)),
                Attribute("http.request.method", .string("POST")),
                Attribute("url.full", .string("https://shop.example.com/buy")),
                Attribute("client.address", .string("78.255.233.48")),
                Attribute("user_agent.original", .string("curl")),
                Attribute("aws.xray.request.x_forwarded_for", .bool(true)),
                Attribute("http.response.status_code", .int(500)),
                Attribute("http.response.body.size", .int(12)),
                Attribute("cloud.account.id", .string("123456789012")),
                Attribute("aws.ecs", .map([Attribute("container", .string("c1"))])),
                Attribute("aws.retries", .int(2)), Attribute("customer", .string("gold")),
                Attribute("items", .int(3)), Attribute("ratio", .double(0.5)),
                Attribute("trial", .bool(false)),
                Attribute(
                    "aws.xray.metadata.debug",
                    .map([
                        Attribute(
                            "cart",
                            .array([.int(1), .string("two"), .map([Attribute("three", .empty)])]))
                    ])),
                Attribute("aws.xray.metadata.default", .string("x")),
            ])
        #expect(
            batch.span(at: 2).attributes == [Attribute("aws.xray.in_progress", .bool(true))])
        #expect(
            batch.span(at: 3).attributes == [
                Attribute("aws.xray.namespace", .string("remote")),
                Attribute("db.query.text", .string("SELECT 1")),
                Attribute("db.system.name", .string("PostgreSQL")),
                Attribute("db.user", .string("shop")),
                Attribute("db.connection_string", .string("jdbc:x")),
            ])
    }

    @Test("faults, errors and throttling are errors; exceptions are events")
    func errors() throws {
        let batch = try decode(SampleXRay.segment).batch
        #expect(batch.statuses == [.error, .error, .unset, .unset])
        let span = batch.span(at: 0)
        #expect(span.statusMessage == "no stock")
        #expect(
            span.events == [
                SpanEvent(
                    time: Timestamp(nanoseconds: 1_478_293_361_449_123_456), name: "exception",
                    attributes: [
                        Attribute("exception.type", .string("StockError")),
                        Attribute("exception.message", .string("no stock")),
                        Attribute(
                            "exception.stacktrace",
                            .string("at buy (shop.py:12)\nat <module> (main.py:3)\n")),
                    ])
            ])
    }

    @Test("a subsegment sent on its own keeps its parent and has no service")
    func lone() throws {
        let batch = try decode(
            #"{"type":"subsegment","name":"q","id":"00000000000000aa","parent_id":"00000000000000bb","#
                + #""trace_id":"1-581cf771-a006649127e371903a2de979","start_time":5,"end_time":6.5}"#
        ).batch
        #expect(batch.parentIDs == [SpanID(0xBB)] && batch.kinds == [.internal])
        #expect(batch.resource(at: 0).serviceName == "" && batch.durations == [1_500_000_000])
    }

    @Test(
        "a segment with bad ids or no start is refused, its subsegments are kept",
        arguments: [
            (
                #""id":"1","trace_id":"1-581cf771-a006649127e371903a2de979","start_time":1"#,
                .invalidSpanID, 1
            ),
            (
                #""id":"00000000000000aa","trace_id":"1-581cf771-a006649127e371903a2de979""#,
                .missingTimestamp, 1
            ),
            (
                #""id":"00000000000000aa","parent_id":"x","trace_id":"1-581cf771-a006649127e371903a2de979","start_time":1"#,
                .invalidParentID, 1
            ),
        ] as [(String, RejectionReason, Int)])
    func rejections(members: String, reason: RejectionReason, kept: Int) throws {
        let decoded = try decode(
            #"{"name":"n","annotations":{"a":1},\#(members),"subsegments":[{"id":"00000000000000ab","name":"s","start_time":2}]}"#
        )
        #expect(decoded.rejections.map(\.reason) == [reason])
        #expect(decoded.batch.count == kept && decoded.batch.attributes.count == 0)
    }

    @Test("without a trace id neither segment nor subsegments can be kept")
    func noTrace() throws {
        for trace in ["", #""trace_id":"2-581cf771-a006649127e371903a2de979","#] {
            let decoded = try decode(
                #"{"name":"n",\#(trace)"id":"00000000000000aa","start_time":1,"subsegments":[{"id":"00000000000000ab","name":"s","start_time":2}]}"#
            )
            #expect(decoded.rejections.map(\.reason) == [.invalidTraceID])
            #expect(decoded.rejectedCount == 2 && decoded.batch.isEmpty)
        }
    }

    @Test("subsegments nest as deep as a limit, metadata beyond theirs stays as text")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            var text = #"{"id":"00000000000000ff","name":"last","start_time":2}"#
            for index in 0..<depth {
                text =
                    #"{"id":"\#(hex(index + 1))","name":"n","start_time":2,"subsegments":[\#(text)]}"#
            }
            return text
        }
        func hex(_ number: Int) -> String { SpanID(UInt64(number)).hex }
        func document(_ inner: String) -> String {
            #"{"name":"n","id":"0000000000000fff","trace_id":"581cf771a006649127e371903a2de979","start_time":1,"subsegments":[\#(inner)]}"#
        }
        #expect(try decode(document(nested(63))).batch.count == 65)
        #expect(try decode(document(nested(64))).rejections.map(\.reason) == [.malformedItem])
        let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        let span = try decode(
            #"{"name":"n","id":"0000000000000fff","trace_id":"581cf771a006649127e371903a2de979","start_time":1,"metadata":{"m":\#(deep)}}"#
        ).batch.span(at: 0)
        #expect(span.attributes == [Attribute("aws.xray.metadata.m", .string(deep))])
    }

    @Test(
        "numbers of seconds keep what they say",
        arguments: [
            ("0", 0), ("1", 1_000_000_000), ("1.0000000004", 1_000_000_000),
            ("1.0000000006", 1_000_000_001), ("1e-9", 1), ("1.5E1", 15_000_000_000),
            ("1478293361.2711234567890123", 1_478_293_361_271_123_456),
        ])
    func seconds(text: String, nanoseconds: Int64) throws {
        let span = try decode(
            #"{"name":"n","id":"0000000000000fff","trace_id":"581cf771a006649127e371903a2de979","start_time":\#(text)}"#
        ).batch.span(at: 0)
        #expect(span.start.nanoseconds == nanoseconds)
    }

    @Test(
        "what is no document is an error",
        arguments: [
            "", "[]", "{", #"{"start_time":"soon"}"#, #"{"start_time":1e99}"#,
            #"{"start_time":-1}"#,
            #"{"subsegments":[{]}"#, "{} x",
        ])
    func malformed(_ text: String) {
        #expect(throws: DecodeError.self) { try decode(text) }
    }

    @Test("a datagram is a header line and a document")
    func datagrams() throws {
        var decoder = XRayDecoder()
        try SampleXRay.datagram.decoded { (bytes) throws(DecodeError) in
            try decoder.datagram(bytes)
        }
        #expect(decoder.spanCount == 4)
        for bad in ["", SampleXRay.segment, "{\"format\":\"xml\"}\n{}", "{\"format\":\"json\"}"] {
            #expect(throws: DecodeError.self) {
                try Array(bad.utf8).decoded { (bytes) throws(DecodeError) in
                    try decoder.datagram(bytes)
                }
            }
        }
    }

    @Test("PutTraceSegments takes what it can and names the rest")
    func putTraceSegments() throws {
        var writer = JSONWriter()
        writer.object {
            $0.field(
                "TraceSegmentDocuments",
                strings: [
                    SampleXRay.segment, "{",
                    #"{"id":"00000000000000aa","name":"n","start_time":1}"#,
                ])
        }
        let (spans, unprocessed) = try XRayPutSegments.decode(writer.bytes)
        #expect(spans.batch.count == 4 && spans.rejectedCount == 2)
        #expect(unprocessed.map(\.id) == ["", "00000000000000aa"])
        #expect(unprocessed.map(\.code) == ["ParseError", "InvalidSegment"])
        let answer = String(decoding: XRayPutSegments.answer(unprocessed), as: UTF8.self)
        #expect(answer.hasPrefix(#"{"UnprocessedTraceSegments":[{"ErrorCode":"ParseError","#))
        #expect(throws: DecodeError.self) { try XRayPutSegments.decode(Array("[1]".utf8)) }
    }
}
