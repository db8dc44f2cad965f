import Foundation
import HTTPServer
import Notifier
import Telemetry
import WireFormats

extension AlertmanagerAPI {
    func silences(_ request: HTTPRequest) async throws -> HTTPResponse {
        let wanted = try AlertFilter.matchers(request.parameters)
        var states: Set<Silence.State> = []
        for (name, state) in [
            ("active", Silence.State.active), ("pending", .pending), ("expired", .expired),
        ] where try AlertFilter.flag(request.parameters, name) {
            states.insert(state)
        }
        let now = alertmanager.now
        let shown = alertmanager.snapshot.silences.values.filter { silence in
            states.contains(silence.state(at: now))
                && wanted.allSatisfy { matcher in
                    silence.matchers.contains {
                        $0.name == matcher.name && $0.value == matcher.value
                            && $0.operation == matcher.operation
                    }
                }
        }
        var writer = JSONWriter()
        writer.array { array in
            for silence in Self.sorted(shown, now) { array.value(silence, now) }
        }
        return .json(writer.bytes)
    }

    func silence(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = request.pathParameters["id"] ?? ""
        guard let silence = alertmanager.snapshot.silences[id.lowercased()] else {
            throw HTTPError(.notFound, message: "silence \(id) not found")
        }
        var writer = JSONWriter()
        writer.value(silence, alertmanager.now)
        return .json(writer.bytes)
    }

    func postSilence(_ request: HTTPRequest) async throws -> HTTPResponse {
        let posted: PostedSilence = try Self.decoded(request.body)
        let silence = try posted.silence()
        let result = try await runner.run { [alertmanager] _ in try alertmanager.set(silence) }
        switch result {
        case .success(let id):
            var writer = JSONWriter()
            writer.object { $0.field("silenceID", id) }
            return .json(writer.bytes)
        case .failure(let failure): throw Self.error(failure)
        }
    }

    func deleteSilence(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = (request.pathParameters["id"] ?? "").lowercased()
        let result = try await runner.run { [alertmanager] _ in try alertmanager.expire(id) }
        if case .failure(let failure) = result { throw Self.error(failure) }
        return HTTPResponse(status: 200)
    }

    private static func error(_ failure: SilenceFailure) -> HTTPError {
        switch failure {
        case .notFound: HTTPError(.notFound, message: failure.reason)
        case .invalid: .badRequest(failure.reason)
        case .alreadyExpired: HTTPError(.failed, message: failure.reason)
        }
    }

    /// Those in force first, the ones that end next before others; then those to come, then those that are
    /// over, the last ones first.
    private static func sorted(_ silences: [Silence], _ now: Timestamp) -> [Silence] {
        func rank(_ silence: Silence) -> (Int, Int64) {
            switch silence.state(at: now) {
            case .active: (1, silence.endsAt)
            case .pending: (2, silence.startsAt)
            case .expired: (3, -silence.endsAt)
            }
        }
        return silences.sorted {
            let (a, b) = (rank($0), rank($1))
            return a != b ? a < b : $0.id < $1.id
        }
    }
}

/// A silence as clients send it.
private struct PostedSilence: Decodable {
    struct Matcher: Decodable {
        var name: String
        var value: String
        var isRegex: Bool
        var isEqual: Bool?
    }

    var id: String?
    var matchers: [Matcher]
    var startsAt: String
    var endsAt: String
    var createdBy: String
    var comment: String

    func silence() throws(HTTPError) -> Silence {
        guard let start = RFC3339.parse(startsAt), let end = RFC3339.parse(endsAt) else {
            throw .badRequest("parsing body failed: startsAt and endsAt must be times")
        }
        return Silence(
            id: (id ?? "").lowercased(),
            matchers: matchers.map {
                Silence.Matcher(
                    name: $0.name, value: $0.value, isRegex: $0.isRegex,
                    isEqual: $0.isEqual ?? true)
            }, startsAt: start, endsAt: end, createdBy: createdBy, comment: comment)
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ silence: Silence, _ now: Timestamp) {
        object {
            $0.field("id", silence.id)
            $0.objectField("status") { $0.field("state", silence.state(at: now).rawValue) }
            for (name, time) in [
                ("updatedAt", silence.updatedAt), ("startsAt", silence.startsAt),
                ("endsAt", silence.endsAt),
            ] {
                $0.key(name)
                $0.value(rfc3339: Timestamp(nanoseconds: time), fraction: .milliseconds)
            }
            $0.field("comment", silence.comment)
            $0.field("createdBy", silence.createdBy)
            $0.arrayField("matchers") { array in
                for matcher in silence.matchers {
                    array.object {
                        $0.field("isEqual", matcher.isEqual)
                        $0.field("isRegex", matcher.isRegex)
                        $0.field("name", matcher.name)
                        $0.field("value", matcher.value)
                    }
                }
            }
        }
    }
}
