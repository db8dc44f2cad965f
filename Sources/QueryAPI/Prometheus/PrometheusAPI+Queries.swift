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
        let result = try result(parameters)
        let bytes = try await runner.run(timeout: try parameters.timeout()) { [store] context in
            let engine = PromQLEngine(store: store, options: query.options)
            return try result.answer(
                try query.naming { () throws(QueryError) in
                    try engine.instant(query.text, at: time, context: context)
                })
        }
        return .json(bytes)
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
        let result = try result(parameters)
        let bytes = try await runner.run(timeout: try parameters.timeout()) { [store] context in
            let engine = PromQLEngine(store: store, options: query.options)
            return try result.answer(
                try query.naming { () throws(QueryError) in
                    try engine.range(
                        query.text, start: start, end: end, step: step, context: context)
                })
        }
        return .json(bytes)
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

    private func result(_ parameters: PrometheusParameters) throws(HTTPError) -> PrometheusResult {
        PrometheusResult(
            bytesMax: runner.answerLimits.bytesMax, limit: try parameters.limit())
    }
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
