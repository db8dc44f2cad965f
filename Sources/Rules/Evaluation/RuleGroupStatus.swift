import PromQL
import Store
import Telemetry

/// A rule group as people see it: what `/api/v1/rules` shows.
package struct RuleGroupStatus: Sendable {
    package var key: RuleGroupKey
    /// Milliseconds.
    package var interval: Int64
    package var limit: Int
    /// How long the last evaluation took.
    package var evaluationSeconds: Double = 0
    package var lastEvaluation: Timestamp?
    package var rules: [RuleStatus]
}

/// A rule and how its last evaluation went.
package struct RuleStatus: Sendable {
    package enum Kind: String, Sendable {
        case recording
        case alerting
    }

    package enum Health: String, Sendable {
        /// Not evaluated yet.
        case unknown
        case ok
        case failing = "err"
    }

    package var kind: Kind
    package var name: String
    /// The expression as the parser prints it.
    package var query: String
    /// Milliseconds; 0 for recording rules.
    package var holdDuration: Int64 = 0
    /// Milliseconds; 0 for recording rules.
    package var keepFiringFor: Int64 = 0
    /// As written: templates are not expanded.
    package var labels: [(name: String, value: String)]
    package var annotations: [(name: String, value: String)] = []
    package var health: Health = .unknown
    package var lastError = ""
    package var evaluationSeconds: Double = 0
    package var lastEvaluation: Timestamp?
    /// Pending and firing alerts, by labels.
    package var alerts: [AlertRecord] = []

    /// `firing` if any alert fires, else `pending` if any is, else `inactive`.
    package var state: String {
        let names = Set(alerts.map(\.state.name))
        return names.contains("firing")
            ? "firing" : names.contains("pending") ? "pending" : "inactive"
    }
}

extension RuleStatus {
    init(_ rule: Rule) {
        switch rule {
        case .recording(let recording):
            self.init(
                kind: .recording, name: recording.name, query: recording.query.printed,
                labels: recording.labels)
        case .alerting(let alerting):
            self.init(
                kind: .alerting, name: alerting.name, query: alerting.query.printed,
                holdDuration: alerting.holdDuration, keepFiringFor: alerting.keepFiringFor,
                labels: alerting.labels.map { ($0.name, $0.value.source) },
                annotations: alerting.annotations.map { ($0.name, $0.value.source) })
        }
    }
}

extension RuleQuery {
    var printed: String { promQL?.description ?? text }
}

extension AlertRecord {
    /// Since when the expression has held, or when the alert ended.
    package var activeAt: Timestamp {
        switch state {
        case .pending(let since), .firing(let since, _): since
        case .resolved(let at, _): at
        }
    }
}
