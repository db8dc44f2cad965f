import Telemetry
import WireFormats

/// Bodies that receivers are sent.
enum Samples {
    static func spans(
        _ count: Int, start: Timestamp = TestBed.now, name: String = "GET /cart"
    ) -> SpanBatch {
        var batch = SpanBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string("cart"))]))
        let scope = batch.append(Scope(name: "tests"))
        for index in 0..<count {
            var span = SpanRecord(
                traceID: TraceID(high: 7, low: UInt64(index + 1)),
                spanID: SpanID(UInt64(index + 1)), name: name, start: start, duration: 1_000)
            span.attributes = [Attribute("http.response.status_code", .int(200))]
            batch.append(span, resource: resource, scope: scope)
        }
        return batch
    }

    static func logs(_ count: Int, time: Timestamp = TestBed.now) -> LogBatch {
        var batch = LogBatch()
        let resource = batch.append(
            Resource(attributes: [Attribute(SemanticKey.serviceName, .string("cart"))]))
        let scope = batch.append(Scope(name: "tests"))
        for index in 0..<count {
            batch.append(
                LogRecord(
                    time: time.advanced(byNanoseconds: -1), observedTime: time,
                    body: .string("line \(index)")),
                resource: resource, scope: scope)
        }
        return batch
    }

    static func samples(_ count: Int, time: Int64 = TestBed.now.milliseconds) -> MetricBatch {
        var batch = MetricBatch()
        for index in 0..<count {
            let series = batch.append(
                Labels(["__name__": "requests_total", "instance": "i\(index)"]))
            batch.append(series: series, time: time, value: Double(index))
        }
        return batch
    }

    /// An `ExportMetricsServiceRequest` with one gauge point.
    static func otlpMetrics(time: Timestamp = TestBed.now) -> [UInt8] {
        OTLPMetrics.encode([
            ExportMetrics(
                resource: Resource(
                    attributes: [Attribute(SemanticKey.serviceName, .string("cart"))]),
                scope: Scope(name: "tests"),
                metrics: [
                    ExportMetric(
                        name: "queue.length",
                        data: .gauge([
                            ExportNumberPoint(
                                attributes: [], start: time, time: time, value: .int(4))
                        ]))
                ])
        ])
    }

    /// Both spans are good but for the first one's trace id, which is all zero.
    static func spansWithZeroTraceID() -> SpanBatch {
        var batch = spans(2)
        batch.traceIDs[0] = .invalid
        return batch
    }
}
