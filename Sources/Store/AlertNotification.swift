import Telemetry

/// What is to be told about the alerts of a rule group: all that began to fire or still do, or all
/// that have ended, in one evaluation.
package struct AlertNotification: Hashable, Sendable {
    package enum Status: String, Sendable {
        case firing
        case resolved
    }

    package var group: RuleGroupKey
    package var status: Status
    /// Time of the evaluation.
    package var at: Timestamp
    /// Where people reach this server, without a slash at the end; may be empty.
    package var externalURL: String
    package var alerts: [AlertNotice]

    package init(
        group: RuleGroupKey, status: Status, at: Timestamp, externalURL: String,
        alerts: [AlertNotice]
    ) {
        self.group = group
        self.status = status
        self.at = at
        self.externalURL = externalURL
        self.alerts = alerts
    }
}

/// One alert in a notification.
package struct AlertNotice: Hashable, Sendable {
    /// With `alertname`.
    package var labels: Labels
    package var annotations: [Attribute]
    /// When it began to fire.
    package var startsAt: Timestamp
    /// `nil` while it fires.
    package var endsAt: Timestamp?
    /// Shows the expression in the UI.
    package var generatorURL: String
    /// Why it fires, where somebody looked.
    package var evidence: PageEvidence?

    package init(
        labels: Labels, annotations: [Attribute], startsAt: Timestamp, endsAt: Timestamp?,
        generatorURL: String, evidence: PageEvidence? = nil
    ) {
        self.labels = labels
        self.annotations = annotations
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.generatorURL = generatorURL
        self.evidence = evidence
    }
}

/// Turns a notification into what goes into the outbox: one delivery for each receiver that wants it.
package typealias NotificationBuilder = @Sendable (AlertNotification) -> [Delivery]
