import Telemetry

/// Gives the state of the rules for `/api/v1/rules` and `/api/v1/alerts`.
package protocol RulesSource: Sendable {
    /// All groups, in the order in which they should be shown. Must not block for long.
    func ruleGroups() -> [RuleGroupReport]
}

/// A group of rules as it stands.
package struct RuleGroupReport: Sendable {
    package var name: String
    package var file: String
    package var interval: Duration
    /// Alerts or series a rule may yield; 0 is no limit.
    package var limit: Int
    /// How long the last evaluation took.
    package var evaluationTime: Duration
    /// `nil` before the first evaluation.
    package var lastEvaluation: Timestamp?
    package var rules: [RuleReport]

    package init(
        name: String, file: String, interval: Duration, limit: Int = 0,
        evaluationTime: Duration = .zero, lastEvaluation: Timestamp? = nil,
        rules: [RuleReport] = []
    ) {
        self.name = name
        self.file = file
        self.interval = interval
        self.limit = limit
        self.evaluationTime = evaluationTime
        self.lastEvaluation = lastEvaluation
        self.rules = rules
    }
}

/// A rule as it stands.
package struct RuleReport: Sendable {
    package enum Health: String, Sendable {
        case unknown, ok, err
    }

    package enum Kind: Sendable {
        case recording
        case alerting(hold: Duration, keepFiring: Duration, annotations: [Attribute], [AlertReport])
    }

    /// The alert's name or the recorded metric's.
    package var name: String
    package var query: String
    package var labels: Labels
    package var kind: Kind
    package var health: Health
    /// "" when the last evaluation went well.
    package var lastError: String
    package var evaluationTime: Duration
    package var lastEvaluation: Timestamp?

    package init(
        name: String, query: String, labels: Labels = .empty, kind: Kind,
        health: Health = .unknown, lastError: String = "", evaluationTime: Duration = .zero,
        lastEvaluation: Timestamp? = nil
    ) {
        self.name = name
        self.query = query
        self.labels = labels
        self.kind = kind
        self.health = health
        self.lastError = lastError
        self.evaluationTime = evaluationTime
        self.lastEvaluation = lastEvaluation
    }
}

/// An alert that is pending or firing.
package struct AlertReport: Sendable {
    /// With `alertname`.
    package var labels: Labels
    package var annotations: [Attribute]
    package var isFiring: Bool
    package var activeAt: Timestamp
    /// Since when it only fires because of `keep_firing_for`.
    package var keepFiringSince: Timestamp?
    package var value: Double

    package init(
        labels: Labels, annotations: [Attribute] = [], isFiring: Bool, activeAt: Timestamp,
        keepFiringSince: Timestamp? = nil, value: Double
    ) {
        self.labels = labels
        self.annotations = annotations
        self.isFiring = isFiring
        self.activeAt = activeAt
        self.keepFiringSince = keepFiringSince
        self.value = value
    }
}
