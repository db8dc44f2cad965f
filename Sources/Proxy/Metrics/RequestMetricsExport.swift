import Telemetry
import WireFormats

/// Request series as OTLP metrics, cumulative since the proxy's start.
///
/// The receiver names series by Prometheus' rules, which add `_total` to monotonic sums and the unit to
/// whatever has one. So the sum is called `istio_requests` and nothing has a unit: what is stored is
/// `istio_requests_total`, `istio_request_duration_milliseconds_bucket` and so on, exactly Istio's.
enum RequestMetricsExport {
    static func metrics(
        _ series: [RequestSeries], workload: ProxyConfiguration.Workload, start: Timestamp,
        now: Timestamp
    ) -> ExportMetrics {
        let requests = ExportMetric(
            name: "istio_requests", description: "Requests.",
            data: .sum(
                series.map { one in
                    ExportNumberPoint(
                        attributes: attributes(one), start: start, time: now,
                        value: .int(Int64(clamping: one.count)))
                }, isMonotonic: true))
        func histogram(
            _ name: String, _ value: KeyPath<RequestSeries, RequestHistogram>
        ) -> ExportMetric {
            let points = series.map { one in
                ExportHistogramPoint(
                    attributes: attributes(one), start: start, time: now,
                    sum: one[keyPath: value].sum, bounds: RequestHistogram.bounds,
                    bucketCounts: one[keyPath: value].counts)
            }
            return ExportMetric(name: name, data: .histogram(points))
        }
        return ExportMetrics(
            resource: ProxyTelemetry.resource(workload), scope: ProxyTelemetry.scope,
            metrics: [
                requests, histogram("istio_request_duration_milliseconds", \.duration),
                histogram("istio_request_bytes", \.requestBytes),
                histogram("istio_response_bytes", \.responseBytes),
            ])
    }

    private static func attributes(_ series: RequestSeries) -> [Attribute] {
        series.labels.map { Attribute($0.name, .string($0.value)) }
    }
}
