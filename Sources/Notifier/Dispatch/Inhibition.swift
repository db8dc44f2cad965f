import Telemetry

/// Which alerts others inhibit at one time (Alertmanager, inhibit/inhibit.go).
struct Inhibition {
    private struct Sources {
        let rule: InhibitRule
        /// By the values of the labels that must be equal.
        var alerts: [[String]: [(fingerprint: String, labels: [String: String])]] = [:]
    }

    private var sources: [Sources]

    init(
        _ rules: [InhibitRule], _ alerts: [String: DispatchedAlert], at now: Timestamp
    ) {
        sources = rules.map { Sources(rule: $0) }
        for (fingerprint, alert) in alerts where !alert.isResolved(at: now) {
            for index in sources.indices where sources[index].rule.source.accept(alert.labels) {
                let key = sources[index].rule.equal.map { alert.labels[$0] ?? "" }
                sources[index].alerts[key, default: []].append((fingerprint, alert.labels))
            }
        }
    }

    /// Fingerprints of the alerts that inhibit one with these labels, one for each rule.
    func inhibitors(of labels: [String: String]) -> [String] {
        sources.compactMap { source in
            guard source.rule.target.accept(labels) else { return nil }
            let candidates = source.alerts[source.rule.equal.map { labels[$0] ?? "" }] ?? []
            // An alert on both sides of a rule is not inhibited by others that are, nor by itself.
            let isTwoSided = source.rule.source.accept(labels)
            return candidates.filter { candidate in
                !(isTwoSided && source.rule.target.accept(candidate.labels))
            }.map(\.fingerprint).min()
        }
    }
}
