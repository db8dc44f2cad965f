import Telemetry

/// Turns totals of access logs into samples under the names and labels that Istio's proxies and the bundled
/// proxy use (istio.io/latest/docs/reference/config/metrics). What a row does not tell is `unknown`.
struct AccessLogSamples {
    private var lastTime = Int64.min
    private var isDescribed = false

    /// - Returns: the samples, and how many groups have begun once they are stored.
    mutating func batch(
        of totals: AccessLogTotals, at now: Timestamp
    ) -> (samples: MetricBatch, begunCount: Int) {
        // After the arrival of what is counted, even if the clock was set back a little.
        let arrival = min(totals.latestArrival, now.advanced(byNanoseconds: 60_000_000_000))
        let time = max(now.milliseconds, arrival.milliseconds &+ 1, lastTime &+ 1)
        lastTime = time
        var writer = DerivedSeriesWriter(time: time)
        if !isDescribed { Self.describe(&writer) }
        let bounds = AccessLogValues.bounds.map(Self.text)
        for (index, group) in totals.groups.enumerated() {
            writer.startItem(
                labels: Self.labels(of: group.key),
                begin: index < totals.begunCount ? nil : group.begin)
            guard group.key.kind != .tcp else {
                Self.write(connections: group.values, to: &writer)
                continue
            }
            writer.counter("istio_requests_total", group.values.requests)
            for (name, histogram) in [
                ("istio_request_duration_milliseconds", group.values.duration),
                ("istio_request_bytes", group.values.received),
                ("istio_response_bytes", group.values.sent),
            ] {
                writer.histogram(
                    name, .init(counts: histogram.counts[...], sum: histogram.sum), bounds: bounds)
            }
        }
        return (writer.batch, totals.groups.count)
    }

    /// A row stands for a connection that has ended.
    private static func write(
        connections values: AccessLogValues, to writer: inout DerivedSeriesWriter
    ) {
        writer.counter("istio_tcp_connections_opened_total", values.requests)
        writer.counter("istio_tcp_connections_closed_total", values.requests)
        writer.counter("istio_tcp_sent_bytes_total", UInt64(clamping: Int64(values.sent.sum)))
        writer.counter(
            "istio_tcp_received_bytes_total", UInt64(clamping: Int64(values.received.sum)))
    }

    mutating func noteStored() { isDescribed = true }

    private static func describe(_ writer: inout DerivedSeriesWriter) {
        writer.describe("istio_requests_total", .counter, "Requests.")
        writer.describe(
            "istio_request_duration_milliseconds", .histogram,
            "Duration of requests, milliseconds.")
        writer.describe("istio_request_bytes", .histogram, "Size of requests, bytes.")
        writer.describe("istio_response_bytes", .histogram, "Size of responses, bytes.")
        writer.describe("istio_tcp_connections_opened_total", .counter, "Connections opened.")
        writer.describe("istio_tcp_connections_closed_total", .counter, "Connections closed.")
        writer.describe(
            "istio_tcp_sent_bytes_total", .counter, "Bytes sent to clients over connections.")
        writer.describe(
            "istio_tcp_received_bytes_total", .counter,
            "Bytes received from clients over connections.")
    }

    /// As Prometheus writes a bound.
    private static func text(_ bound: Double) -> String {
        bound == bound.rounded() ? String(Int64(bound)) : "\(bound)"
    }

    /// Sorted by name.
    static func labels(of key: AccessLogFold.Key) -> [(name: String, value: String)] {
        let unknown = "unknown"
        let parts = key.cluster.split(separator: "|", omittingEmptySubsequences: false)
        // Envoy's clusters under Istio: DIRECTION|PORT|SUBSET|HOST.
        let isIstio = parts.count == 4 && (parts[0] == "inbound" || parts[0] == "outbound")
        let isInbound = isIstio && parts[0] == "inbound"
        let isNamed = !key.cluster.isEmpty && key.cluster != "-"
        let destination =
            isInbound ? key.service : isIstio ? String(parts[3]) : isNamed ? key.cluster : unknown
        let host = destination.split(separator: ".")
        let namespace = isIstio && !isInbound && host.count > 2 ? String(host[1]) : unknown
        let name = isIstio ? String(host.first ?? "unknown") : destination
        var labels = [
            ("reporter", isInbound ? "destination" : "source"),
            ("request_protocol", key.kind.rawValue),
            ("response_flags", key.flags.isEmpty ? "-" : key.flags),
            ("connection_security_policy", unknown), ("destination_service", destination),
            ("destination_service_name", name), ("destination_service_namespace", namespace),
        ]
        if key.kind != .tcp { labels.append(("response_code", String(key.code))) }
        if key.kind == .grpc { labels.append(("grpc_response_status", key.grpcStatus)) }
        let own = isInbound ? "destination" : "source"
        for side in ["source", "destination"] {
            let workload = side == own ? key.service : unknown
            for suffix in ["workload", "app", "canonical_service"] {
                labels.append(("\(side)_\(suffix)", workload))
            }
            for suffix in [
                "workload_namespace", "version", "canonical_revision", "principal", "cluster",
            ] {
                labels.append(("\(side)_\(suffix)", unknown))
            }
        }
        return labels.map { (name: $0.0, value: $0.1) }.sorted { $0.name < $1.name }
    }
}
