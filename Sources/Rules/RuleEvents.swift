import Logging
import Platform
import Store

/// A rule was evaluated, whether it worked or not.
struct RuleEvaluated: InternalEvent {
    static let counter = "sidelight_rule_evaluations_total"
    static let help = "Evaluations of rules."
}

/// A rule could not be evaluated, or its result not be stored.
struct RuleFailed: InternalEvent {
    static let counter = "sidelight_rule_evaluation_failures_total"
    static let help = "Evaluations of rules that failed."

    var group: RuleGroupKey
    var rule: String
    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "rule \(rule) of group \(group.name) (\(group.file)) failed: \(reason)" }
}

/// What Prometheus counts by group, by its names, so that alerts on rules that are written for it work here.
struct RuleGroupTally: Sendable {
    var key: RuleGroupKey

    var labels: [(name: String, value: String)] {
        [(name: "rule_group", value: "\(key.file);\(key.name)")]
    }

    /// Shows the counters before the first evaluation, so that their first rise is one.
    func announce(to events: EventLog) {
        events.emit(PrometheusEvaluation(labels: labels, increment: 0))
        events.emit(PrometheusEvaluationFailure(labels: labels, increment: 0))
        events.emit(PrometheusIteration(labels: labels, increment: 0))
        events.emit(PrometheusIterationMissed(labels: labels, increment: 0))
    }
}

/// A rule was evaluated.
struct PrometheusEvaluation: InternalEvent {
    static let counter = "prometheus_rule_evaluations_total"
    static let help = "Evaluations of rules, by group."

    var labels: [(name: String, value: String)]
    var increment: UInt64 = 1
}

/// A rule could not be evaluated.
struct PrometheusEvaluationFailure: InternalEvent {
    static let counter = "prometheus_rule_evaluation_failures_total"
    static let help = "Evaluations of rules that failed, by group."

    var labels: [(name: String, value: String)]
    var increment: UInt64 = 1
}

/// A group was due; counts those that were missed as well.
struct PrometheusIteration: InternalEvent {
    static let counter = "prometheus_rule_group_iterations_total"
    static let help = "Times that a rule group was due, by group."

    var labels: [(name: String, value: String)]
    var increment: UInt64
}

/// A group was due and not evaluated.
struct PrometheusIterationMissed: InternalEvent {
    static let counter = "prometheus_rule_group_iterations_missed_total"
    static let help = "Evaluations of rule groups that came too late, by group."

    var labels: [(name: String, value: String)]
    var increment: UInt64
}

/// A group was evaluated; counts the time it took.
struct RuleGroupEvaluated: InternalEvent {
    static let counter = "sidelight_rule_group_evaluation_microseconds_total"
    static let help = "Time spent evaluating rule groups, in microseconds."

    var seconds: Double
    var increment: UInt64 { UInt64(exactly: (seconds * 1e6).rounded()) ?? 0 }
}

/// Evaluations that did not happen because the one before took too long or the machine slept.
struct RuleEvaluationsMissed: InternalEvent {
    static let counter = "sidelight_rule_group_evaluations_missed_total"
    static let help = "Evaluations of rule groups that were skipped because they came too late."

    var group: RuleGroupKey
    var count: UInt64
    var increment: UInt64 { count }
    var level: Logger.Level? { .warning }
    var message: String { "group \(group.name) (\(group.file)) missed \(count) evaluations" }
}

/// An alert went from one state to another, and the catalog knows.
struct AlertTransitioned: InternalEvent {
    static let counter = "sidelight_alert_transitions_total"
    static let help = "Alerts that changed their state, by the new state."

    var transition: AlertTransition
    var labels: [(name: String, value: String)] { [(name: "to", value: transition.to)] }
    var level: Logger.Level? { .info }
    var message: String { "alert \(transition.labels): \(transition.from) to \(transition.to)" }
}

/// The catalog did not take what became of the alerts: they are as they were before.
struct AlertStateNotSaved: InternalEvent {
    static let counter = "sidelight_alert_state_failures_total"
    static let help = "Evaluations of rule groups whose alert states could not be saved."

    var group: RuleGroupKey
    var reason: String
    var level: Logger.Level? { .error }
    var message: String {
        "alert states of group \(group.name) (\(group.file)) could not be saved and are taken "
            + "again with the next evaluation: \(reason)"
    }
}

/// Rule files were read again.
struct RulesReloaded: InternalEvent {
    static let counter = "sidelight_rule_reloads_total"
    static let help = "Times that rule files were read again, by result."

    var failure: String?
    var labels: [(name: String, value: String)] {
        [(name: "result", value: failure == nil ? "success" : "failure")]
    }
    var level: Logger.Level? { failure == nil ? .info : .error }
    var message: String {
        failure.map { "rule files were not taken, the old rules stay: \($0)" }
            ?? "rule files were read again"
    }
}

/// Rules were removed, but their series or alerts could not be ended.
struct OldRulesNotEnded: InternalEvent {
    static let counter = "sidelight_rule_removal_failures_total"
    static let help = "Removed rules whose series or alerts could not be ended."

    var reason: String
    var level: Logger.Level? { .warning }
    var message: String { "removed rules could not be ended: \(reason)" }
}
