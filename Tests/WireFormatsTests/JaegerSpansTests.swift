import Telemetry
import Testing
import WireFormats

@Suite("Jaeger spans")
struct JaegerSpansTests {
    /// The sample in each wire form.
    private struct Form: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var body: [UInt8]
        var decode: @Sendable ([UInt8]) throws -> Decoded<SpanBatch>

        static let all = [
            Form(testDescription: "binary Thrift", body: SampleJaeger.thrift(.binary)) {
                try JaegerSpans.decode(thrift: $0, .binary)
            },
            Form(testDescription: "compact Thrift", body: SampleJaeger.thrift(.compact)) {
                try JaegerSpans.decode(thrift: $0, .compact)
            },
            Form(testDescription: "protobuf", body: SampleJaeger.postSpans()) {
                try JaegerSpans.decode(postSpans: $0)
            },
            Form(
                testDescription: "protobuf with a process in each span",
                body: SampleJaeger.postSpans(processInSpans: true)
            ) { try JaegerSpans.decode(postSpans: $0) },
        ]
    }

    @Test("a span keeps all it says", arguments: Form.all)
    private func mapping(form: Form) throws {
        let decoded = try form.decode(form.body)
        #expect(decoded.rejections.isEmpty)
        try #require(decoded.batch.count == 2)
        let span = decoded.batch.span(at: 0)
        #expect(span.traceID.hex == "1122334455667788fffffffffffffffe")
        #expect(span.spanID.hex == "0000000000000010" && span.parentID.hex == "0000000000000009")
        #expect(span.name == "GET /cart" && span.kind == .server && span.status == .error)
        #expect(span.start.microseconds == SampleJaeger.micros && span.duration == 1_500_000)
        #expect(span.flags == 1)
        #expect(
            span.attributes == [
                Attribute("ratio", .double(0.25)), Attribute("http.status_code", .int(500)),
                Attribute("raw", .bytes([0, 255])), Attribute("cached", .bool(false)),
            ])
        #expect(decoded.batch.scope(at: decoded.batch.scopeIndices[0]).name == "lib")
    }

    @Test("logs are events named by their field event", arguments: Form.all)
    private func logs(form: Form) throws {
        let span = try form.decode(form.body).batch.span(at: 0)
        #expect(
            span.events == [
                SpanEvent(
                    time: Timestamp(microseconds: SampleJaeger.micros + 5), name: "cache miss",
                    attributes: [Attribute("size", .int(-7))])
            ])
    }

    @Test("references are the parent and links", arguments: Form.all)
    private func references(form: Form) throws {
        let batch = try form.decode(form.body).batch
        let links = batch.span(at: 0).links
        #expect(links.map(\.traceID) == [TraceID(high: 0, low: 77)])
        #expect(links.map(\.spanID) == [SpanID(0x70)])
        #expect(
            links.first?.attributes
                == [Attribute("opentracing.ref_type", .string("follows_from"))])
        let child = batch.span(at: 1)
        #expect(child.parentID == SpanID(0x10), "a CHILD_OF reference names the parent")
        #expect(child.links.map(\.spanID) == [SpanID(0x5)])
        #expect(child.kind == .unspecified && child.status == .unset)
    }

    @Test("spans of one process share a resource", arguments: Form.all)
    private func process(form: Form) throws {
        let batch = try form.decode(form.body).batch
        #expect(Set(batch.resourceIndices).count == 1)
        let resource = batch.resource(at: batch.resourceIndices[0])
        #expect(resource.serviceName == "cart")
        #expect(resource.attributes.contains(Attribute("hostname", .string("h1"))))
    }

    @Test("a process behind its spans is theirs too")
    func processLast() throws {
        guard case .structure(let fields) = SampleJaeger.batch else { return }
        for encoding in [ThriftEncoding.binary, .compact] {
            let body = ThriftValue.structure([fields[1], fields[0]]).encoded(encoding)
            let batch = try JaegerSpans.decode(thrift: body, encoding).batch
            #expect(batch.count == 2)
            #expect(batch.resource(at: batch.resourceIndices[1]).serviceName == "cart")
        }
    }

    @Test("spans without ids are refused and leave nothing behind")
    func rejections() throws {
        func span(_ trace: Int64, _ id: Int64) -> ThriftValue {
            let tag: ThriftValue = .structure([
                (1, .string("k")), (2, .int32(0)), (3, .string("v")),
            ])
            let fields: [(Int16, ThriftValue)] = [
                (1, .int64(trace)), (3, .int64(id)), (5, .string("s")), (10, .list([tag])),
            ]
            return .structure(fields)
        }
        let process: ThriftValue = .structure([(1, .string("a"))])
        let spans: ThriftValue = .list([span(0, 1), span(1, 0), span(1, 1)])
        let fields: [(Int16, ThriftValue)] = [(1, process), (2, spans)]
        let body = ThriftValue.structure(fields).encoded(.binary)
        let decoded = try JaegerSpans.decode(thrift: body, .binary)
        #expect(decoded.rejections.map(\.reason) == [.invalidTraceID, .invalidSpanID])
        #expect(decoded.batch.count == 1 && decoded.batch.attributes.count == 1)
        var writer = ProtobufWriter()
        writer.message(1) { batch in
            batch.message(1) { span in
                [UInt8]([1, 2, 3]).withUnsafeBytes { span.bytes(1, $0) }
                SampleJaeger.id(1).withUnsafeBytes { span.bytes(2, $0) }
            }
        }
        let short = try JaegerSpans.decode(postSpans: writer.bytes)
        #expect(short.rejections.map(\.reason) == [.invalidTraceID] && short.batch.isEmpty)
    }

    @Test("an end before the start is kept as an attribute, however far before")
    func rawEnds() throws {
        func span(_ id: Int64, duration: Int64) -> ThriftValue {
            let fields: [(Int16, ThriftValue)] = [
                (1, .int64(1)), (3, .int64(id)), (5, .string("s")),
                (8, .int64(SampleJaeger.micros)), (9, .int64(duration)),
            ]
            return .structure(fields)
        }
        let process: ThriftValue = .structure([(1, .string("a"))])
        let fields: [(Int16, ThriftValue)] = [
            (1, process), (2, .list([span(1, duration: -7), span(2, duration: .min)])),
        ]
        let body = ThriftValue.structure(fields).encoded(.compact)
        let decoded = try JaegerSpans.decode(thrift: body, .compact)
        #expect(decoded.batch.durations == [0, 0] && decoded.ignoredFields == 2)
        let ends = (0..<2).map { decoded.batch.span(at: $0).attributes }
        #expect(
            ends[0] == [Attribute(RawEnd.attribute, .int((SampleJaeger.micros - 7) * 1_000))])
        #expect(ends[1].map(\.key) == [RawEnd.attribute])
    }

    @Test(
        "lists longer than the body, unknown types and endless nesting are errors",
        arguments: [ThriftEncoding.binary, .compact])
    func hostile(encoding: ThriftEncoding) {
        let long: [UInt8] =
            encoding == .binary
            ? [15, 0, 2, 12, 0x7F, 0xFF, 0xFF, 0xFF]
            : [0x29, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]
        let negative: [UInt8] =
            encoding == .binary
            ? [15, 0, 2, 12, 0xFF, 0xFF, 0xFF, 0xFF]
            : [0x29, 0xFC] + [UInt8](repeating: 0xFF, count: 12)
        let unknown: [UInt8] = encoding == .binary ? [9, 0, 1] : [0x1D]
        var nested = ThriftValue.int32(1)
        for _ in 0..<100 { nested = ThriftValue.structure([(Int16(9), nested)]) }
        for body in [long, negative, unknown, nested.encoded(encoding), [], [0, 0]] {
            #expect(throws: DecodeError.self) {
                try JaegerSpans.decode(thrift: body, encoding)
            }
        }
    }
}
