import Telemetry

/// Alerts of one route with the same group labels, told together.
struct AlertGroup: Sendable {
    let route: RouteTree
    let labels: [String: String]
    /// When the group is told next.
    var next: Timestamp
    var hasFlushed = false
    /// By fingerprint; resolved alerts leave once that was told.
    var alerts: [String: DispatchedAlert] = [:]

    init(route: RouteTree, labels: [String: String], at now: Timestamp) {
        self.route = route
        self.labels = labels
        next = now.advanced(byNanoseconds: route.groupWait)
    }

    /// Alertmanager's key of the group: the same for routes with the same path of matchers.
    var key: String {
        let pairs = labels.sorted { $0.key < $1.key }.map {
            "\($0.key)=\(LabelMatcher.quoted($0.value))"
        }
        return "\(route.key):{\(pairs.joined(separator: ", "))}"
    }

    /// Tells this group from all others.
    static func identity(_ route: RouteTree, _ labels: [String: String]) -> String {
        let pairs = labels.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
        return "\(route.index)\u{0}" + pairs.joined(separator: "\u{0}")
    }

    /// An alert that has waited long enough already is told at once.
    mutating func insert(_ alert: DispatchedAlert, _ fingerprint: String, at now: Timestamp) {
        alerts[fingerprint] = alert
        let waited = Timestamp(nanoseconds: alert.startsAt).advanced(byNanoseconds: route.groupWait)
        if !hasFlushed, waited < now { next = min(next, now) }
    }

    /// When the group is due, even if the clock was set back since.
    func due(at now: Timestamp) -> Timestamp {
        min(next, now.advanced(byNanoseconds: max(route.groupWait, route.groupInterval)))
    }
}

/// What an integration was last told of a group: the notification log.
struct Notified: Codable, Hashable, Sendable {
    /// Fingerprints.
    var firing: Set<String>
    var resolved: Set<String>
    /// Nanoseconds since the epoch.
    var at: Int64
    /// After that the entry means nothing any more.
    var expiresAt: Int64
    /// What it was told under, if together with other groups.
    var thread: Company.Thread?

    /// Whether there is something to tell beyond `entry` (Alertmanager, notify/dedup_stage.go).
    static func isNeeded(
        after entry: Notified?, firing: Set<String>, resolved: Set<String>, sendsResolved: Bool,
        repeatInterval: Int64, at now: Timestamp
    ) -> Bool {
        guard let entry else { return !firing.isEmpty }
        if !firing.isSubset(of: entry.firing) { return true }
        if firing.isEmpty { return !entry.firing.isEmpty }
        if sendsResolved, !resolved.isSubset(of: entry.resolved) { return true }
        // After the clock was set back, an entry from the future counts as one of now.
        let told = Timestamp(nanoseconds: min(entry.at, now.nanoseconds))
        return now.nanoseconds(since: told) > repeatInterval
    }
}
