import Foundation
import Glibc
import HTTPServer
import Journal
import Notifier
import Pipeline
import PromQL
import SQLiteStore
import WireFormats
import Yams

/// Everything that `sidelight serve` is told, after flags, environment, file and defaults were put
/// together.
struct ServeConfiguration: Sendable {
    var data: String
    var listen: ListenAddress
    /// `nil`: turned off.
    var otlpGRPC: ListenAddress?
    var otlpHTTP: ListenAddress?
    var zipkin: ListenAddress?
    var jaegerHTTP: ListenAddress?
    var jaegerGRPC: ListenAddress?
    var jaegerQueryGRPC: ListenAddress?
    var xray: ListenAddress?
    var sampling: ListenAddress?
    /// Jaeger's file of sampling strategies.
    var samplingStrategies: String?
    /// File of the policies that say which traces stay; `nil` keeps all.
    var samplingPolicies: String?
    /// `nil`: no bound.
    var traceBytesMax: Int?
    var logBytesMax: Int?
    var metricBytesMax: Int?
    var statsD: ListenAddress?
    /// How OTLP metrics become series.
    var otlpTranslation = OTLPTranslation()
    /// File with `scrape_configs`; `nil` scrapes nothing.
    var scrapeConfig: String?
    /// File that gets a line for every query; `nil` logs none.
    var queryLog: String?
    /// Of PromQL, which are on.
    var features: Set<PromQLFeature>
    /// All settings by name, as they are in force.
    var settings: [(name: String, value: String)] = []
    var logs: LogConfiguration
    /// `nil`: nothing is derived from spans.
    var spanMetrics: SpanMetricNaming?
    /// Nanoseconds between samples derived from spans.
    var spanMetricsInterval: Int64
    /// Whose access logs are counted; `nil`: nobody's.
    var accessLogMetrics: AccessLogServices?
    var rules: [String]
    /// Specifications of objectives.
    var slos: [String]
    var webhooks: [String]
    /// Alertmanager's configuration file; `nil` tells nobody but the webhooks.
    var alertmanagerConfig: String?
    /// Whether receivers may run commands.
    var allowsExecReceivers: Bool
    /// Whether requests may reload and end the server.
    var hasLifecycle: Bool
    /// Who is told every minute that all is well.
    var heartbeatURL: String?
    /// Nanoseconds, per signal.
    var traceRetention: Int64
    var logRetention: Int64
    var metricRetention: Int64
    /// Summaries of samples that are kept beside and after them.
    var downsampling: [MetricRollup]
    var durability: Durability
    var tokenFile: String?
    var isInsecureAllowed: Bool
    /// Whether samples may be deleted and copied over HTTP.
    var isAdminAllowed: Bool
    var externalURL: String?
    /// On every alert that is told, unless it has a label of the name.
    var externalLabels: [String: String]
    /// Nanoseconds between evaluations of rule groups that name none.
    /// Series of a metric that are kept apart on one target.
    var seriesPerTarget: Int
    var evaluationInterval: Int64
    var logLevel: String

