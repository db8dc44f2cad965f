import Telemetry
import Testing
import WireFormats

/// Log records and metrics in OTLP's JSON encoding; spans are in `OTLPJSONTests`.
@Suite("OTLP/JSON, written")
struct OTLPJSONEncodingTests {
    private let receivedAt = Timestamp(seconds: 1_763_700_009)

    @Test("log records written are log records read")
    func logs() throws {
        let batch = SampleTelemetry.logs
        let json = OTLPLogs.encodeJSON(batch)
        let read = try OTLPLogs.decode(json: json, receivedAt: receivedAt)
        #expect(read.rejections.isEmpty && read.ignoredFields == 0 && read.repairedStrings == 0)
        let expected = try OTLPLogs.decode(
            protobuf: OTLPLogs.encode(batch), receivedAt: receivedAt)
        #expect(NeutralDump.logs(read.batch) == NeutralDump.logs(expected.batch))
        for row in 0..<batch.count {
            #expect(read.batch.record(at: row) == batch.record(at: row))
        }
    }

    @Test("a log record is written as the Collector's file exporter writes it")
    func form() {
        var batch = LogBatch()
        let resource = batch.append(Resource(attributes: [Attribute("service.name", .string("s"))]))
        let scope = batch.append(Scope(name: "lib"))
        var record = LogRecord(
            time: Timestamp(nanoseconds: 1_763_700_000_000_000_001),
            observedTime: Timestamp(nanoseconds: 1_763_700_000_000_000_002),
            body: .string("line \"1\""))
        record.severityNumber = 9
        record.traceID = SampleTelemetry.traceID
        record.spanID = SampleTelemetry.spanID
        batch.append(record, resource: resource, scope: scope)
        let expected =
            #"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":"#
            + #"{"stringValue":"s"}}]},"scopeLogs":[{"scope":{"name":"lib"},"logRecords":[{"#
            + #""timeUnixNano":"1763700000000000001","observedTimeUnixNano":"1763700000000000002","#
            + #""severityNumber":9,"body":{"stringValue":"line \"1\""},"attributes":[],"#
            + #""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}]}]}]}"#
        #expect(String(decoding: OTLPLogs.encodeJSON(batch), as: UTF8.self) == expected)
    }

    @Test("metrics written as JSON read as those written as protobuf")
    func metrics() throws {
        let metrics = [SampleTelemetry.exportMetrics]
        let read = try OTLPMetrics.decode(json: OTLPMetrics.encodeJSON(metrics))
        #expect(read.rejections.isEmpty && read.ignoredFields == 0)
        let expected = try OTLPMetrics.decode(protobuf: OTLPMetrics.encode(metrics))
        #expect(read.batch.sampleCount == 10)
        #expect(NeutralDump.metrics(read) == NeutralDump.metrics(expected))
    }

    @Test(
        "a value reads back to its last bit",
        arguments: [
            0.0, -0.0, 1.5, .pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity,
            -.infinity, .nan,
            9_007_199_254_740_992, -1e-7,
        ])
    func values(value: Double) throws {
        let metrics = ExportMetrics(
            resource: Resource(), scope: Scope(),
            metrics: [
                ExportMetric(
                    name: "m",
                    data: .gauge([
                        ExportNumberPoint(
                            attributes: [], time: SampleTelemetry.time, value: .double(value))
                    ]))
            ])
        let read = try OTLPMetrics.decode(json: OTLPMetrics.encodeJSON([metrics])).batch
        #expect(read.sampleValues.map(\.bitPattern) == [value.bitPattern])
    }
}
