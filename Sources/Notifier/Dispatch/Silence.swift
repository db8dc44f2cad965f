import Telemetry

/// Mutes the alerts that all its matchers accept, for a while.
package struct Silence: Codable, Hashable, Sendable {
    /// A condition, as the API writes it.
    package struct Matcher: Codable, Hashable, Sendable {
        package var name: String
        package var value: String
        package var isRegex: Bool
        package var isEqual: Bool

        package init(name: String, value: String, isRegex: Bool, isEqual: Bool) {
            self.name = name
            self.value = value
            self.isRegex = isRegex
            self.isEqual = isEqual
        }

        package var operation: LabelMatcher.Operation {
            LabelMatcher.Operation(isRegex: isRegex, isEqual: isEqual)
        }
    }

    package enum State: String, Sendable {
        case active, pending, expired
    }

    package var id: String
    package var matchers: [Matcher]
    /// Nanoseconds since the epoch, like all times here.
    package var startsAt: Int64
    package var endsAt: Int64
    package var updatedAt: Int64
    package var createdBy: String
    package var comment: String

    package init(
        id: String, matchers: [Matcher], startsAt: Timestamp, endsAt: Timestamp,
        createdBy: String, comment: String
    ) {
        self.id = id
        self.matchers = matchers
        self.startsAt = startsAt.nanoseconds
        self.endsAt = endsAt.nanoseconds
        updatedAt = startsAt.nanoseconds
        self.createdBy = createdBy
        self.comment = comment
    }

    package func state(at now: Timestamp) -> State {
        if now.nanoseconds < startsAt { return .pending }
        return now.nanoseconds >= endsAt ? .expired : .active
    }

    /// The matchers, ready for use.
    func compiled() throws(MatcherFailure) -> [LabelMatcher] {
        guard !matchers.isEmpty else {
            throw MatcherFailure(reason: "invalid silence: at least one matcher required")
        }
        var compiled: [LabelMatcher] = []
        for (index, matcher) in matchers.enumerated() {
            guard !matcher.name.isEmpty else {
                throw MatcherFailure(
                    reason:
                        "invalid silence: invalid label matcher \(index): invalid label name \"\"")
            }
            do throws(MatcherFailure) {
                compiled.append(try LabelMatcher(matcher.name, matcher.operation, matcher.value))
            } catch {
                throw MatcherFailure(
                    reason: "invalid silence: invalid label matcher \(index): \(error.reason)")
            }
        }
        // Matchers that exclude something count as narrow enough, as with Alertmanager.
        guard !zip(compiled, matchers).allSatisfy({ $0.acceptsNothing && $1.isEqual }) else {
            throw MatcherFailure(
                reason: "invalid silence: at least one matcher must not match the empty string")
        }
        return compiled
    }

    /// Whether `next` may take this silence's place under its id (Alertmanager, silence.canUpdate).
    func canBecome(_ next: Silence, at now: Timestamp) -> Bool {
        guard matchers == next.matchers else { return false }
        switch state(at: now) {
        case .active:
            // Clients hand back what they were shown, without fractions of a millisecond.
            return next.startsAt / 1_000_000_000 == startsAt / 1_000_000_000
                && next.endsAt >= now.nanoseconds
        case .pending: return next.startsAt >= now.nanoseconds
        case .expired: return false
        }
    }
}

/// Why a silence was not set or ended.
package enum SilenceFailure: Error, Hashable, Sendable {
    case notFound(String)
    case invalid(String)
    case alreadyExpired(String)

    package var reason: String {
        switch self {
        case .notFound(let id): "silence \(id) not found"
        case .invalid(let reason): reason
        case .alreadyExpired(let id): "silence \(id) already expired"
        }
    }
}
