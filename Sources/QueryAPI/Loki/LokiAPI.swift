import HTTPServer
import LogQL
import Platform
import QueryCore
import Store
import Telemetry
import WireFormats

/// Loki's HTTP API for queries (grafana.com/docs/loki/latest/reference/loki-http-api) over a log store.
package struct LokiAPI: Sendable {
    let store: any LogStore
    let runner: QueryRunner
    let server: ServerFacts
    let tails: LogTails

    /// - Parameter tails: sees what is stored from now on.
    package init(
        store: any LogStore, runner: QueryRunner, server: ServerFacts, tails: LogTails
    ) {
        self.store = store
        self.runner = runner
        self.server = server
        self.tails = tails
    }

    /// - Parameter prefix: put before `/loki/api/v1`: "" or a path such as `/loki`.
    package func register(on router: inout Router, prefix: String = "") {
        let options = RouteOptions(errors: Self.errors)
        let methods: [HTTPMethod] = [.get, .post]
        router.group(prefix, options: options) { group in
            group.on(methods, "/loki/api/v1/query_range", queryRange)
            group.on(methods, "/loki/api/v1/query", query)
            group.on(methods, "/loki/api/v1/labels", labelNames)
            group.on(methods, "/loki/api/v1/label", labelNames)
            group.on(.get, "/loki/api/v1/label/{name}/values", labelValues)
            group.on(methods, "/loki/api/v1/series", series)
            group.on(methods, "/loki/api/v1/format_query", formatQuery)
            group.on(methods, "/loki/api/v1/index/stats", indexStats)
            group.on(methods, "/loki/api/v1/index/volume", volume)
            group.on(methods, "/loki/api/v1/index/volume_range", volumeRange)
            group.on(methods, "/loki/api/v1/patterns", patterns)
            group.on(methods, "/loki/api/v1/detected_labels", detectedLabels)
            group.on(methods, "/loki/api/v1/detected_fields", detectedFields)
            group.on(methods, "/loki/api/v1/detected_field/{name}/values", detectedValues)
            group.on(.get, "/loki/api/v1/drilldown-limits", drilldownLimits)
            group.onWebSocket("/loki/api/v1/tail", tail)
            group.on(.get, "/loki/api/v1/status/buildinfo", buildInfo)
            for path in ["delete", "cache/generation_numbers", "rules", "index/shards"] {
                group.on(HTTPMethod.allCases, "/loki/api/v1/" + path, Self.refusal(path))
            }
        }
        router.shapeErrors(below: prefix + "/loki", Self.errors)
        var probe = options
        probe.needsToken = false
        router.on(.get, prefix + "/ready", options: probe) { _ in .text("ready\n") }
    }

    /// One line of text; a deadline that has passed is 504, as Loki has it.
    private static let errors: ErrorRenderer = { error, _ in
        let isLate = error.reason == .timeout && error.status == 503
        return .text(error.message + "\n", status: isLate ? 504 : error.status)
    }

    /// What Loki has and this server has not: a refusal that says why.
    private static func refusal(_ path: String) -> @Sendable (HTTPRequest) throws -> HTTPResponse {
        let why =
            switch path {
            case "delete", "cache/generation_numbers":
                "lines are not deleted one by one: --retention-logs drops whole days, --redact takes out "
                    + "fields and patterns before they are stored"
            case "rules":
                "rules are given by --rules (groups with datasource: loki ask logs), and "
                    + "/api/v1/rules lists them"
            default: "there are no shards here"
            }
        return { _ in
            throw HTTPError(
                .notFound, status: 501, message: "/loki/api/v1/\(path) is not supported: \(why)")
        }
    }

    /// `/loki/api/v1/query_range`: lines or, for a metric query, a matrix.
    func queryRange(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.queryLookback)
        guard range.start < range.end else {
            throw HTTPError.badRequest(
                "end timestamp must not be before or equal to start time")
        }
        let direction = try parameters.direction()
        let limit = try parameters.limit(runner.answerLimits)
        let step = try parameters.step(range)
        let interval = try parameters.interval()
        let text = request.parameters["query"] ?? ""
        let writer = LokiResult(
            bytesMax: runner.answerLimits.bytesMax,
            isCategorized: parameters.wantsCategorizedLabels, direction: direction)
        let bytes = try await runner.run { [store, clock = runner.clock] context in
            let engine = LogQLEngine(store: store)
            let began = clock.monotonicNanoseconds
            switch try LogQLEngine.parse(text) {
            case .log(let query):
                let streams = try engine.streams(
                    query, start: range.start, end: range.end, limit: limit,
                    direction: direction, interval: interval, context: context)
                return try writer.answer(
                    streams,
                    LokiStats(context, since: began, until: clock.monotonicNanoseconds), context)
            case .metric:
                let result = try engine.range(
                    text, start: range.start.milliseconds, end: range.end.milliseconds,
                    step: step, context: context)
                return try writer.answer(
                    result,
                    LokiStats(context, since: began, until: clock.monotonicNanoseconds))
            }
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/query`: a metric query at one instant.
    func query(_ request: HTTPRequest) async throws -> HTTPResponse {
        let time = try LokiParameters(request, now: now).time("time") ?? now
        let text = request.parameters["query"] ?? ""
        let writer = LokiResult(bytesMax: runner.answerLimits.bytesMax, isCategorized: false)
        let bytes = try await runner.run { [store, clock = runner.clock] context in
            let began = clock.monotonicNanoseconds
            guard case .metric = try LogQLEngine.parse(text) else {
                throw QueryError.badData(
                    "log queries are not supported as an instant query type, please change your "
                        + "query to a range query type")
            }
            let result = try LogQLEngine(store: store).instant(
                text, at: time.milliseconds, context: context)
            return try writer.answer(
                result, LokiStats(context, since: began, until: clock.monotonicNanoseconds))
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/labels`.
    func labelNames(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.labelLookback)
        let selectors = parameters.selectors("query")
        let bytes = try await runner.run { [store] context in
            let names = try LogQLEngine(store: store).labelNames(
                matching: selectors, start: range.start, end: range.end, context: context)
            return PrometheusEnvelope.strings(names, limit: 0)
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/label/{name}/values`.
    func labelValues(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.labelLookback)
        let selectors = parameters.selectors("query")
        let name = request.pathParameters["name"] ?? ""
        let bytes = try await runner.run { [store] context in
            let values = try LogQLEngine(store: store).labelValues(
                of: name, matching: selectors, start: range.start, end: range.end,
                context: context)
            return PrometheusEnvelope.strings(values, limit: 0)
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/series`: the streams that any `match[]` selects.
    func series(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = LokiParameters(request, now: now)
        let range = try parameters.range(lookback: LokiParameters.labelLookback)
        let selectors = parameters.selectors("match[]") + parameters.selectors("match")
        guard !selectors.isEmpty else {
            throw HTTPError.badRequest("0 matcher groups supplied")
        }
        let bytes = try await runner.run { [store] context in
            let streams = try LogQLEngine(store: store).series(
                matching: selectors, start: range.start, end: range.end, context: context)
            return PrometheusEnvelope.success { data in
                data.array { array in for labels in streams { array.value(labels) } }
            }
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/format_query`: the query in one form.
    func formatQuery(_ request: HTTPRequest) async throws -> HTTPResponse {
        let text = request.parameters["query"] ?? ""
        let bytes = try await runner.run { _ in
            let query = try LogQLEngine.parse(text).description
            return PrometheusEnvelope.success { data in data.value(query) }
        }
        return .json(bytes)
    }

    /// `/loki/api/v1/status/buildinfo`.
    func buildInfo(_ request: HTTPRequest) async throws -> HTTPResponse {
        var writer = JSONWriter()
        writer.object {
            $0.field("version", server.version)
            $0.field("revision", server.revision)
            $0.field("branch", "")
            $0.field("buildUser", "")
            $0.field("buildDate", "")
            $0.field("goVersion", "")
        }
        return .json(writer.bytes)
    }

    var now: Timestamp { Timestamp(nanoseconds: runner.clock.wallNanoseconds) }
}
