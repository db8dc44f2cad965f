import Foundation
import HTTPServer
import Platform
import PromQL
import QueryCore
import RegularExpressions
import Telemetry
import WireFormats

/// What Prometheus tells of itself that is the same at any time, and what it refuses unless it was told
/// otherwise.
extension PrometheusAPI {
    func registerServer(on group: inout RouteGroup) {
        group.on(.get, "/api/v1/status/buildinfo", buildInfo)
        group.on(.get, "/api/v1/status/runtimeinfo", runtimeInfo)
        group.on(.get, "/api/v1/status/tsdb", headStatistics)
        group.on(.get, "/api/v1/status/tsdb/blocks", storageBlocks)
        group.on(.get, "/api/v1/status/config") { _ in configuration() }
        group.on(.get, "/api/v1/status/flags") { _ in flags() }
        group.on(.get, "/api/v1/status/walreplay") { _ in Self.journalReplay() }
        group.on(.get, "/api/v1/status/self_metrics") { try await selfMetrics($0) }
        group.on(.get, "/api/v1/features") { _ in features() }
        group.on(.get, "/api/v1/alertmanagers") { _ in Self.alertmanagers() }
        group.on(.get, "/api/v1/notifications") { _ in
            .json(PrometheusEnvelope.success { $0.array { _ in } })
        }
        // As Prometheus answers who may not subscribe: browsers then do not come back.
        group.on(.get, "/api/v1/notifications/live") { _ in .empty() }
        group.on(.get, "/api/v1/openapi.yaml") { _ in
            HTTPResponse(
                status: 200, contentType: "application/yaml; charset=utf-8",
                body: Array(PrometheusContract.openAPI(version: server.version).utf8))
        }
        registerAdmin(on: &group)
        registerSearch(on: &group)
        registerLifecycle(on: &group)
    }

    /// `/api/v1/status/config`: the settings in force.
    private func configuration() -> HTTPResponse {
        let yaml = server.settings.map { "\($0.name): \(Self.scalar($0.value))\n" }.joined()
        return .json(PrometheusEnvelope.success { $0.object { $0.field("yaml", yaml) } })
    }

    /// A YAML scalar that reads back as this text.
    private static func scalar(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
                || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        return isPlain && !text.isEmpty && !text.hasPrefix("-") ? text : QuotedText.quote(text)
    }

    /// `/api/v1/status/flags`: the same by name.
    private func flags() -> HTTPResponse {
        let bytes = PrometheusEnvelope.success { data in
            data.object { object in
                for setting in server.settings.sorted(by: { $0.name < $1.name }) {
                    object.key(setting.name)
                    object.value(setting.value)
                }
            }
        }
        return .json(bytes)
    }

    /// `/api/v1/status/walreplay`: it is over before anything is served.
    private static func journalReplay() -> HTTPResponse {
        let bytes = PrometheusEnvelope.success { data in
            data.object {
                $0.field("min", 0)
                $0.field("max", 0)
                $0.field("current", 0)
            }
        }
        return .json(bytes)
    }

    /// `/api/v1/status/self_metrics`: this program's own metrics as JSON of the protobuf format.
    private func selfMetrics(_ request: HTTPRequest) async throws -> HTTPResponse {
        var pattern: Pattern?
        if let text = request.parameters["metric_name_pattern"], !text.isEmpty {
            do throws(PatternError) { pattern = try Pattern(text) } catch {
                throw HTTPError.badRequest("invalid metric_name_pattern: \(error.reason)")
            }
        }
        let readings = (events?.readings() ?? []).filter { reading in
            pattern?.matchesWhole(reading.name) ?? true
        }
        let families = Dictionary(grouping: readings, by: \.name)
        let bytes = PrometheusEnvelope.success { data in
            data.array { list in
                for (name, readings) in families.sorted(by: { $0.key < $1.key }) {
                    list.object { Self.write(name, readings, to: &$0) }
                }
            }
        }
        return .json(bytes)
    }

