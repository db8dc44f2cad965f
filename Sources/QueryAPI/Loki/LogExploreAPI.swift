import HTTPServer
import LogQL
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// What a page that explores logs asks for, under `/api/sidelight/logs`: `facets`, `hits` and `top`. Each
/// takes a log query of LogQL as `query` and `start`, `end` or `since` as Loki's API does. Errors are
/// `{"error":"…"}`.
package struct LogExploreAPI: Sendable {
    private static let facetLines = 5_000
    private static let facetLinesMax = 50_000

    private let store: any LogStore
    private let runner: QueryRunner

    package init(store: any LogStore, runner: QueryRunner) {
        self.store = store
        self.runner = runner
    }

    package func register(on router: inout Router) {
        router.group("/api/sidelight/logs", options: RouteOptions(errors: ErrorRenderers.json)) {
            $0.on([.get, .post], "/facets", facets)
            $0.on([.get, .post], "/hits", hits)
            $0.on([.get, .post], "/top", top)
        }
    }

    private var now: Timestamp { Timestamp(nanoseconds: runner.clock.wallNanoseconds) }

    /// `/facets?limit=10&lines=5000`: fields of the newest lines and their most frequent values:
    /// `{"facets":[{"field","cardinality","values":[{"value","count"}]}]}`, with `warnings` if there are more
    /// fields or values than are counted.
    func facets(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let limit = try parameters.count("limit", default: 10, most: 1_000)
        let lines = try parameters.count(
            "lines", default: Self.facetLines, most: Self.facetLinesMax)
        let text = request.parameters["query"] ?? ""
        let bytes = try await runner.run { [store] context in
            let found = try LogQLEngine(store: store).facets(
                try LokiAPI.logQuery(text), start: range.start, end: range.end, lineLimit: lines,
                valueLimit: limit, context: context)
            var writer = JSONWriter()
            writer.object {
                $0.arrayField("facets") { list in
                    for facet in found.facets {
                        list.object {
                            $0.field("field", facet.name)
                            $0.field("cardinality", facet.cardinality)
                            Self.write(facet.values, to: &$0)
                        }
                    }
                }
                if !found.warnings.isEmpty { $0.field("warnings", strings: found.warnings) }
            }
            return writer.bytes
        }
        return .json(bytes)
    }

    /// `/hits?step=&field=`: lines in each step, by the values of a field if one is named:
    /// `{"hits":[{"labels":{},"timestamps":[nanoseconds…],"values":[…],"total"}]}`; steps without lines
    /// are left out.
    func hits(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let step = try parameters.step(range)
        let text = request.parameters["query"] ?? ""
        let field = request.parameters["field"].flatMap { $0.isEmpty ? nil : $0 }
        let bytes = try await runner.run { [store] context in
            let (steps, series) = try LogQLEngine(store: store).hits(
                try LokiAPI.logQuery(text), by: field, start: range.start.milliseconds,
                end: range.end.milliseconds, step: step, context: context)
            var writer = JSONWriter()
            writer.object {
                $0.arrayField("hits") { list in
                    for one in series { list.object { Self.write(one, steps, to: &$0) } }
                }
            }
            return writer.bytes
        }
        return .json(bytes)
    }

    /// `/top?field=&limit=10`: the most frequent values of a field:
    /// `{"field","total","values":[{"value","count"}]}`.
    func top(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        let limit = try parameters.count("limit", default: 10, most: 10_000)
        let text = request.parameters["query"] ?? ""
        guard let field = request.parameters["field"], !field.isEmpty else {
            throw HTTPError.badRequest("field is missing: the label whose values are wanted")
        }
        let bytes = try await runner.run { [store] context in
            let found = try LogQLEngine(store: store).topValues(
                of: field, try LokiAPI.logQuery(text), start: range.start.milliseconds,
                end: range.end.milliseconds, limit: limit, context: context)
            var writer = JSONWriter()
            writer.object {
                $0.field("field", field)
                $0.field("total", found.total)
                Self.write(found.values, to: &$0)
            }
            return writer.bytes
        }
        return .json(bytes)
    }

    private static func write(
        _ values: [(value: String, count: Int)], to writer: inout JSONWriter
    ) {
        writer.arrayField("values") { list in
            for value in values {
                list.object {
                    $0.field("value", value.value)
                    $0.field("count", value.count)
                }
            }
        }
    }

    private static func write(
        _ series: StepSeries, _ steps: EvaluationSteps, to writer: inout JSONWriter
    ) {
        writer.field("labels", series.labels)
        let present = series.values.indices.filter { StepValue.isPresent(series.values[$0]) }
        writer.arrayField("timestamps") { list in
            for index in present {
                list.quotedValue(Timestamp(milliseconds: steps.time(index)).nanoseconds)
            }
        }
        writer.arrayField("values") { list in
            for index in present { list.value(Int(series.values[index])) }
        }
        writer.field("total", present.reduce(0) { $0 + Int(series.values[$1]) })
    }
}
