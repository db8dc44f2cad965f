import Platform
import Telemetry

/// Seeded telemetry with few distinct names, so that predicates hit, and with what goes wrong in life:
/// duplicates, late items, several days.
struct Generator {
    let random: SeededRandom
    let start: Int64 = 1_795_255_200_000_000_000

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    func below(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

    private func value() -> AttributeValue {
        switch below(7) {
        case 0: .string("v\(below(5))")
        case 1: .int(Int64(below(5)) - 2)
        case 2: .bool(below(2) == 0)
        case 3: .double(Double(below(8)) / 4)
        case 4: .array([.int(Int64(below(3))), .string("x")])
        case 5: .map([Attribute("k", .int(Int64(below(3))))])
        default: .bytes([UInt8(below(256)), 0])
        }
    }

    private func attributes() -> [Attribute] {
        (0..<below(5)).map { _ in Attribute("key\(below(4))", value()) }
    }

    private func resource() -> Resource {
        Resource(
            attributes: [
                Attribute(SemanticKey.serviceName, .string("service-\(below(3))")),
                Attribute("zone", .string("z\(below(2))")),
            ], schemaURL: below(2) == 0 ? "" : "https://example.test/schema")
    }

    func spans() -> SpanBatch {
        var batch = SpanBatch()
        for _ in 0..<(1 + below(3)) {
            let resource = batch.append(resource())
            let scope = batch.append(Scope(name: "scope\(below(2))", version: "1"))
            for _ in 0..<(1 + below(12)) {
                var span = SpanRecord(
                    traceID: TraceID(high: 9, low: UInt64(1 + below(15))),
                    spanID: SpanID(UInt64(1 + below(400))), name: "operation \(below(4))",
                    start: Timestamp(nanoseconds: start + Int64(below(1_000_000_000))),
                    duration: Int64(below(1_000)))
                span.kind = SpanKind.allCases[below(6)]
                span.status = SpanStatus.allCases[below(3)]
                span.parentID = SpanID(UInt64(below(400)))
                span.attributes = attributes()
                span.traceState = below(4) == 0 ? "a=b" : ""
                span.events = (0..<below(2)).map { _ in
                    SpanEvent(time: span.start, name: "event", attributes: attributes())
                }
                span.links = (0..<below(2)).map { _ in
                    SpanLink(traceID: TraceID(high: 1, low: 2), spanID: SpanID(3))
                }
                batch.append(span, resource: resource, scope: scope)
            }
        }
        return batch
    }

    func logs() -> LogBatch {
        var batch = LogBatch()
        for _ in 0..<(1 + below(2)) {
            let resource = batch.append(resource())
            let scope = batch.append(Scope())
            for _ in 0..<(1 + below(10)) {
                var record = LogRecord(
                    time: Timestamp(nanoseconds: start + Int64(below(1_000_000_000))),
                    observedTime: Timestamp(nanoseconds: start + Int64(below(1_000))),
                    body: below(3) == 0 ? .empty : .string("line \(below(1_000_000))"))
                record.severityNumber = UInt8(below(25))
                record.attributes = attributes()
                if below(2) == 0 {
                    record.traceID = TraceID(high: 9, low: UInt64(1 + below(15)))
                    record.spanID = SpanID(UInt64(1 + below(400)))
                }
                batch.append(record, resource: resource, scope: scope)
            }
        }
        return batch
    }

    func metrics() -> MetricBatch {
        var batch = MetricBatch()
        for _ in 0..<(1 + below(6)) {
            let series = batch.append(
                Labels([
                    "__name__": "metric_\(below(3))", "job": "job-\(below(3))",
                    "code": below(3) == 0 ? "" : "\(200 + below(3))",
                ]))
            for _ in 0..<(1 + below(8)) {
                // Around midnight: two partitions.
                let time = 1_795_219_200_000 + (Int64(below(400)) - 200) * 15_000
                let value =
                    below(20) == 0
                    ? Sample.staleMarker : Double(below(1_000)) / Double(1 + below(3))
                batch.append(series: series, time: time, value: value)
            }
        }
        if below(4) == 0 {
            var histogram = NativeHistogram(schema: 3)
            histogram.count = 4
            histogram.sum = Double(below(100))
            histogram.positiveSpans = [NativeHistogram.Span(offset: 1, length: 2)]
            histogram.positiveCounts = [1, 3]
            let series = batch.append(Labels(["__name__": "histogram", "job": "job-\(below(2))"]))
            batch.histograms.append(
                HistogramSample(
                    series: series, time: 1_795_219_200_000 + Int64(below(10)) * 60_000,
                    histogram: histogram))
        }
        if below(3) == 0 {
            batch.metadata.append(
                MetricMetadata(
                    family: "metric_\(below(3))", type: .counter, help: "help \(below(2))"))
        }
        return batch
    }
}