    private static func write(
        _ name: String, _ readings: [EventLog.Reading], to family: inout JSONWriter
    ) {
        // The parts of a histogram rise as counters do.
        let isCounter = readings.first?.type != "gauge"
        family.field("name", name)
        family.field("help", readings.first?.help ?? "")
        family.field("type", isCounter ? "COUNTER" : "GAUGE")
        family.arrayField("metric") { list in
            for reading in readings {
                list.object { metric in
                    if !reading.labels.isEmpty {
                        metric.arrayField("label") { labels in
                            for label in reading.labels {
                                labels.object {
                                    $0.field("name", label.name)
                                    $0.field("value", label.value)
                                }
                            }
                        }
                    }
                    metric.objectField(isCounter ? "counter" : "gauge") {
                        $0.field("value", reading.value)
                    }
                }
            }
        }
    }

    /// `/api/v1/alertmanagers`: notifications go to webhooks, to no Alertmanager.
    private static func alertmanagers() -> HTTPResponse {
        let bytes = PrometheusEnvelope.success { data in
            data.object {
                $0.arrayField("activeAlertmanagers") { _ in }
                $0.arrayField("droppedAlertmanagers") { _ in }
            }
        }
        return .json(bytes)
    }

    /// `/api/v1/features`: what is there of what Prometheus can have, by its names.
    private func features() -> HTTPResponse {
        func has(_ feature: PromQLFeature) -> Bool { options.features.contains(feature) }
        let experiments = has(.experimentalFunctions)
        let groups: [(StaticString, [(String, Bool)])] = [
            (
                "api",
                [
                    ("admin", admin != nil), ("exclude_alerts", true), ("label_values_match", true),
                    ("lifecycle", lifecycle != nil), ("openapi_3.1", true), ("openapi_3.2", false),
                    ("otlp_write_receiver", true), ("query_stats", true),
                    ("query_warnings", true), ("remote_write_receiver", true),
                    ("search", true), ("search_fuzz_alg_jarowinkler", true),
                    ("search_fuzz_alg_subsequence", true), ("time_range_labels", true),
                    ("time_range_series", true),
                ]
            ),
            ("otlp_receiver", [("delta_conversion", true), ("native_delta_ingestion", false)]),
            (
                "promql",
                [
                    ("anchored", has(.extendedRangeSelectors)), ("at_modifier", true),
                    ("bool", true), ("by", true),
                    ("delayed_name_removal", has(.delayedNameRemoval)), ("duration_expr", true),
                    ("fill", has(.fillModifiers)), ("fill_left", has(.fillModifiers)),
                    ("fill_right", has(.fillModifiers)), ("group_left", true),
                    ("group_right", true), ("ignoring", true), ("negative_offset", true),
                    ("offset", true), ("on", true), ("per_query_lookback_delta", true),
                    ("per_step_stats", true), ("smoothed", has(.extendedRangeSelectors)),
                    ("subqueries", true),
                    ("type_and_unit_labels", false), ("without", true),
                ]
            ),
            ("promql_functions", Self.functions(experiments)),
            ("promql_operators", Self.operators(experiments)),
            ("rules", [("concurrent_rule_eval", false), ("keep_firing_for", true)]),
            (
                "tsdb",
                [
                    ("exemplar_storage", true), ("native_histograms", true),
                    ("st_storage", true),
                ]
            ),
        ]
        let bytes = PrometheusEnvelope.success { data in
            data.object { object in
                for (name, flags) in groups {
                    object.objectField(name) { group in
                        for (name, isThere) in flags.sorted(by: { $0.0 < $1.0 }) {
                            group.key(name)
                            group.value(isThere)
                        }
                    }
                }
            }
        }
        return .json(bytes)
    }

    private static func functions(_ experiments: Bool) -> [(String, Bool)] {
        Function.allCases.map { ($0.rawValue, experiments || !$0.isExperimental) }
    }

    private static func operators(_ experiments: Bool) -> [(String, Bool)] {
        let symbols = [
            "+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "=~", "!~", "and",
            "or", "unless", "atan2", "</", ">/", "@",
        ]
        return Aggregation.Operator.allCases.map {
            ($0.rawValue, experiments || !$0.isExperimental)
        } + symbols.map { ($0, true) }
    }
}

/// What is refused as long as nobody has turned it on.
enum PrometheusRefusal {
    /// Prometheus has no status of its own for it: 500 with `errorType` `unavailable`.
    static func disabled(_ what: String) -> HTTPError {
        HTTPError(.unavailable, status: 500, message: what)
    }
}
