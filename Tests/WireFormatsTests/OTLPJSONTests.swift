import Telemetry
import Testing
import WireFormats

@Suite("OTLP/JSON")
struct OTLPJSONTests {
    private let receivedAt = Timestamp(seconds: 1_763_700_009)

    private func span(_ members: String) -> [UInt8] {
        Array(#"{"resourceSpans":[{"scopeSpans":[{"spans":[{\#(members)}]}]}]}"#.utf8)
    }

    private func attribute(_ value: String) throws -> AttributeValue? {
        let body = span(
            #""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","#
                + #""attributes":[{"key":"k","value":\#(value)}]"#)
        return try OTLPTraces.decode(json: body).batch.span(at: 0).attributes.first?.value
    }

    @Test("spans written are spans read")
    func roundTrip() throws {
        let batch = SampleTelemetry.spans
        let read = try OTLPTraces.decode(json: OTLPTraces.encodeJSON(batch))
        #expect(read.rejections.isEmpty && read.ignoredFields == 0 && read.repairedStrings == 0)
        let expected = try OTLPTraces.decode(protobuf: OTLPTraces.encode(batch)).batch
        #expect(NeutralDump.spans(read.batch) == NeutralDump.spans(expected))
    }

    @Test("a span is written as Jaeger and Tempo show it")
    func form() {
        var batch = SpanBatch()
        let resource = batch.append(Resource(attributes: [Attribute("service.name", .string("s"))]))
        let scope = batch.append(Scope(name: "lib"))
        var span = SpanRecord(
            traceID: SampleTelemetry.traceID, spanID: SampleTelemetry.spanID, name: "GET \"/\"",
            start: Timestamp(nanoseconds: 1_763_700_000_000_000_001), duration: 2)
        span.kind = .server
        span.status = .error
        span.attributes = [Attribute("n", .int(7)), Attribute("y", .bytes([1, 2, 3, 4]))]
        batch.append(span, resource: resource, scope: scope)
        let expected =
            #"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":"#
            + #"{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[{"traceId":"#
            + #""0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","#
            + #""name":"GET \"/\"","kind":2,"startTimeUnixNano":"1763700000000000001","#
            + #""endTimeUnixNano":"1763700000000000003","attributes":[{"key":"n","value":"#
            + #"{"intValue":"7"}},{"key":"y","value":{"bytesValue":"AQIDBA=="}}],"#
            + #""status":{"code":2}}]}]}]}"#
        #expect(String(decoding: OTLPTraces.encodeJSON(batch), as: UTF8.self) == expected)
    }

    @Test("snake case, names of enums, nulls, numbers for strings and unknown members are read")
    func lenience() throws {
        let body = #"""
            {"unknown":[{"a":[null]}],"resource_spans":[null,{"schema_url":"u","scope_spans":[{
              "spans":[{"trace_id":"0AF7651916CD43DD8448EB211C80319C","span_id":"b7ad6b7169203331",
                "parent_span_id":null,"name":"n","kind":"server","start_time_unix_nano":1000,
                "end_time_unix_nano":"2.5e3","status":{"code":"STATUS_CODE_ERROR","message":null},
                "attributes":null,"events":[null],"links":[],"flags":"257","new":{"x":1}}],
              "scope":{"name":"lib","attributes":[{"value":{"boolValue":true},"key":"b"}]}}],
              "resource":{"attributes":[{"key":"service.name","value":{"string_value":"s"}}]}}]}
            """#
        let batch = try OTLPTraces.decode(json: Array(body.utf8)).batch
        try #require(batch.count == 1)
        let span = batch.span(at: 0)
        #expect(span.traceID == SampleTelemetry.traceID && span.spanID == SampleTelemetry.spanID)
        #expect(span.kind == .server && span.status == .error && span.flags == 257)
        #expect(span.start.nanoseconds == 1_000 && span.duration == 1_500)
        #expect(!span.parentID.isValid && span.attributes.isEmpty && span.events.isEmpty)
        let resource = batch.resource(at: batch.resourceIndices[0])
        #expect(resource.serviceName == "s" && resource.schemaURL == "u")
        #expect(batch.scope(at: batch.scopeIndices[0]).attributes == [Attribute("b", .bool(true))])
    }

    @Test(
        "values are read by their member",
        arguments: [
            (#"{"stringValue":"é\n"}"#, .string("é\n")), (#"{"intValue":"-5"}"#, .int(-5)),
            (#"{"intValue":9223372036854775807}"#, .int(.max)), (#"{}"#, .empty), ("null", .empty),
            (#"{"boolValue":false}"#, .bool(false)), (#"{"doubleValue":1}"#, .double(1)),
            (#"{"doubleValue":"-Infinity"}"#, .double(-.infinity)),
            (#"{"doubleValue":"0.5"}"#, .double(0.5)),
            (#"{"bytesValue":"-_8="}"#, .bytes([251, 255])),
            (#"{"bytesValue":"+/8"}"#, .bytes([251, 255])), (#"{"bytesValue":""}"#, .bytes([])),
            (#"{"arrayValue":{}}"#, .array([])),
            (
                #"{"arrayValue":{"values":[{"intValue":1},null,{}]}}"#,
                .array([.int(1), .empty, .empty])
            ),
            (
                #"{"kvlistValue":{"values":[{"value":{"intValue":1},"key":"a"},{"key":"b"}]}}"#,
                .map([Attribute("a", .int(1)), Attribute("b", .empty)])
            ),
            (#"{"intValue":1,"stringValue":"last"}"#, .string("last")),
            (
                #"{"arrayValue":{"values":[{"intValue":1,"boolValue":true}]}}"#,
                .array([.bool(true)])
            ),
        ] as [(String, AttributeValue)])
    func anyValues(_ json: String, _ expected: AttributeValue) throws {
        #expect(try attribute(json) == expected)
    }

    @Test(
        "values of the wrong kind are errors",
        arguments: [
            #"{"intValue":"x"}"#, #"{"intValue":1.5}"#, #"{"intValue":9223372036854775808}"#,
            #"{"boolValue":"true"}"#, #"{"doubleValue":"inf"}"#, #"{"bytesValue":"a"}"#,
            #"{"bytesValue":"a*=="}"#, #"{"stringValue":1}"#, #"{"arrayValue":[]}"#, #""text""#,
            "[]",
        ])
    func wrongKinds(_ json: String) {
        #expect(throws: DecodeError.self) { try attribute(json) }
    }

    @Test("attributes may nest as deep as from protobuf; what is deeper is left out")
    func nesting() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: #"{"kvlistValue":{"values":[{"key":"k","value":"#, count: depth)
                + #"{"intValue":1}"# + String(repeating: "}]}}", count: depth)
        }
        let deepest = try attribute(nested(AttributeValue.nestingDepthMax))
        #expect(deepest != nil && deepest != .empty)
        var cut = try attribute(nested(AttributeValue.nestingDepthMax + 1))
        for _ in 0..<AttributeValue.nestingDepthMax {
            guard case .map(let members)? = cut else { break }
            cut = members.first?.value
        }
        #expect(cut == .empty)
        #expect(throws: DecodeError.self) { try attribute(nested(10_000)) }
        var batch = SpanBatch()
        let resource = batch.append(Resource())
        let scope = batch.append(Scope())
        var span = SpanRecord(
            traceID: SampleTelemetry.traceID, spanID: SampleTelemetry.spanID, name: "",
            start: .zero,
            duration: 0)
        span.attributes = [Attribute("k", try #require(deepest))]
        batch.append(span, resource: resource, scope: scope)
        let again = try OTLPTraces.decode(json: OTLPTraces.encodeJSON(batch)).batch
        #expect(again.span(at: 0).attributes == span.attributes)
    }

    @Test(
        "a span with ids that are not hexadecimal of the right length is refused, its neighbour kept",
        arguments: [
            (#""traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"b7ad6b7169203331""#, .invalidTraceID),
            (#""traceId":"8448eb211c80319c","spanId":"b7ad6b7169203331""#, .invalidTraceID),
            (
                #""traceId":"00000000000000000000000000000000","spanId":"b7ad6b7169203331""#,
                .invalidTraceID
            ),
            (#""spanId":"b7ad6b7169203331""#, .invalidTraceID),
            (#""traceId":"0af7651916cd43dd8448eb211c80319c""#, .invalidSpanID),
            (
                #""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"t61rcWkgMzE=""#,
                .invalidSpanID
            ),
            (
                #""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","parentSpanId":"x""#,
                .invalidParentID
            ),
        ] as [(String, RejectionReason)])
    func rejections(_ ids: String, _ reason: RejectionReason) throws {
        let bad =
            #"{\#(ids),"name":"bad","attributes":[{"key":"x","value":{"intValue":1}}],"#
            + #""events":[{"name":"e"}],"links":[{"traceId":""}]}"#
        let good =
            #"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"good"}"#
        let body = #"{"resourceSpans":[{"scopeSpans":[{"spans":[\#(bad),\#(good)]}]}]}"#
        let decoded = try OTLPTraces.decode(json: Array(body.utf8))
        #expect(decoded.rejections.map(\.reason) == [reason] && decoded.rejectedCount == 1)
        #expect(decoded.rejectionMessage.contains("bad"))
        try #require(decoded.batch.count == 1)
        let kept = decoded.batch.span(at: 0)
        #expect(kept.name == "good" && kept.attributes.isEmpty && kept.events.isEmpty)
        #expect(kept.links.isEmpty)
    }

    @Test("a link that points nowhere is left out and counted")
    func links() throws {
        let body = span(
            #""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","links":["#
                + #"{"traceId":"zz","attributes":[{"key":"x","value":{}}]},"#
                + #"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0000000000000001"}]"#)
        let decoded = try OTLPTraces.decode(json: body)
        #expect(decoded.ignoredFields == 1)
        #expect(decoded.batch.span(at: 0).links.map(\.spanID) == [SpanID(1)])
        #expect(decoded.batch.span(at: 0).links[0].attributes.isEmpty)
    }

    @Test("a body cut off at any byte is an error")
    func truncation() throws {
        let body = OTLPTraces.encodeJSON(SampleTelemetry.spans)
        for length in stride(from: 0, to: body.count, by: 17) {
            #expect(throws: DecodeError.self) {
                try OTLPTraces.decode(json: Array(body[..<length]))
            }
        }
        #expect(throws: DecodeError.self) {
            try OTLPTraces.decode(json: body + [UInt8(ascii: "x")])
        }
        #expect(throws: DecodeError.self) { try OTLPTraces.decode(json: Array("[]".utf8)) }
    }

    @Test("with one byte changed a body is decoded or refused, and what is decoded is whole")
    func corruption() {
        var generator = JSONGenerator(seed: 11)
        let body = OTLPTraces.encodeJSON(SampleTelemetry.spans)
        for index in stride(from: 0, to: body.count, by: 7) {
            var broken = body
            broken[index] = UInt8(truncatingIfNeeded: generator.next())
            guard let batch = try? OTLPTraces.decode(json: broken).batch else { continue }
            #expect(NeutralDump.spans(batch).count >= batch.count)
        }
    }
}

@Suite("OTLP/JSON logs and metrics")
struct OTLPJSONLogAndMetricTests {
    private let receivedAt = Timestamp(seconds: 1_763_700_009)

    @Test("log records are read with every field, whatever the form of their severity")
    func logs() throws {
        let body = #"""
            {"resourceLogs":[{"scopeLogs":[{"logRecords":[
              {"timeUnixNano":"1763700000000000000","observedTimeUnixNano":1763700000000000005,
               "severityNumber":"SEVERITY_NUMBER_WARN2","severityText":"WARN","eventName":"e",
               "body":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}}]}},
               "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","flags":1,
               "attributes":[{"key":"k","value":{"doubleValue":0.5}}],"droppedAttributesCount":3},
              {"severityNumber":17,"body":{"stringValue":"text"},"traceId":"","spanId":"xyz"},
              {"severityNumber":"info","observedTimeUnixNano":"7"},{"severityNumber":99}]}]}]}
            """#
        let decoded = try OTLPLogs.decode(json: Array(body.utf8), receivedAt: receivedAt)
        let batch = decoded.batch
        try #require(batch.count == 4)
        let first = batch.record(at: 0)
        #expect(first.time == SampleTelemetry.time && first.observedTime.nanoseconds % 10 == 5)
        #expect(first.body == .map([Attribute("a", .int(1))]) && first.droppedAttributeCount == 3)
        #expect(first.traceID == SampleTelemetry.traceID && first.spanID == SampleTelemetry.spanID)
        #expect(first.severityText == "WARN" && first.eventName == "e" && first.flags == 1)
        #expect(first.attributes == [Attribute("k", .double(0.5))])
        #expect(batch.severityNumbers == [14, 17, 9, 0])
        #expect(batch.record(at: 1).time == receivedAt && decoded.ignoredFields == 1)
        #expect(batch.record(at: 2).time.nanoseconds == 7)
    }

    @Test("metrics are read into the same series as from protobuf, whatever the order of members")
    func metrics() throws {
        let body = #"""
            {"resourceMetrics":[{"scopeMetrics":[{"metrics":[
              {"sum":{"dataPoints":[{"exemplars":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
                  "spanId":"b7ad6b7169203331","asDouble":0.3,"timeUnixNano":"1763700000000000000"}],
                  "timeUnixNano":"1763700000000000000","asInt":"42",
                  "attributes":[{"key":"http.route","value":{"stringValue":"/cart"}}]}],
                "isMonotonic":true,"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE"},
               "unit":"{request}","description":"Requests served","name":"requests"},
              {"name":"in_flight","unit":"1","gauge":{"data_points":[
                {"asDouble":2.5,"timeUnixNano":"1763700000000000000"}]}},
              {"name":"queue.size","sum":{"aggregationTemporality":2,"dataPoints":[{"asInt":-3,
                "timeUnixNano":"1763700000000000000",
                "attributes":[{"key":"http.route","value":{"stringValue":"/cart"}}]}]}},
              {"name":"duration","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{
                "count":"6","sum":1.75,"bucketCounts":["1","2","0","3"],"explicitBounds":[0.005,0.5,1],
                "timeUnixNano":"1763700000000000000","exemplars":[{"asDouble":0.3,
                  "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
                  "timeUnixNano":"1763700000000000000"}],
                "attributes":[{"key":"http.route","value":{"stringValue":"/cart"}}]}]}}]}],
              "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},
                {"key":"zone","value":{"stringValue":"a"}}]}}]}
            """#
        let found = try OTLPMetrics.decode(json: Array(body.utf8))
        let expected = try OTLPMetrics.decode(
            protobuf: OTLPMetrics.encode([SampleTelemetry.exportMetrics]))
        #expect(NeutralDump.metrics(found) == NeutralDump.metrics(expected))
        #expect(found.batch.metadata == expected.batch.metadata)
        #expect(found.batch.sampleCount > 8 && found.batch.exemplars.count == 2)
    }

    @Test("delta metrics are refused and counted by their points")
    func delta() throws {
        let body = #"""
            {"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"d","sum":{"isMonotonic":true,
              "aggregationTemporality":1,"dataPoints":[{"asInt":1},{"asInt":2},{"asInt":3}]}}]}]}]}
            """#
        let decoded = try OTLPMetrics.decode(json: Array(body.utf8))
        #expect(decoded.rejections.map(\.reason) == [.unsupportedTemporality])
        #expect(decoded.rejectedCount == 3 && decoded.batch.sampleCount == 0)
    }

    @Test("an error deep inside tells its offset in the body")
    func offsets() {
        let body = Array(
            #"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":?"#
                .utf8)
        #expect(
            throws: DecodeError.malformed(
                field: "JSON", offset: body.count - 1, reason: "expected a value, found '?'")
        ) { try OTLPMetrics.decode(json: body) }
        let wrong = Array(
            #"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"flags":-1}]}}]}]}]}"#
                .utf8)
        #expect(
            throws: DecodeError.malformed(
                field: "flags", offset: 84, reason: "expected an unsigned 64-bit integer")
        ) { try OTLPMetrics.decode(json: wrong) }
    }
}
