import HTTPServer
import LogQL
import QueryCore
import Store
import Telemetry
import WireFormats

/// What is in the lines: `patterns`, `detected_labels`, `detected_fields`, `detected_field/{name}/values` and
/// the limits that Grafana's Logs Drilldown asks for.
extension LokiAPI {
    /// Lines that are looked at for fields, as Loki's `line_limit`.
    private static let sampledLines = 1_000
    private static let sampledLinesMax = 5_000
    private static let patternsMax = 300

    /// `/loki/api/v1/patterns`: `[{"pattern","samples":[[seconds,count]…]}]`.
    func patterns(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let step = try parameters.step(range)
        let text = request.parameters["query"] ?? ""
        let bytes = try await runner.run { [store] context in
            let found = try LogQLEngine(store: store).patterns(
                try Self.logQuery(text), start: range.start, end: range.end, step: step,
                context: context)
            return PrometheusEnvelope.success { data in
                data.array { list in
                    for pattern in found.prefix(Self.patternsMax) {
                        list.object { Self.write(pattern, to: &$0) }
                    }
                }
            }
        }
        return .json(bytes)
    }

    private static func write(_ pattern: LinePatternCount, to writer: inout JSONWriter) {
        writer.field("pattern", pattern.pattern)
        writer.arrayField("samples") { samples in
            for sample in pattern.counts {
                samples.array {
                    $0.value(sample.time / 1_000)
                    $0.value(sample.count)
                }
            }
        }
    }

    /// `/loki/api/v1/detected_labels`: labels of streams with how many values each has.
    func detectedLabels(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let selectors = parameters.selectors("query")
        let bytes = try await runner.run { [store] context in
            let streams = try LogQLEngine(store: store).series(
                matching: selectors, start: range.start, end: range.end, context: context)
            var values: [String: Set<String>] = [:]
            for stream in streams {
                for pair in stream.pairs { values[pair.name, default: []].insert(pair.value) }
            }
            var writer = JSONWriter()
            writer.object {
                $0.arrayField("detectedLabels") { list in
                    for (name, found) in values.sorted(by: { $0.key < $1.key }) {
                        list.object {
                            $0.field("label", name)
                            $0.field("cardinality", found.count)
                        }
                    }
                }
            }
            return writer.bytes
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/detected_fields`: what parsers find in the newest lines.
    func detectedFields(_ request: HTTPRequest) async throws -> HTTPResponse {
        let (query, range, lines, limit) = try detection(request)
        let bytes = try await runner.run { [store] context in
            let found = try LogQLEngine(store: store).detectedFields(
                try Self.logQuery(query), start: range.start, end: range.end, lineLimit: lines,
                context: context)
            var writer = JSONWriter()
            writer.object {
                $0.arrayField("fields") { list in
                    for field in found.fields.prefix(limit) {
                        list.object {
                            $0.field("label", field.name)
                            $0.field("type", field.type)
                            $0.field("cardinality", field.cardinality)
                            $0.field("parsers", strings: field.parsers)
                        }
                    }
                }
                $0.field("limit", limit)
                if !found.warnings.isEmpty { $0.field("warnings", strings: found.warnings) }
            }
            return writer.bytes
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/detected_field/{name}/values`.
    func detectedValues(_ request: HTTPRequest) async throws -> HTTPResponse {
        let (query, range, lines, limit) = try detection(request)
        let name = request.pathParameters["name"] ?? ""
        let bytes = try await runner.run { [store] context in
            let values = try LogQLEngine(store: store).detectedValues(
                of: name, try Self.logQuery(query), start: range.start, end: range.end,
                lineLimit: lines, context: context)
            var writer = JSONWriter()
            writer.object {
                $0.field("values", strings: values.prefix(limit))
                $0.field("limit", limit)
            }
            return writer.bytes
        }
        return .json(bytes)
    }

    private func detection(
        _ request: HTTPRequest
    ) throws(HTTPError) -> (query: String, range: TimeRange, lines: Int, limit: Int) {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let lines = try parameters.count(
            "line_limit", default: Self.sampledLines, most: Self.sampledLinesMax)
        let limit = try parameters.count("limit", default: 1_000, most: 5_000)
        return (request.parameters["query"] ?? "", range, lines, limit)
    }

    /// `/loki/api/v1/drilldown-limits`: what Grafana's Logs Drilldown may ask for.
    func drilldownLimits(_ request: HTTPRequest) async throws -> HTTPResponse {
        var writer = JSONWriter()
        writer.object {
            $0.objectField("limits") {
                $0.field("discover_log_levels", false)
                $0.field("discover_service_name", strings: ["service_name"])
                $0.field("log_level_fields", strings: ["severity_text"])
                $0.field("max_entries_limit_per_query", runner.answerLimits.linesMax)
                $0.field("max_query_series", runner.limits.seriesMax)
                $0.field("metric_aggregation_enabled", false)
                $0.field("pattern_persistence_enabled", false)
                $0.field("query_timeout", "\(runner.limits.duration.components.seconds)s")
                $0.field("volume_enabled", true)
                $0.field("volume_max_series", 5_000)
            }
            $0.field("pattern_ingester_enabled", true)
            $0.field("version", server.version)
        }
        return .json(writer.bytes)
    }
}
