/// Under whose names span metrics are kept: dashboards look for one or the other.
package enum SpanMetricNaming: String, Sendable, CaseIterable {
    /// `traces_spanmetrics_…`, seconds, as Grafana Tempo's metrics generator writes them.
    case tempo
    /// `traces_span_metrics_…`, milliseconds, as OpenTelemetry's span metrics connector writes them.
    case openTelemetry = "otel"

    var calls: String {
        self == .tempo ? "traces_spanmetrics_calls_total" : "traces_span_metrics_calls_total"
    }

    var latency: String {
        self == .tempo ? "traces_spanmetrics_latency" : "traces_span_metrics_duration_milliseconds"
    }

    /// Only Tempo has one.
    var size: String? { self == .tempo ? "traces_spanmetrics_size_total" : nil }

    var serviceLabel: String { self == .tempo ? "service" : "service_name" }

    /// Nanoseconds in the unit of the histogram.
    var unitNanoseconds: Double { self == .tempo ? 1e9 : 1e6 }

    /// Upper bounds of the latency histogram in its unit, as both write them by default.
    var bounds: [Double] {
        switch self {
        case .tempo:
            [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.02, 2.05, 4.10]
        case .openTelemetry:
            [
                2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1_000, 1_400, 2_000, 5_000, 10_000, 15_000,
            ]
        }
    }
}

/// Tells series that are counted from spans.
package enum DerivedSeriesName {
    /// - Parameter name: of a metric; histograms have `_bucket` and so on behind theirs.
    package static func isOfSpans(_ name: String) -> Bool {
        ["traces_spanmetrics_", "traces_span_metrics_", "traces_service_graph_"].contains {
            name.hasPrefix($0)
        }
    }
}

/// Names of the service graph, the same from Tempo and from OpenTelemetry's connector.
enum ServiceGraphName {
    static let requests = "traces_service_graph_request_total"
    static let failed = "traces_service_graph_request_failed_total"
    static let server = "traces_service_graph_request_server_seconds"
    static let client = "traces_service_graph_request_client_seconds"
    static let messaging = "traces_service_graph_request_messaging_system_seconds"
    static let unpaired = "traces_service_graph_unpaired_spans_total"
    static let dropped = "traces_service_graph_dropped_spans_total"

    /// Seconds; Tempo's default.
    static let bounds: [Double] = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8]
}

/// How far span metrics and the service graph may grow. What exceeds a limit is counted under
/// `__overflow__`, never lost.
package struct DerivationLimits: Sendable {
    /// Combinations of service, span name, kind and status; each is some 17 series.
    package var groupsMax = 8_192
    /// Of one service, so that one with ids in its span names does not hide the others.
    package var groupsOfServiceMax = 2_048
    /// Combinations under an overflowing name, beyond `groupsMax`.
    package var overflowGroupsMax = 1_024
    /// Services and their peers in the service graph.
    package var servicesMax = 16_384
    package var edgesMax = 4_096
    /// Longer names of services and spans count as too many: they would be in every series and answer.
    package var nameBytesMax = 1_024
    /// Spans that wait for the other side of their call, 80 bytes each; beyond it the oldest is given up.
    package var halvesMax = 131_072
    /// How long a span waits for the other side of its call.
    package var waitNanoseconds: Int64 = 10_000_000_000

    package init() {}

    package static let overflow = "__overflow__"
}
