import Foundation
import HTTPServer
import Platform
import Rules
import Telemetry

/// Incidents that do not count against an objective, with who said so and why. Nothing is ever removed from
/// the list: what is taken back stays with who took it back.
extension SLORoutes {
    struct Exclusion: Encodable {
        var number: Int
        var from: String
        var to: String
        var reason: String
        var by: String
        var at: String
        var revokedBy: String?
        var revokedAt: String?

        init(_ exclusion: BudgetExclusion) {
            func text(_ time: Int64) -> String { RFC3339.string(Timestamp(milliseconds: time)) }
            number = exclusion.number
            from = text(exclusion.from)
            to = text(exclusion.to)
            reason = exclusion.reason
            by = exclusion.by
            at = RFC3339.string(exclusion.at)
            revokedBy = exclusion.revokedBy
            revokedAt = exclusion.revokedAt.map { RFC3339.string($0) }
        }
    }

    /// What `POST` takes. Times as in other routes: RFC 3339, seconds since 1970, now, now-1h.
    private struct Wish: Decodable {
        var from: Moment
        var to: Moment
        var reason: String
        var by: String
    }

    /// A text, or seconds as a number.
    private struct Moment: Decodable {
        var text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            do {
                text = try container.decode(String.self)
            } catch {
                let seconds = try container.decode(Double.self)
                text = Int64(exactly: seconds).map { "\($0)" } ?? "\(seconds)"
            }
        }
    }

    func registerExclusions(on router: inout Router, _ options: RouteOptions) {
        let path = "/api/sidelight/slos/{id}/exclusions"
        router.on(.get, path, options: options) { request in
            let id = try objective(request).id
            return try Self.json(board.exclusions.all(of: id).map(Exclusion.init))
        }
        router.on(.post, path, options: options) { try await exclude($0) }
        router.on(.delete, "\(path)/{number}", options: options) { try await revoke($0) }
    }

    private var now: Timestamp { Timestamp(nanoseconds: clock.wallNanoseconds) }

    private func exclude(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = try objective(request).id
        let wish: Wish
        do {
            wish = try JSONDecoder().decode(Wish.self, from: Data(request.body))
        } catch {
            throw HTTPError.badRequest(
                "the body must be JSON with the texts \"from\", \"to\", \"reason\" and \"by\"")
        }
        let from: Timestamp
        let to: Timestamp
        do throws(ConfigurationError) {
            from = try TimeArgument.parse(wish.from.text, flag: "from", now: now)
            to = try TimeArgument.parse(wish.to.text, flag: "to", now: now)
        } catch {
            throw HTTPError.badRequest(error.description)
        }
        return try await answer { [board, now] in
            try board.exclusions.exclude(
                id, from: from.milliseconds, to: to.milliseconds, reason: wish.reason, by: wish.by,
                at: now)
        }
    }

    /// `DELETE …/exclusions/{number}?by=`
    private func revoke(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = try objective(request).id
        guard let number = Int(request.pathParameters["number"] ?? "") else {
            throw HTTPError.badRequest("the number of an exclusion is wanted")
        }
        let by = request.parameters["by"] ?? ""
        return try await answer { [board, now] in
            try board.exclusions.revoke(number, of: id, by: by, at: now)
        }
    }

    /// The log is written on a thread that may wait for the disk.
    private func answer(
        _ work: @escaping @Sendable () throws -> BudgetExclusion
    ) async throws -> HTTPResponse {
        do {
            return try Self.json(Exclusion(try await pool.run { try work() }))
        } catch let error as ExclusionLog.Failure {
            throw HTTPError.badRequest(error.description)
        }
    }
}
