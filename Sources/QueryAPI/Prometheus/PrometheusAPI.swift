import HTTPServer
import Platform
import PromQL
import QueryCore
import Store
import Telemetry

/// The HTTP API of Prometheus 3 (prometheus.io/docs/prometheus/latest/querying/api) over a metric store.
///
/// Unknown parameters are ignored, as Prometheus does. Exemplars, targets and the admin API are not
/// served; such paths are answered 404 with the list of what is.
package struct PrometheusAPI: Sendable {
    let store: any MetricStore
    let runner: QueryRunner
    let options: PromQLOptions
    let server: ServerFacts
    let rules: (any RulesSource)?

    /// - Parameter rules: `nil` shows no rule groups and no alerts.
    package init(
        store: any MetricStore, runner: QueryRunner, server: ServerFacts,
        options: PromQLOptions = PromQLOptions(), rules: (any RulesSource)? = nil
    ) {
        self.store = store
        self.runner = runner
        self.options = options
        self.server = server
        self.rules = rules
    }

    static let served =
        "query, query_range, format_query, parse_query, labels, label/{name}/values, series, "
        + "metadata, rules, alerts, status/buildinfo, status/runtimeinfo, status/tsdb under /api/v1"

    /// - Parameter prefix: "" or a path such as `/prometheus`.
    package func register(on router: inout Router, prefix: String = "") {
        let options = RouteOptions(errors: PrometheusEnvelope.errors)
        router.group(prefix, options: options) { group in
            registerQueries(on: &group)
            group.on(.get, "/federate", federate)
            group.on(.get, "/api/v1/metadata", metadata)
            group.on(.get, "/api/v1/rules", ruleGroups)
            group.on(.get, "/api/v1/alerts", alerts)
            group.on(.get, "/api/v1/status/buildinfo", buildInfo)
            group.on(.get, "/api/v1/status/runtimeinfo", runtimeInfo)
            group.on(.get, "/api/v1/status/tsdb", headStatistics)
        }
        router.shapeErrors(below: prefix + "/api/v1", PrometheusEnvelope.errors)
        var probe = options
        probe.needsToken = false
        router.on(.get, prefix + "/-/healthy", options: probe) { _ in
            .text("Sidelight is Healthy.\n")
        }
        router.on(.get, prefix + "/-/ready", options: probe) { _ in
            .text("Sidelight is Ready.\n")
        }
    }

    private func registerQueries(on group: inout RouteGroup) {
        let methods: [HTTPMethod] = [.get, .post]
        group.on(methods, "/api/v1/query", query)
        group.on(methods, "/api/v1/query_range", queryRange)
        group.on(methods, "/api/v1/format_query", formatQuery)
        group.on(methods, "/api/v1/parse_query", parseQuery)
        group.on(methods, "/api/v1/labels", labelNames)
        group.on(methods, "/api/v1/series", series)
        group.on(.get, "/api/v1/label/{name}/values", labelValues)
    }
}

/// What the server says about itself.
package struct ServerFacts: Sendable {
    package var version: String
    package var revision: String
    package var startedAt: Timestamp
    /// As configured, `30d`; "" if unknown.
    package var retention: String

    package init(
        version: String, revision: String = "", startedAt: Timestamp, retention: String = ""
    ) {
        self.version = version
        self.revision = revision
        self.startedAt = startedAt
        self.retention = retention
    }
}
