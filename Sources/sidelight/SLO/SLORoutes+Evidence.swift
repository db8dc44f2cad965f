import HTTPServer
import Platform
import PromQL
import QueryCore
import Rules
import Store
import Telemetry

extension SLORoutes {
    /// Why an objective burns, as its pages would say it: the fields of pages, and them all as a text.
    struct Evidence: Encodable {
        var page: PageEvidence
        var text: String

        private enum Keys: String, CodingKey { case text }

        func encode(to encoder: any Encoder) throws {
            try page.encode(to: encoder)
            var more = encoder.container(keyedBy: Keys.self)
            try more.encode(text, forKey: .text)
        }
    }

    /// What `suggestions` answers.
    struct Suggestion: Encodable {
        var service: String
        var kind: String
        var objective: Double
        var withinSeconds: Double?
        var events: Double
        var badEvents: Double
        /// Pages that its alert would have sent in the time looked at.
        var predictedPages: Int
        var period: String
        /// Sloth's `prometheus/v1`.
        var specification: String

        init(_ suggestion: SLOSuggestion) {
            service = suggestion.service
            kind = suggestion.kind.rawValue
            objective = suggestion.objective
            withinSeconds = suggestion.latencyBound
            events = suggestion.events
            badEvents = suggestion.bad
            predictedPages = suggestion.pages
            period = PromQLDuration.format(milliseconds: suggestion.period)
            specification = suggestion.specification
        }
    }

    /// Services suggested for at most.
    private static let servicesMax = 100
    /// Evaluations of a replay every five minutes, over some more than thirty days.
    private static let replayStepsMax = 10_000

    func evidence(_ request: HTTPRequest) async throws -> HTTPResponse {
        let objective = try objective(request)
        let collector = EvidenceCollector(
            spans: spans, logs: logs, metrics: store, objectives: { [board] in board.objectives },
            excludedTimes: { [board] in board.exclusions.ranges(of: $0) })
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let labels = objective.labels.merging(
            ["sloth_id": objective.id, "sloth_service": objective.service]
        ) { $1 }
        let subject = EvidenceSubject(
            labels: Labels(labels.map { (name: $0.key, value: $0.value) }), expression: nil,
            firedAt: now)
        let found = try await run { context throws(QueryError) in
            collector.gather([subject], at: now, context: context)
        }
        guard let evidence = found.first else { throw HTTPError(.notFound, message: "no evidence") }
        return try Self.json(
            Evidence(page: evidence.page(server: externalURL), text: evidence.text))
    }

    /// `/slos/suggestions?period=30d&limit=20`
    func suggestions(_ request: HTTPRequest) async throws -> HTTPResponse {
        let text = request.parameters["period"] ?? "30d"
        let period: Int64
        do throws(PromQLDuration.Failure) {
            period = try PromQLDuration.parse(text)
        } catch {
            throw HTTPError.badRequest("period must be a duration such as 30d, not \"\(text)\"")
        }
        guard period >= 3_600_000, period / 300_000 < Int64(Self.replayStepsMax) else {
            throw HTTPError.badRequest("period must lie between 1h and 34d")
        }
        guard let limit = Int(request.parameters["limit"] ?? "20"), limit > 0 else {
            throw HTTPError.badRequest("limit must be a positive number")
        }
        let now = clock.wallNanoseconds / 1_000_000
        let found = try await run(stepsMax: Self.replayStepsMax) {
            [store] context throws(QueryError) in
            try SLOSuggestions(over: store).suggest(
                at: now, period: period, limit: min(limit, Self.servicesMax), context: context)
        }
        return try Self.json(["suggestions": found.map(Suggestion.init)])
    }
}