    init(_ settings: Settings) throws {
        data = try settings.string("data", default: "sidelight-data")
        listen = try ServeConfiguration.address(settings, "listen", "127.0.0.1:7070")
        otlpGRPC = try ServeConfiguration.listener(settings, "otlp-grpc", "127.0.0.1:4317")
        otlpHTTP = try ServeConfiguration.listener(settings, "otlp-http", "127.0.0.1:4318")
        zipkin = try ServeConfiguration.listener(settings, "zipkin", "127.0.0.1:9411")
        jaegerHTTP = try ServeConfiguration.listener(settings, "jaeger-http", "off")
        jaegerGRPC = try ServeConfiguration.listener(settings, "jaeger-grpc", "off")
        jaegerQueryGRPC = try ServeConfiguration.listener(settings, "jaeger-query-grpc", "off")
        xray = try ServeConfiguration.listener(settings, "xray", "off")
        sampling = try ServeConfiguration.listener(settings, "sampling", "off")
        samplingStrategies = try settings.optional("sampling-strategies")
        samplingPolicies = try settings.optional("sampling-policies")
        traceBytesMax = try ServeConfiguration.byteCount(settings, "retention-bytes-traces")
        logBytesMax = try ServeConfiguration.byteCount(settings, "retention-bytes-logs")
        metricBytesMax = try ServeConfiguration.byteCount(settings, "retention-bytes-metrics")
        statsD = try ServeConfiguration.listener(settings, "statsd", "off")
        otlpTranslation = try ServeConfiguration.otlpTranslation(settings)
        scrapeConfig = try settings.optional("scrape-config")
        queryLog = try settings.optional("query-log")
        features = try ServeConfiguration.features(settings)
        logs = try LogConfiguration(settings)
        spanMetrics = try ServeConfiguration.spanMetrics(settings)
        spanMetricsInterval = try settings.duration("span-metrics-interval", default: "15s")
        accessLogMetrics = try ServeConfiguration.accessLogMetrics(settings)
        rules = try settings.list("rules")
        slos = try settings.list("slos")
        webhooks = try settings.list("webhook", shownAs: ServeConfiguration.shownAddress)
        for (index, webhook) in webhooks.enumerated()
        where !webhook.hasPrefix("http://") && !webhook.hasPrefix("https://") {
            throw try settings.mistake(
                "webhook", expected: "http:// or https:// URLs, which webhook \(index + 1) is not",
                isSecret: true)
        }
        alertmanagerConfig = try settings.optional("alertmanager-config")
        allowsExecReceivers = try settings.flag("allow-exec-receivers")
        hasLifecycle = try settings.flag("enable-lifecycle")
        heartbeatURL = try settings.optional(
            "heartbeat-url", shownAs: ServeConfiguration.shownAddress)
        let retention = try settings.string("retention", default: "30d")
        // Named as what it is, not as what it is the default of.
        _ = try settings.duration("retention", default: retention)
        traceRetention = try settings.duration("retention-traces", default: retention)
        logRetention = try settings.duration("retention-logs", default: retention)
        metricRetention = try settings.duration("retention-metrics", default: retention)
        downsampling = try ServeConfiguration.downsampling(settings)
        seriesPerTarget = try ServeConfiguration.seriesPerTarget(settings)
        let durabilityName = try settings.string("durability", default: "process")
        guard let durability = Durability(rawValue: durabilityName) else {
            throw try settings.mistake("durability", expected: "process or power")
        }
        self.durability = durability
        tokenFile = try settings.optional("token-file")
        isInsecureAllowed = try settings.flag("insecure")
        isAdminAllowed = try settings.flag("enable-admin-api")
        externalURL = try settings.optional("external-url")
        externalLabels = try ServeConfiguration.labels(try settings.list("external-label"))
        evaluationInterval = try settings.duration("evaluation-interval", default: "15s")
        logLevel = try settings.string("log-level", default: "info")
        try settings.refuseUnknown()
        self.settings = settings.resolved.map { ($0.name, $0.value) }
    }

    /// An address of a receiver without what may be secret in it: its path, query, name and password.
    private static func shownAddress(_ text: String) -> String {
        do throws(WebhookURL.Invalid) {
            return try WebhookURL(text).description
        } catch {
            return "<secret>"
        }
    }

    /// Where people reach this server, without a slash at the end: what `external-url` says, else the main
    /// port, under the machine's name if it is bound to all addresses.
    var publicURL: String {
        if let externalURL {
            return String(externalURL.reversed().drop { $0 == "/" }.reversed())
        }
        guard ["0.0.0.0", "::"].contains(listen.host) else { return "http://\(listen)" }
        guard let name = Self.hostname else { return "http://\(listen)" }
        return "http://\(name):\(listen.port)"
    }

