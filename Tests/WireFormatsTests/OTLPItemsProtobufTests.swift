import Telemetry
import Testing
import WireFormats

@Suite("OTLP spans and log records in protobuf")
struct OTLPItemsProtobufTests {
    /// A request of one resource and scope with these spans.
    private func request(_ spans: [(inout ProtobufWriter) -> Void]) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { resource in
            resource.message(2) { scope in
                for span in spans { scope.message(2, span) }
            }
        }
        return writer.bytes
    }

    private func span(
        trace: Int = 16, span: Int = 8, parent: Int = 0, start: UInt64 = 10, end: UInt64 = 30
    ) -> (inout ProtobufWriter) -> Void {
        { writer in
            for (field, count) in [(1, trace), (2, span), (4, parent)] as [(UInt32, Int)] {
                writer.raw(field, [UInt8](repeating: 1, count: count))
            }
            writer.string(5, "name")
            writer.fixed64(7, start)
            writer.fixed64(8, end)
            writer.message(9) { $0.string(1, "key") }
            writer.message(11) { $0.string(2, "event") }
            writer.message(13) { $0.varint(5, 1) }
        }
    }

    @Test("all of a span batch survives encoding and decoding")
    func roundTripsSpans() throws {
        let batch = SampleTelemetry.spans
        let decoded = try OTLPTraces.decode(protobuf: OTLPTraces.encode(batch))
        #expect(NeutralDump.spans(decoded.batch) == NeutralDump.spans(batch))
        #expect(decoded.rejections.isEmpty && decoded.repairedStrings == 0)
    }

    @Test("all of a log batch survives encoding and decoding")
    func roundTripsLogs() throws {
        let batch = SampleTelemetry.logs
        let decoded = try OTLPLogs.decode(protobuf: OTLPLogs.encode(batch), receivedAt: .zero)
        #expect(NeutralDump.logs(decoded.batch) == NeutralDump.logs(batch))
    }

    @Test("spans of interleaved resources are grouped, in order of first appearance")
    func groupsByResource() throws {
        var batch = SpanBatch()
        let scope = batch.append(Scope())
        let resources = ["a", "b"].map {
            batch.append(Resource(attributes: [Attribute("service.name", .string($0))]))
        }
        for index in 0..<4 {
            let id = SpanID(UInt64(index + 1))
            batch.append(
                SpanRecord(
                    traceID: SampleTelemetry.traceID, spanID: id, name: "", start: .zero,
                    duration: 0), resource: resources[index % 2], scope: scope)
        }
        let found = try OTLPTraces.decode(protobuf: OTLPTraces.encode(batch)).batch
        #expect(found.spanIDs.map(\.value) == [1, 3, 2, 4])
        #expect(found.shared.resources.count == 2)
    }

    @Test("a span with a broken id is rejected with all its parts, the others are kept")
    func rejectsBrokenIDs() throws {
        let body = request([
            span(), span(trace: 15), span(trace: 0), span(span: 9), span(parent: 4),
            span(parent: 8),
        ])
        let decoded = try OTLPTraces.decode(protobuf: body)
        #expect(decoded.batch.count == 2)
        #expect(decoded.batch.attributes.count == 2)
        #expect(decoded.batch.events.count == 2)
        #expect(decoded.batch.links.count == 2)
        #expect(decoded.batch.parentIDs[1].isValid)
        #expect(decoded.rejectedCount == 4)
        #expect(
            NeutralDump.rejections(decoded.rejections) == [
                "rejected invalid_parent_id 1", "rejected invalid_span_id 1",
                "rejected invalid_trace_id 2",
            ])
        #expect(decoded.rejectionMessage.contains("trace id of 15 bytes"))
    }

    @Test("an end before the start is a duration of zero, times past 2262 saturate")
    func clampsTimes() throws {
        let body = request([span(start: 30, end: 10), span(start: 5, end: .max)])
        let decoded = try OTLPTraces.decode(protobuf: body)
        let batch = decoded.batch
        #expect(batch.durations == [0, Int64.max - 5])
        // The time that was sent stays.
        #expect(batch.span(at: 0).attributes.last == Attribute(RawEnd.attribute, .int(10)))
        #expect(decoded.ignoredFields == 1)
        #expect(!batch.span(at: 1).attributes.contains { $0.key == RawEnd.attribute })
    }

    @Test("text that is not UTF-8 is repaired and counted, also inside arrays")
    func repairsText() throws {
        let body = request([
            { writer in
                span()(&writer)
                writer.raw(5, [0x61, 0xFF])
                writer.message(9) { pair in
                    pair.message(2) { value in
                        value.message(5) { array in
                            array.message(1) { $0.raw(1, [0xC0]) }
                        }
                    }
                }
            }
        ])
        let decoded = try OTLPTraces.decode(protobuf: body)
        #expect(decoded.repairedStrings == 2)
        let found = decoded.batch.span(at: 0)
        #expect(found.name == "a\u{FFFD}")
        #expect(found.attributes[1].value == .array([.string("\u{FFFD}")]))
    }

    @Test("values nested as deep as allowed are kept; what is deeper is left out and counted")
    func limitsNesting() throws {
        func nested(_ depth: Int, _ writer: inout ProtobufWriter) {
            guard depth > 0 else { return writer.presentVarint(3, 1) }
            writer.message(5) { array in array.message(1) { nested(depth - 1, &$0) } }
        }
        func body(_ depth: Int) -> [UInt8] {
            request([
                { writer in
                    span()(&writer)
                    writer.message(9) { pair in pair.message(2) { nested(depth, &$0) } }
                }
            ])
        }
        let deepest = try OTLPTraces.decode(protobuf: body(AttributeValue.nestingDepthMax))
        #expect(deepest.repairedStrings == 0)
        for depth in [AttributeValue.nestingDepthMax + 1, 5_000] {
            let cut = try OTLPTraces.decode(protobuf: body(depth))
            #expect(cut.repairedStrings == 1)
            var value = cut.batch.span(at: 0).attributes[1].value
            var levels = 0
            while case .array(let elements) = value, let inner = elements.first {
                value = inner
                levels += 1
            }
            #expect(value == .empty && levels == AttributeValue.nestingDepthMax)
        }
    }

    @Test("a log record without times gets the time of receipt, ids of wrong length are ignored")
    func fillsLogs() throws {
        var writer = ProtobufWriter()
        writer.message(1) { resource in
            resource.message(2) { scope in
                scope.message(2) { $0.raw(9, [1, 2]) }
                scope.message(2) { $0.fixed64(11, 7) }
            }
        }
        let received = Timestamp(nanoseconds: 99)
        let decoded = try OTLPLogs.decode(protobuf: writer.bytes, receivedAt: received)
        #expect(decoded.batch.times.map(\.nanoseconds) == [99, 7])
        #expect(decoded.batch.observedTimes.map(\.nanoseconds) == [99, 7])
        #expect(decoded.batch.traceIDs == [.invalid, .invalid])
        #expect(decoded.ignoredFields == 1)
    }
}
