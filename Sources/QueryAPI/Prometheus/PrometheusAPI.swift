import HTTPServer
import Platform
import PromQL
import QueryCore
import Store
import Telemetry

/// The HTTP API of Prometheus 3 (prometheus.io/docs/prometheus/latest/querying/api) over a metric store.
///
/// Unknown parameters are ignored, as Prometheus does; paths that are not served are answered 404 with the
/// list of what is.
package struct PrometheusAPI: Sendable {
    let store: any MetricStore
    let runner: QueryRunner
    let options: PromQLOptions
    let server: ServerFacts
    let rules: (any RulesSource)?
    let events: EventLog?
    let queryLog: QueryLog?
    /// `nil` refuses to reload and to quit on request, as Prometheus does unless it is told otherwise.
    package var lifecycle: PrometheusLifecycle?
    let admin: (any MetricAdministration)?

    /// - Parameters:
    ///   - rules: `nil` shows no rule groups and no alerts.
    ///   - events: `nil` shows no metrics of this program.
    ///   - queryLog: `nil` logs no queries.
    ///   - admin: `nil` refuses to delete and to copy, as Prometheus does unless it is told otherwise.
    package init(
        store: any MetricStore, runner: QueryRunner, server: ServerFacts,
        options: PromQLOptions = PromQLOptions(), rules: (any RulesSource)? = nil,
        events: EventLog? = nil, queryLog: QueryLog? = nil,
        admin: (any MetricAdministration)? = nil
    ) {
        self.admin = admin
        self.store = store
        self.runner = runner
        self.options = options
        self.server = server
        self.rules = rules
        self.events = events
        self.queryLog = queryLog
    }

    /// - Parameter prefix: "" or a path such as `/prometheus`.
    package func register(on router: inout Router, prefix: String = "") {
        var options = RouteOptions(errors: PrometheusEnvelope.errors)
        options.endsWithClient = true
        var quick = options
        quick.isQuick = true
        router.group(prefix, options: quick) { registerQueries(on: &$0) }
        router.group(prefix, options: options) { group in
            group.on([.get, .post], "/api/v1/query_exemplars", queryExemplars)
            group.on([.get, .post], "/api/v1/format_query", formatQuery)
            group.on([.get, .post], "/api/v1/parse_query", parseQuery)
            group.on(.get, "/federate", federate)
            group.on(.get, "/api/v1/metadata", metadata)
            group.on(.get, "/api/v1/rules", ruleGroups)
            group.on(.get, "/api/v1/alerts", alerts)
            registerServer(on: &group)
        }
        var reading = RouteOptions(errors: ErrorRenderers.text)
        reading.rawEncodings = ["snappy"]
        reading.endsWithClient = true
        let remoteRead = RemoteReadRoute(store: store, runner: runner)
        router.on(.post, prefix + "/api/v1/read", options: reading) {
            try await remoteRead.read($0)
        }
        router.shapeErrors(below: prefix + "/api/v1", PrometheusEnvelope.errors)
        router.openToOtherOrigins(
            below: prefix + "/api/v1", except: ["admin", "import", "otlp", "write"])
        var probe = options
        probe.needsToken = false
        router.on(.get, prefix + "/-/healthy", options: probe) { _ in
            .text("Sidelight is Healthy.\n")
        }
        router.on(.get, prefix + "/-/ready", options: probe) { _ in
            .text("Sidelight is Ready.\n")
        }
    }

    /// A test of labels by a selector.
    /// - Throws: the reason if it is none.
    package static func labelTest(
        _ selector: String
    ) throws -> @Sendable (Labels) -> Bool {
        var matchers: [ValueMatcher] = []
        do throws(QueryError) {
            for matcher in try PrometheusParameters.selector(selector) {
                matchers.append(try ValueMatcher(matcher))
            }
        } catch {
            throw SelectorMistake(description: error.message)
        }
        return { [matchers] labels in
            matchers.allSatisfy { $0.accepts(labels[$0.matcher.name] ?? "") }
        }
    }

    /// All of them do on the runner's threads what takes time: expressions too are read there, as regular ones
    /// may take seconds to compile.
    private func registerQueries(on group: inout RouteGroup) {
        let methods: [HTTPMethod] = [.get, .post]
        group.on(methods, "/api/v1/query", query)
        group.on(methods, "/api/v1/query_range", queryRange)
        group.on(methods, "/api/v1/labels", labelNames)
        group.on(methods, "/api/v1/series", series)
        group.on(.get, "/api/v1/label/{name}/values", labelValues)
    }
}

/// Why a text is no selector.
private struct SelectorMistake: Error, CustomStringConvertible {
    var description: String
}

/// What the server says about itself.
package struct ServerFacts: Sendable {
    package var version: String
    package var revision: String
    package var startedAt: Timestamp
    /// As configured, `30d`; "" if unknown.
    package var retention: String
    /// All settings by name, as they are in force.
    package var settings: [(name: String, value: String)]
    package var hostname = ""
    package var workingDirectory = ""
    /// How many threads the program has.
    package var threadCount: @Sendable () -> Int = { 0 }

    package init(
        version: String, revision: String = "", startedAt: Timestamp, retention: String = "",
        settings: [(name: String, value: String)] = []
    ) {
        self.version = version
        self.revision = revision
        self.startedAt = startedAt
        self.retention = retention
        self.settings = settings
    }
}
