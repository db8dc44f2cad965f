import Telemetry

extension OTLPMetrics {
    private static let cumulative: UInt64 = 2

    /// An `ExportMetricsServiceRequest`.
    package static func encode(_ metrics: [ExportMetrics]) -> [UInt8] {
        var writer = ProtobufWriter(capacity: 4_096)
        for group in metrics {
            writer.message(1) { envelope in
                envelope.message(1) { $0.resource(group.resource) }
                envelope.message(2) { envelope in
                    envelope.message(1) { $0.scope(group.scope) }
                    for metric in group.metrics {
                        envelope.message(2) { encode(metric, &$0) }
                    }
                    envelope.string(3, group.scope.schemaURL)
                }
                envelope.string(3, group.resource.schemaURL)
            }
        }
        return writer.bytes
    }

    private static func encode(_ metric: ExportMetric, _ writer: inout ProtobufWriter) {
        writer.string(1, metric.name)
        writer.string(2, metric.description)
        writer.string(3, metric.unit)
        switch metric.data {
        case .gauge(let points):
            writer.message(5) { data in
                for point in points { data.message(1) { encode(point, &$0) } }
            }
        case .sum(let points, let isMonotonic):
            writer.message(7) { data in
                for point in points { data.message(1) { encode(point, &$0) } }
                data.varint(2, cumulative)
                data.varint(3, isMonotonic ? 1 : 0)
            }
        case .histogram(let points):
            writer.message(9) { data in
                for point in points { data.message(1) { encode(point, &$0) } }
                data.varint(2, cumulative)
            }
        }
    }

    private static func encode(_ point: ExportNumberPoint, _ writer: inout ProtobufWriter) {
        writer.time(2, point.start)
        writer.time(3, point.time)
        if case .double(let value) = point.value { writer.presentDouble(4, value) }
        for exemplar in point.exemplars { writer.message(5) { encode(exemplar, &$0) } }
        if case .int(let value) = point.value {
            writer.presentFixed64(6, UInt64(bitPattern: value))
        }
        writer.attributes(7, point.attributes)
    }

    private static func encode(_ point: ExportHistogramPoint, _ writer: inout ProtobufWriter) {
        writer.time(2, point.start)
        writer.time(3, point.time)
        writer.fixed64(4, point.count)
        writer.presentDouble(5, point.sum)
        writer.packedFixed64(6, point.bucketCounts)
        writer.packedDoubles(7, point.bounds)
        for exemplar in point.exemplars { writer.message(8) { encode(exemplar, &$0) } }
        writer.attributes(9, point.attributes)
    }

    private static func encode(_ exemplar: ExportExemplar, _ writer: inout ProtobufWriter) {
        writer.time(2, exemplar.time)
        writer.presentDouble(3, exemplar.value)
        writer.spanID(4, exemplar.spanID)
        writer.traceID(5, exemplar.traceID)
    }
}
