import HTTPServer
import PromQL
import QueryCore
import WireFormats

extension PrometheusAPI {
    /// `/api/v1/query`: an expression at one instant.
    func query(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = PrometheusParameters(request)
        let time = try parameters.time("time") ?? runner.nowMilliseconds
        let query = try Query(parameters, options)
        return try await answer(request, query, QuerySpan(start: time, end: time, step: 0)) {
            (engine, expression, context, tally) throws(QueryError) in
            try engine.instant(
                expression, of: query.text, at: time, context: context, tally: tally)
        }
    }

    /// `/api/v1/query_range`: an expression at every step of a range.
    func queryRange(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = PrometheusParameters(request)
        let start = try parameters.requiredTime("start")
        let end = try parameters.requiredTime("end")
        guard start <= end else {
            throw PrometheusParameters.invalid(
                "end", "end timestamp must not be before start time")
        }
        let step = try parameters.step()
        do throws(QueryError) {
            _ = try EvaluationSteps(
                start: start, end: end, step: step, countMax: runner.limits.stepsMax)
        } catch {
            throw HTTPError(error)
        }
        let query = try Query(parameters, options)
        return try await answer(request, query, QuerySpan(start: start, end: end, step: step)) {
            (engine, expression, context, tally) throws(QueryError) in
            try engine.range(
                expression, of: query.text, start: start, end: end, step: step,
                context: context, tally: tally)
        }
    }

    /// `/api/v1/format_query`: an expression in its normal form.
    func formatQuery(_ request: HTTPRequest) async throws -> HTTPResponse {
        let query = try Query(PrometheusParameters(request), options)
        let text: String
        do throws(QueryError) {
            text = try query.naming { () throws(QueryError) in
                try PromQLEngine.parse(query.text).description
            }
        } catch {
            throw HTTPError(error)
        }
        return .json(PrometheusEnvelope.success { $0.value(text) })
    }

    private typealias Evaluation =
        @Sendable (PromQLEngine, Expression, QueryContext, SampleTally?) throws(QueryError) ->
        QueryResult

    /// Evaluates on the pool, and writes the answer and the query log.
    private func answer(
        _ request: HTTPRequest, _ query: Query, _ span: QuerySpan, _ evaluate: @escaping Evaluation
    ) async throws -> HTTPResponse {
        let parameters = PrometheusParameters(request)
        let result = PrometheusResult(
            bytesMax: runner.answerLimits.bytesMax, limit: try parameters.limit())
        let statistics = QueryStatistics(
            parameter: request.parameters["stats"] ?? "", clock: runner.clock)
        let timeout = try parameters.timeout()
        let bytes = try await runner.run(timeout: timeout) { [store, queryLog] context in
            var statistics = statistics
            statistics.begin()
            do throws(QueryError) {
                let engine = PromQLEngine(store: store, options: query.options)
                let value = try query.naming { () throws(QueryError) -> QueryResult in
                    let expression = try PromQLEngine.parse(query.text)
                    statistics.parsed()
                    return try evaluate(engine, expression, context, statistics.tally)
                }
                statistics.evaluated(context)
                let bytes = try result.answer(value, statistics, span)
                queryLog?.write(query.text, span, request, statistics)
                return bytes
            } catch {
                statistics.evaluated(context)
                queryLog?.write(query.text, span, request, statistics, error: error.message)
                throw error
            }
        }
        return .json(bytes)
    }
}

/// When a query was evaluated; milliseconds.
struct QuerySpan: Sendable {
    var start: Int64
    var end: Int64
    /// 0 for an instant.
    var step: Int64
}

/// The expression of a request and how it wants it evaluated.
private struct Query: Sendable {
    let text: String
    let options: PromQLOptions

    init(_ parameters: PrometheusParameters, _ defaults: PromQLOptions) throws(HTTPError) {
        text = parameters.parameters["query"] ?? ""
        var options = defaults
        if let lookback = try parameters.duration("lookback_delta") {
            guard lookback > 0 else {
                throw PrometheusParameters.invalid(
                    "lookback_delta", "the lookback must be positive")
            }
            options.lookback = lookback
        }
        self.options = options
    }

    /// Names the parameter that a mistake is in.
    func naming<Value>(
        _ evaluate: () throws(QueryError) -> Value
    ) throws(QueryError) -> Value {
        do throws(QueryError) { return try evaluate() } catch {
            guard error.kind == .badData else { throw error }
            throw .badData("invalid parameter \"query\": \(error.message)")
        }
    }
}