    /// The name of this machine.
    static var hostname: String? {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return nil }
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func downsampling(_ settings: Settings) throws -> [MetricRollup] {
        let text = try settings.string("downsample", default: "off")
        if text == "off" { return [] }
        var rollups: [MetricRollup] = []
        for entry in text.split(separator: ",") {
            let parts = entry.split(separator: ":").map { DurationText.nanoseconds(String($0)) }
            guard parts.count == 2, let interval = parts[0], let retention = parts[1],
                let rollup = MetricRollup(interval: interval / 1_000_000, retention: retention),
                !rollups.contains(where: { $0.interval == rollup.interval })
            else {
                throw try settings.mistake(
                    "downsample",
                    expected: "INTERVAL:DURATION,… such as 5m:90d,1h:1y, intervals being whole "
                        + "minutes that divide a day")
            }
            rollups.append(rollup)
        }
        return rollups
    }

    private static func seriesPerTarget(_ settings: Settings) throws -> Int {
        let text = try settings.string("series-per-target", default: "100000")
        guard let count = Int(text), count > 0 else {
            throw try settings.mistake("series-per-target", expected: "a number of series")
        }
        return count
    }

    /// A number of bytes, or of KB … TB.
    private static func byteCount(_ settings: Settings, _ name: String) throws -> Int? {
        guard let text = try settings.optional(name) else { return nil }
        let units: [(String, Int)] = [
            ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ]
        let unit = units.first { text.hasSuffix($0.0) }
        if let number = Int(text.dropLast(unit?.0.count ?? 0)), number > 0 {
            let (bytes, overflow) = number.multipliedReportingOverflow(by: unit?.1 ?? 1)
            if !overflow { return bytes }
        }
        throw try settings.mistake(name, expected: "a number of bytes such as 20GB")
    }

    private static func otlpTranslation(_ settings: Settings) throws -> OTLPTranslation {
        var translation = OTLPTranslation()
        let name = try settings.string(
            "otlp-translation-strategy", default: translation.strategy.rawValue)
        guard let strategy = OTLPTranslation.Strategy(rawValue: name) else {
            let known = OTLPTranslation.Strategy.allCases.map(\.rawValue)
            throw try settings.mistake(
                "otlp-translation-strategy", expected: "one of " + known.joined(separator: ", "))
        }
        translation.strategy = strategy
        let promoted = try settings.list("otlp-promote-attribute")
        translation.promoted = promoted.contains("*") ? .all : .only(Set(promoted))
        return translation
    }

    private static func features(_ settings: Settings) throws -> Set<PromQLFeature> {
        var features = Set(PromQLFeature.allCases)
        for name in try settings.list("disable-feature") {
            guard let feature = PromQLFeature(rawValue: name) else {
                let known = PromQLFeature.allCases.map(\.rawValue).joined(separator: ", ")
                throw try settings.mistake("disable-feature", expected: "one of \(known)")
            }
            features.remove(feature)
        }
        return features
    }

    private static func spanMetrics(_ settings: Settings) throws -> SpanMetricNaming? {
        let text = try settings.string("span-metrics", default: "tempo")
        if text == "off" { return nil }
        guard let naming = SpanMetricNaming(rawValue: text) else {
            throw try settings.mistake("span-metrics", expected: "tempo, otel or off")
        }
        return naming
    }

    private static func accessLogMetrics(_ settings: Settings) throws -> AccessLogServices? {
        let text = try settings.string("access-log-metrics", default: "off")
        if text == "off" { return nil }
        guard let services = AccessLogServices(text) else {
            throw try settings.mistake("access-log-metrics", expected: "SERVICE,…, * or off")
        }
        return services
    }

    static func address(
        _ settings: Settings, _ name: String, _ standard: String
    ) throws -> ListenAddress {
        let text = try settings.string(name, default: standard)
        guard let address = ListenAddress(text) else {
            let example = standard == "off" ? "127.0.0.1:14268, or off" : standard
            throw try settings.mistake(name, expected: "HOST:PORT such as \(example)")
        }
        return address
    }

    static func listener(
        _ settings: Settings, _ name: String, _ standard: String
    ) throws -> ListenAddress? {
        if try settings.string(name, default: standard) == "off" { return nil }
        return try address(settings, name, standard)
    }
}
