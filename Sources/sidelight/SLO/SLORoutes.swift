import Foundation
import HTTPServer
import Platform
import PromQL
import QueryCore
import Rules
import Store
import Telemetry

/// Budgets of the objectives of `--slos`, computed from events over the whole period:
/// `GET /api/sidelight/slos`, `/slos/{id}`, `/slos/{id}/history?from&to&step`, `/slos/{id}/gate`,
/// `/slos/{id}/evidence`, `/slos/{id}/exclusions` (also `POST` and `DELETE`) and `/slos/suggestions`.
struct SLORoutes: Sendable {
    let board: ObjectiveBoard
    let store: any MetricStore
    let spans: any SpanStore
    let logs: any LogStore
    let clock: any Clock
    /// Shared with exports and backtests: a month of events takes a while.
    let pool: BlockingPool
    /// Where people reach this server, without a slash at the end.
    let externalURL: String

    /// How long a gate's answer may be relied on, in seconds: two evaluations of most rules.
    private static let gateSeconds: Double = 60
    static let pointsMax = 2_000

    func register(on router: inout Router) {
        let options = RouteOptions(errors: ErrorRenderers.json)
        router.on(.get, "/api/sidelight/slos", options: options) { _ in
            try Self.json(board.objectives.map { SLOAnswer.Objective($0) })
        }
        router.on(.get, "/api/sidelight/slos/{id}", options: options) { try await budget($0) }
        router.on(.get, "/api/sidelight/slos/{id}/history", options: options) {
            try await history($0)
        }
        router.on(.get, "/api/sidelight/slos/{id}/gate", options: options) { try await gate($0) }
        router.on(.get, "/api/sidelight/slos/{id}/evidence", options: options) {
            try await evidence($0)
        }
        router.on(.get, "/api/sidelight/slos/suggestions", options: options) {
            try await suggestions($0)
        }
        registerExclusions(on: &router, options)
    }

    // MARK: Answers

    private func budget(_ request: HTTPRequest) async throws -> HTTPResponse {
        let objective = try objective(request)
        let (budget, readings) = try await readings(of: objective)
        let now = clock.wallNanoseconds / 1_000_000
        let (forecasts, coverage) = try await run { context throws(QueryError) in
            (
                try budget.forecasts(readings, at: now, context: context),
                try budget.coverage(at: now, context: context)
            )
        }
        var answer = SLOAnswer.Budget(
            objective: SLOAnswer.Objective(objective),
            budgets: readings.map {
                var reading = SLOAnswer.Reading($0, budget)
                reading.forecast = forecasts[$0.labels].map { SLOAnswer.Forecast($0) }
                return reading
            })
        answer.eventsKnownSince = coverage.map { RFC3339.string(Timestamp(milliseconds: $0)) }
        answer.excluded = board.exclusions.ranges(of: objective.id).count
        return try Self.json(answer)
    }

    private func history(_ request: HTTPRequest) async throws -> HTTPResponse {
        let objective = try objective(request)
        let (from, to) = try times(request)
        let wanted = request.parameters["step"] ?? ""
        let step: Int64
        do throws(PromQLDuration.Failure) {
            step =
                wanted.isEmpty ? max(60_000, (to - from) / 200) : try PromQLDuration.parse(wanted)
        } catch {
            throw HTTPError.badRequest("step must be a duration such as 1h, not \"\(wanted)\"")
        }
        let budget = budget(of: objective)
        let found = try await run { context throws(QueryError) in
            try budget.history(
                from: from, to: to, step: step, context: context)
        }
        return try Self.json(found.map { SLOAnswer.History($0) })
    }

    /// Whether a deployment may go on: not while a page would fire, nor with less than `min` of the budget
    /// left (default 0).
    private func gate(_ request: HTTPRequest) async throws -> HTTPResponse {
        let objective = try objective(request)
        let text = request.parameters["min"] ?? "0"
        guard let least = Double(text), least.isFinite, least <= 1 else {
            throw HTTPError.badRequest("min must be a share of at most 1, not \"\(text)\"")
        }
        let (budget, readings) = try await readings(of: objective)
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let paging = try await run { context throws(QueryError) in
            try budget.paging(readings, at: now.milliseconds, context)
        }
        let expiry = now.advanced(byNanoseconds: Int64(Self.gateSeconds * 1e9))
        return try Self.json(
            SLOAnswer.Gate(
                readings, paging: paging, budget, least: least,
                expiresAt: RFC3339.string(expiry)))
    }

    // MARK: Parts

    private func budget(of objective: ServiceLevelObjective) -> ErrorBudget {
        var budget = ErrorBudget(of: objective, over: store)
        budget.exclusions = board.exclusions.ranges(of: objective.id)
        return budget
    }

    func objective(_ request: HTTPRequest) throws -> ServiceLevelObjective {
        let id = request.pathParameters["id"] ?? ""
        guard let found = board.objectives.first(where: { $0.id == id }) else {
            throw HTTPError(.notFound, message: "there is no objective \"\(id)\" in --slos")
        }
        return found
    }

    /// Milliseconds; the last period by default.
    func times(_ request: HTTPRequest) throws -> (from: Int64, to: Int64) {
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        do throws(ConfigurationError) {
            let from = try TimeArgument.parse(
                request.parameters["from"] ?? "now-30d", flag: "from", now: now)
            let to = try TimeArgument.parse(
                request.parameters["to"] ?? "now", flag: "to", now: now)
            guard from < to else { throw ConfigurationError(description: "from is not before to") }
            return (from.milliseconds, to.milliseconds)
        } catch {
            throw HTTPError.badRequest(error.description)
        }
    }

    private func readings(
        of objective: ServiceLevelObjective
    ) async throws -> (ErrorBudget, [ErrorBudget.Reading]) {
        let budget = budget(of: objective)
        let now = clock.wallNanoseconds / 1_000_000
        let readings = try await run { context throws(QueryError) in
            try budget.readings(at: now, context: context)
        }
        return (budget, readings)
    }

    func run<Value: Sendable>(
        stepsMax: Int = SLORoutes.pointsMax,
        _ work: @escaping @Sendable (QueryContext) throws(QueryError) -> Value
    ) async throws -> Value {
        var limits = QueryLimits()
        limits.stepsMax = stepsMax
        let context = QueryContext(limits: limits) { [clock] in clock.monotonicNanoseconds }
        do {
            return try await pool.run { try work(context) }
        } catch let error as QueryError {
            throw HTTPError.badRequest(error.message)
        }
    }

    static func json(_ answer: some Encodable) throws -> HTTPResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return .json(Array(try encoder.encode(answer)))
    }
}
