import Telemetry
import WireFormats

/// Small batches that use every column.
enum SampleTelemetry {
    static let time = Timestamp(nanoseconds: 1_763_700_000_000_000_000)
    static let traceID = TraceID(high: 0x0AF7_6519_16CD_43DD, low: 0x8448_EB21_1C80_319C)
    static let spanID = SpanID(0xB7AD_6B71_6920_3331)

    static let attributes = [
        Attribute("text", .string("größe")), Attribute("none", .empty),
        Attribute("flag", .bool(true)), Attribute("number", .int(-7)),
        Attribute("ratio", .double(0.25)), Attribute("raw", .bytes([0, 255])),
        Attribute("list", .array([.int(1), .string("b"), .array([.empty])])),
        Attribute("tree", .map([Attribute("leaf", .bool(false)), Attribute("", .double(-0.0))])),
    ]

    static var resource: Resource {
        Resource(
            attributes: [
                Attribute("service.name", .string("shop")), Attribute("zone", .string("a")),
            ],
            droppedAttributeCount: 2, schemaURL: "https://schema/1")
    }

    static var scope: Scope {
        Scope(
            name: "lib", version: "1.2", attributes: [Attribute("k", .int(1))],
            droppedAttributeCount: 1, schemaURL: "https://schema/2")
    }

    static var spans: SpanBatch {
        var batch = SpanBatch()
        let resources = [batch.append(resource), batch.append(Resource())]
        let scopes = [batch.append(scope), batch.append(Scope(name: "other"))]
        for index in 0..<4 {
            var span = SpanRecord(
                traceID: traceID, spanID: SpanID(UInt64(index + 1)), name: "GET /cart/\(index)",
                start: time.advanced(byNanoseconds: Int64(index)), duration: Int64(index) * 300)
            span.parentID = index == 0 ? .invalid : spanID
            span.kind = SpanKind.allCases[index]
            span.status = SpanStatus.allCases[index % 3]
            span.statusMessage = index == 2 ? "broken" : ""
            span.traceState = "a=\(index)"
            span.flags = 0x101
            span.attributes = index == 3 ? [] : attributes
            span.events = (0..<index).map {
                SpanEvent(
                    time: time, name: "event \($0)", attributes: attributes,
                    droppedAttributeCount: UInt32($0))
            }
            span.links = (0..<index).map {
                SpanLink(
                    traceID: traceID, spanID: spanID, traceState: "l", flags: 1,
                    attributes: [Attribute("n", .int(Int64($0)))], droppedAttributeCount: 3)
            }
            span.droppedAttributeCount = 4
            span.droppedEventCount = 5
            span.droppedLinkCount = 6
            batch.append(span, resource: resources[index / 2], scope: scopes[index % 2])
        }
        return batch
    }

    static var logs: LogBatch {
        var batch = LogBatch()
        let owner = batch.append(resource)
        let scope = batch.append(scope)
        for index in 0..<3 {
            var record = LogRecord(
                time: time, observedTime: time.advanced(byNanoseconds: 5),
                body: attributes[index * 3].value)
            record.severityNumber = UInt8(index * 9)
            record.severityText = "WARN"
            record.eventName = "event"
            record.traceID = index == 0 ? .invalid : traceID
            record.spanID = index == 0 ? .invalid : spanID
            record.flags = 1
            record.attributes = attributes
            record.droppedAttributeCount = 9
            batch.append(record, resource: owner, scope: scope)
        }
        return batch
    }

    static var exportMetrics: ExportMetrics {
        let labels = [Attribute("http.route", .string("/cart"))]
        let exemplar = ExportExemplar(time: time, value: 0.3, traceID: traceID, spanID: spanID)
        let start = Timestamp(nanoseconds: time.nanoseconds - 60_000_000_000)
        return ExportMetrics(
            resource: resource, scope: scope,
            metrics: [
                ExportMetric(
                    name: "requests", unit: "{request}", description: "Requests served",
                    data: .sum(
                        [
                            ExportNumberPoint(
                                attributes: labels, start: start, time: time, value: .int(42),
                                exemplars: [exemplar])
                        ], isMonotonic: true)),
                ExportMetric(
                    name: "in_flight", unit: "1",
                    data: .gauge([
                        ExportNumberPoint(attributes: [], time: time, value: .double(2.5))
                    ])),
                ExportMetric(
                    name: "queue.size",
                    data: .sum(
                        [
                            ExportNumberPoint(
                                attributes: labels, start: start, time: time, value: .int(-3))
                        ], isMonotonic: false)),
                ExportMetric(
                    name: "duration", unit: "s",
                    data: .histogram([
                        ExportHistogramPoint(
                            attributes: labels, start: start, time: time, sum: 1.75,
                            bounds: [0.005, 0.5, 1], bucketCounts: [1, 2, 0, 3],
                            exemplars: [exemplar])
                    ])),
            ])
    }
}

extension SampleTelemetry {
    static var nativeHistogram: NativeHistogram {
        var histogram = NativeHistogram(schema: 3)
        histogram.zeroThreshold = 1e-6
        histogram.zeroCount = 2
        histogram.count = 12.5
        histogram.sum = -4
        histogram.positiveSpans = [.init(offset: -2, length: 2), .init(offset: 3, length: 1)]
        histogram.positiveCounts = [1, 2.5, 4]
        histogram.negativeSpans = [.init(offset: 1, length: 1)]
        histogram.negativeCounts = [3]
        histogram.resetHint = .notReset
        return histogram
    }

    static var samples: MetricBatch {
        var batch = MetricBatch()
        let up = batch.append(Labels(["__name__": "up", "job": "größe", "zone": "a"]))
        let latency = batch.append(Labels(["Zone": "b", "__name__": "latency"]))
        batch.append(series: up, time: 1_763_700_000_000, value: 1)
        batch.append(series: up, time: -5, value: Sample.staleMarker)
        batch.append(series: latency, time: 7, value: .infinity)
        batch.histograms.append(
            HistogramSample(series: latency, time: 9, histogram: nativeHistogram))
        batch.exemplars.append(
            Exemplar(
                series: latency, time: 8, value: 0.5, labels: Labels(["trace_id": traceID.hex])))
        batch.metadata.append(
            MetricMetadata(family: "latency", type: .histogram, help: "How long", unit: "seconds"))
        return batch
    }
}

extension ProtobufWriter {
    /// A `bytes` field, also when empty.
    mutating func raw(_ field: UInt32, _ content: [UInt8]) {
        content.withUnsafeBytes { presentBytes(field, $0) }
    }
}
