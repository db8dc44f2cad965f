import Rules
import Store
import Telemetry

/// Shows what a rule engine says of its groups.
package struct ReportedRules: RulesSource {
    private let snapshot: @Sendable () -> [RuleGroupStatus]

    /// - Parameter snapshot: the engine's groups as they stand.
    package init(_ snapshot: @escaping @Sendable () -> [RuleGroupStatus]) {
        self.snapshot = snapshot
    }

    package func ruleGroups() -> [RuleGroupReport] { snapshot().map(RuleGroupReport.init) }
}

extension RuleGroupReport {
    fileprivate init(_ status: RuleGroupStatus) {
        self.init(
            name: status.key.name, file: status.key.file,
            interval: .milliseconds(status.interval), limit: status.limit,
            evaluationTime: .seconds(status.evaluationSeconds),
            lastEvaluation: status.lastEvaluation, rules: status.rules.map(RuleReport.init))
    }
}

extension RuleReport {
    fileprivate init(_ status: RuleStatus) {
        self.init(
            name: status.name, query: status.query, labels: Labels(status.labels),
            kind: Kind(status), health: Health(status.health), lastError: status.lastError,
            evaluationTime: .seconds(status.evaluationSeconds),
            lastEvaluation: status.lastEvaluation)
    }
}

extension RuleReport.Kind {
    fileprivate init(_ status: RuleStatus) {
        switch status.kind {
        case .recording: self = .recording
        case .alerting:
            self = .alerting(
                hold: .milliseconds(status.holdDuration),
                keepFiring: .milliseconds(status.keepFiringFor),
                annotations: status.annotations.map { Attribute($0.name, .string($0.value)) },
                status.alerts.compactMap(AlertReport.init))
        }
    }
}

extension RuleReport.Health {
    fileprivate init(_ health: RuleStatus.Health) {
        switch health {
        case .unknown: self = .unknown
        case .ok: self = .ok
        case .failing: self = .err
        }
    }
}

extension AlertReport {
    /// `nil` for an alert that is over.
    fileprivate init?(_ alert: AlertRecord) {
        let isFiring: Bool
        switch alert.state {
        case .pending: isFiring = false
        case .firing: isFiring = true
        case .resolved: return nil
        }
        self.init(
            labels: alert.labels, annotations: alert.annotations, isFiring: isFiring,
            activeAt: alert.activeAt, keepFiringSince: alert.keepFiringSince, value: alert.value)
    }
}
