import ArgumentParser
import Foundation
import Logging

/// `sidelight serve`: receives, keeps, shows and alerts.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Receive, keep, show and alert.",
        discussion: """
            Every flag can also be given as an environment variable (--otlp-http is \
            SIDELIGHT_OTLP_HTTP) or as a key of the YAML file given by --config (otlp-http). A flag \
            wins over the environment, that over the file.

            When every listener is open, one line "ready http://HOST:PORT" goes to standard error. \
            SIGTERM and Ctrl-C stop accepting, write everything and exit; SIGHUP reads the rule files, \
            --alertmanager-config, the token file, the scrape jobs, the sampling strategies and the sampling \
            policies again; a bad one is reported, and what it said before stays.
            """)

    @Option(help: ArgumentHelp("YAML file with settings.", valueName: "file"))
    var config: String?
    @Option(help: ArgumentHelp("Data directory (default: sidelight-data).", valueName: "dir"))
    var data: String?
    @Option(
        help: ArgumentHelp(
            "Address of UI and query API (default: 127.0.0.1:7070).", valueName: "host:port"))
    var listen: String?
    @Option(
        name: .customLong("otlp-grpc"),
        help: ArgumentHelp("OTLP/gRPC (default: 127.0.0.1:4317), or off.", valueName: "host:port"))
    var otlpGRPC: String?
    @Option(
        name: .customLong("otlp-http"),
        help: ArgumentHelp("OTLP/HTTP (default: 127.0.0.1:4318), or off.", valueName: "host:port"))
    var otlpHTTP: String?
    @Option(
        name: .customLong("otlp-translation-strategy"),
        help: ArgumentHelp(
            "Prometheus's translation_strategy (default: UnderscoreEscapingWithSuffixes).",
            valueName: "strategy"))
    var otlpTranslationStrategy: String?
    @Option(
        name: .customLong("otlp-promote-attribute"),
        help: ArgumentHelp(
            "Resource attribute that OTLP metrics get as a label, * for all; may be repeated.",
            valueName: "name"))
    var otlpPromoteAttribute: [String] = []
    @Option(help: ArgumentHelp("Zipkin (default: 127.0.0.1:9411), or off.", valueName: "host:port"))
    var zipkin: String?
    @Option(
        name: .customLong("jaeger-http"),
        help: ArgumentHelp(
            "Jaeger's Thrift over HTTP, usually port 14268 (default: off; --listen takes it too).",
            valueName: "host:port"))
    var jaegerHTTP: String?
    @Option(
        name: .customLong("jaeger-grpc"),
        help: ArgumentHelp(
            "Jaeger's gRPC, usually port 14250 (default: off; --otlp-grpc takes it too).",
            valueName: "host:port"))
    var jaegerGRPC: String?
    @Option(
        name: .customLong("jaeger-query-grpc"),
        help: ArgumentHelp(
            "Jaeger's query service (api_v3) over gRPC, usually port 16685 (default: off).",
            valueName: "host:port"))
    var jaegerQueryGRPC: String?
    @Option(
        help: ArgumentHelp(
            "X-Ray segments by UDP and HTTP, usually port 2000 (default: off).",
            valueName: "host:port"))
    var xray: String?
    @Option(
        help: ArgumentHelp(
            "Jaeger's remote sampling, usually port 5778 (default: off; --listen answers too).",
            valueName: "host:port"))
    var sampling: String?
    @Option(help: ArgumentHelp("Jaeger's file of sampling strategies.", valueName: "file"))
    var samplingStrategies: String?
    @Option(
        help: ArgumentHelp(
            "File of policies that say which traces stay (default: all do).", valueName: "file"))
    var samplingPolicies: String?
    @Option(
        name: .customLong("statsd"),
        help: ArgumentHelp(
            "StatsD over UDP, such as 127.0.0.1:8125 (default: off).", valueName: "host:port"))
    var statsD: String?
    @Option(
        help: ArgumentHelp(
            "File with scrape_configs, such as a prometheus.yml.", valueName: "file"))
    var scrapeConfig: String?
    @Option(
        help: ArgumentHelp(
            "File that gets a line of JSON for every PromQL query.", valueName: "file"))
    var queryLog: String?
    @Option(
        help: ArgumentHelp(
            "PromQL's promql-experimental-functions, promql-extended-range-selectors, promql-binop-fill-modifiers or promql-delayed-name-removal, which are on; may be repeated.",
            valueName: "feature"))
    var disableFeature: [String] = []
    @Option(
        help: ArgumentHelp("Syslog over UDP and TCP (default: off).", valueName: "host:port"))
    var syslog: String?
    @Option(
        help: ArgumentHelp("Syslog over TLS, RFC 5425 (default: off).", valueName: "host:port"))
    var syslogTLS: String?
    @Option(help: ArgumentHelp("Certificate for it, PEM.", valueName: "file"))
    var syslogTLSCert: String?
    @Option(help: ArgumentHelp("Private key for it, PEM.", valueName: "file"))
    var syslogTLSKey: String?
    @Option(
        name: .customLong("syslog-tls-ca"),
        help: ArgumentHelp(
            "Authorities that sign senders' certificates, which they then need.", valueName: "file")
    )
    var syslogTLSCA: String?
    @Option(
        help: ArgumentHelp(
            "Log file, or pattern of several, to read and follow; may be repeated.",
            valueName: "[service=]path"))
    var followFile: [String] = []
    @Option(
        help: ArgumentHelp(
            "Envoy format string of text lines; may be repeated.", valueName: "format"))
    var logFormat: [String] = []
    @Option(
        help: ArgumentHelp(
            "Redact logs and spans: drop:, hash: or mask: with a field or /pattern/; may be repeated.",
            valueName: "rule"))
    var redact: [String] = []
    @Option(
        help: ArgumentHelp(
            "Names of span metrics: tempo (default), otel, or off.", valueName: "names"))
    var spanMetrics: String?
    @Option(
        help: ArgumentHelp(
            "Time between samples of span metrics (default: 15s).", valueName: "duration"))
    var spanMetricsInterval: String?
    @Option(
        help: ArgumentHelp(
            "Services whose access logs become request metrics: NAME,…, *, or off (default).",
            valueName: "services"))
    var accessLogMetrics: String?
    @Option(help: ArgumentHelp("Prometheus rule file; may be repeated.", valueName: "file"))
    var rules: [String] = []
    @Option(
        help: ArgumentHelp(
            "Objectives (Sloth, OpenSLO, Pyrra) to alert on; may be repeated.", valueName: "file"))
    var slos: [String] = []
    @Option(
        help: ArgumentHelp("Alert receiver, called by POST; may be repeated.", valueName: "url"))
    var webhook: [String] = []
    @Option(
        help: ArgumentHelp(
            "Alertmanager's configuration: routes, receivers, silences (API v2).", valueName: "file"
        ))
    var alertmanagerConfig: String?
    @Flag(help: "Let exec_configs of that file run commands.")
    var allowExecReceivers = false
    @Flag(help: "Let POST /-/reload read all files again, and POST /-/quit end the server.")
    var enableLifecycle = false
    @Option(
        name: .customLong("heartbeat-url"),
        help: ArgumentHelp(
            "Called every minute while samples, rules and notifications work.", valueName: "url"))
    var heartbeatURL: String?
    @Option(
        help: ArgumentHelp("How long all signals are kept (default: 30d).", valueName: "duration"))
    var retention: String?
    @Option(help: ArgumentHelp("How long traces are kept.", valueName: "duration"))
    var retentionTraces: String?
    @Option(help: ArgumentHelp("How long logs are kept.", valueName: "duration"))
    var retentionLogs: String?
    @Option(help: ArgumentHelp("How long metrics are kept.", valueName: "duration"))
    var retentionMetrics: String?
    @Option(
        help: ArgumentHelp(
            "Summaries of samples and how long they are kept: INTERVAL:DURATION,… such as 5m:90d,1h:1y.",
            valueName: "intervals"))
    var downsample: String?
    @Option(
        help: ArgumentHelp(
            "Bytes of traces that are kept, such as 20GB; the oldest go first.", valueName: "bytes")
    )
    var retentionBytesTraces: String?
    @Option(
        help: ArgumentHelp(
            "Bytes of logs that are kept; the oldest go first.", valueName: "bytes"))
    var retentionBytesLogs: String?
    @Option(
        help: ArgumentHelp(
            "Bytes of metrics that are kept; the oldest days go first.", valueName: "bytes"))
    var retentionBytesMetrics: String?
    @Flag(
        name: [.customLong("enable-admin-api"), .customLong("web.enable-admin-api")],
        help: "Let /api/v1/admin/tsdb delete series and copy the metrics below the data folder.")
    var enableAdminAPI = false
    @Option(
        name: .customLong("series-per-target"),
        help: ArgumentHelp(
            "Series of a metric kept apart on one target; further ones are added up (default: 100000).",
            valueName: "count"))
    var seriesPerTarget: String?
    @Option(
        help: ArgumentHelp(
            "process: acknowledged data survives kill -9 (default). power: and loss of power.",
            valueName: "process|power"))
    var durability: String?
    @Option(help: ArgumentHelp("File of bearer tokens, one a line.", valueName: "file"))
    var tokenFile: String?
    @Flag(help: "Serve other machines without a token.")
    var insecure = false
    @Option(
        help: ArgumentHelp("Address of this server in links of notifications.", valueName: "url"))
    var externalURL: String?
    @Option(
        help: ArgumentHelp(
            "Label that tells this server's alerts from others'; may be repeated.",
            valueName: "name=value"))
    var externalLabel: [String] = []
    @Option(
        help: ArgumentHelp(
            "Evaluation interval of rule groups that name none (default: 15s).",
            valueName: "duration"))
    var evaluationInterval: String?
    @Option(
        help: ArgumentHelp("trace, debug, info (default), warning or error.", valueName: "level"))
    var logLevel: String?
    @Flag(help: "Show every setting with where it comes from, and exit.")
    var printConfig = false

    private var flags: [String: [String]] {
        var flags: [String: [String]] = [
            "rules": rules, "slos": slos, "webhook": webhook, "external-label": externalLabel,
            "otlp-promote-attribute": otlpPromoteAttribute, "disable-feature": disableFeature,
            "follow-file": followFile, "log-format": logFormat, "redact": redact,
        ]
        let single: [(String, String?)] = [
            ("data", data), ("listen", listen), ("otlp-grpc", otlpGRPC), ("otlp-http", otlpHTTP),
            ("zipkin", zipkin), ("jaeger-http", jaegerHTTP), ("jaeger-grpc", jaegerGRPC),
            ("jaeger-query-grpc", jaegerQueryGRPC),
            ("xray", xray), ("sampling", sampling), ("sampling-strategies", samplingStrategies),
            ("sampling-policies", samplingPolicies),
            ("retention-bytes-traces", retentionBytesTraces),
            ("retention-bytes-logs", retentionBytesLogs),
            ("retention-bytes-metrics", retentionBytesMetrics),
            ("statsd", statsD), ("scrape-config", scrapeConfig), ("syslog", syslog),
            ("syslog-tls", syslogTLS), ("syslog-tls-cert", syslogTLSCert),
            ("syslog-tls-key", syslogTLSKey), ("syslog-tls-ca", syslogTLSCA),
            ("query-log", queryLog),
            ("otlp-translation-strategy", otlpTranslationStrategy), ("retention", retention),
            ("retention-traces", retentionTraces), ("span-metrics", spanMetrics),
            ("span-metrics-interval", spanMetricsInterval),
            ("access-log-metrics", accessLogMetrics),
            ("retention-logs", retentionLogs), ("retention-metrics", retentionMetrics),
            ("series-per-target", seriesPerTarget), ("downsample", downsample),
            ("durability", durability), ("token-file", tokenFile), ("external-url", externalURL),
            ("evaluation-interval", evaluationInterval), ("log-level", logLevel),
            ("insecure", insecure ? "true" : nil),
            ("enable-admin-api", enableAdminAPI ? "true" : nil),
            ("alertmanager-config", alertmanagerConfig), ("heartbeat-url", heartbeatURL),
            ("allow-exec-receivers", allowExecReceivers ? "true" : nil),
            ("enable-lifecycle", enableLifecycle ? "true" : nil),
        ]
        for (name, value) in single { flags[name] = value.map { [$0] } }
        return flags
    }

    mutating func run() async throws {
        let settings: Settings
        let serve: ServeConfiguration
        do {
            let environment = ProcessInfo.processInfo.environment
            settings = try Settings(
                flags: flags, environment: environment,
                file: config ?? environment["SIDELIGHT_CONFIG"])
            serve = try ServeConfiguration(settings)
        } catch let error as ConfigurationError {
            try Failure.exit(.usage, error.description)
        }
        if printConfig {
            for (name, value, origin) in settings.resolved {
                print("\(name): \(value)  # \(origin)")
            }
            return
        }
        guard let level = Logger.Level(rawValue: serve.logLevel) else {
            try Failure.exit(.usage, "log-level is \"\(serve.logLevel)\", expected trace … error")
        }
        var logger = Logger(label: "sidelight") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        MemoryReuse.enable()
        try await ServeProcess.run(serve, logger: logger)
    }
}

/// Exit codes that scripts rely on.
enum ExitStatus: Int32 {
    case done = 0
    case checkFailed = 1
    case usage = 2
    case unreachable = 3
}

enum Failure {
    /// Says why on standard error and ends the command.
    static func exit(_ status: ExitStatus, _ message: String) throws -> Never {
        FileHandle.standardError.write(Data("sidelight: \(message)\n".utf8))
        throw ExitCode(status.rawValue)
    }
}
