import Telemetry
import WireFormats

/// One entry of `scrape_configs`: where targets come from and how they are scraped.
package struct ScrapeJob: Sendable {
    package var name: String
    /// Milliseconds.
    package var interval: Int64
    /// Milliseconds; at most `interval`.
    package var timeout: Int64
    package var protocols: [ScrapeProtocol]
    /// How an answer is read whose content type says nothing; `nil` fails the scrape.
    package var fallback: ScrapeProtocol?
    package var scheme = "http"
    package var metricsPath = "/metrics"
    package var parameters: [(name: String, values: [String])] = []
    package var honorsLabels = false
    package var honorsTimestamps = true
    package var tracksTimestampStaleness = false
    package var keepsClassicHistograms = false
    /// Whether its bounds and the size of the answer are stored with each scrape.
    package var reportsExtra = false
    package var asksForGzip = true
    package var followsRedirects = true
    package var access = ScrapeAccess()
    package var limits = ScrapeLimits()
    package var targetRules: [RelabelRule] = []
    package var metricRules: [RelabelRule] = []
    package var sources: [TargetSource] = []
    /// As it was written, without secrets; "" if it was not read from a file.
    package var yaml = ""
    /// Fields that are understood, but do nothing here.
    package var ignored: [String] = []

    package init(name: String, interval: Int64, timeout: Int64) {
        self.name = name
        self.interval = interval
        self.timeout = timeout
        protocols = ScrapeProtocol.standard
    }
}

/// Formats that are asked for, in Prometheus's words.
package enum ScrapeProtocol: String, Sendable, CaseIterable {
    case protobuf = "PrometheusProto"
    case openMetrics1 = "OpenMetricsText1.0.0"
    case openMetrics0 = "OpenMetricsText0.0.1"
    case text1 = "PrometheusText1.0.0"
    case text0 = "PrometheusText0.0.4"

    package static let standard: [ScrapeProtocol] = [.openMetrics1, .openMetrics0, .text1, .text0]

    package var format: Exposition.Format {
        switch self {
        case .protobuf: .protobuf
        case .openMetrics1, .openMetrics0: .openMetrics
        case .text1, .text0: .text
        }
    }

    private var mediaType: String {
        switch self {
        case .protobuf:
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily"
                + ";encoding=delimited"
        case .openMetrics1: "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"
        case .openMetrics0: "application/openmetrics-text;version=0.0.1"
        case .text1: "text/plain;version=1.0.0;escaping=allow-utf-8"
        case .text0: "text/plain;version=0.0.4"
        }
    }

    /// The `Accept` header for formats in order of preference.
    package static func accept(_ protocols: [ScrapeProtocol]) -> String {
        var weight = 6
        var parts = protocols.prefix(5).map { format in
            defer { weight -= 1 }
            return "\(format.mediaType);q=0.\(weight)"
        }
        parts.append("*/*;q=0.1")
        return parts.joined(separator: ",")
    }
}

/// How a target is reached, and what it is shown before it answers.
package struct ScrapeAccess: Sendable, Hashable {
    /// Where a secret comes from. Files are read at every scrape, so that it can be renewed.
    package enum Secret: Sendable, Hashable {
        case text(String)
        case file(String)
    }

    package enum Method: Sendable, Hashable {
        case none
        case basic(user: Secret, password: Secret)
        /// `Authorization: TYPE CREDENTIALS`.
        case header(type: String, credentials: Secret)
        case oauth(ScrapeOAuth)
    }

    package var method = Method.none
    /// Sent besides, by name.
    package var headers: [String: [Secret]] = [:]
    package var tls: ScrapeTLS?
    package var proxy: ScrapeProxy?
    /// Who is asked without the proxy.
    package var directHosts = ScrapeProxyExceptions()

    package init() {}
}

/// Bounds of one scrape; 0 is none. What lies beyond is left out and told, the rest is kept.
package struct ScrapeLimits: Sendable, Hashable {
    /// Of an expanded body, where a job sets none. Large targets expose a few MiB.
    package static let bodyBytesStandard = 64 << 20

    package var bodyBytes = 0
    package var samples = 0
    package var labels = 0
    package var labelNameBytes = 0
    package var labelValueBytes = 0
    package var targets = 0

    package init() {}
}

/// Some targets with the labels that they share.
package struct TargetGroup: Sendable, Hashable {
    /// `HOST:PORT`.
    package var targets: [String]
    package var labels: [String: String]

    package init(targets: [String], labels: [String: String] = [:]) {
        self.targets = targets
        self.labels = labels
    }
}

/// Where targets come from.
package enum TargetSource: Sendable, Hashable {
    case fixed([TargetGroup])
    /// Files that match globs, re-read at least every `interval` milliseconds.
    case files(patterns: [String], interval: Int64)
    case http(url: String, access: ScrapeAccess, interval: Int64)
    case dns(names: [String], port: Int, isIPv6: Bool, interval: Int64)
    /// Records that name hosts; `port` where they do not name one too.
    case records(DNSRecordKind, names: [String], port: Int, interval: Int64)
    case pods(PodSource)
}
