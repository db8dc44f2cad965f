import QueryCore
import Store
import Telemetry

/// Why a rule could not be evaluated.
package struct RuleFailure: Error, Hashable {
    package var reason: String
}

/// The alerts of one rule and how they go on: Prometheus's state machine (rules/alerting.go), with
/// every step as data. Does no I/O and reads no clock.
///
/// Deviations from Prometheus: `keep_firing_for` survives restarts, and alerts that a breached limit
/// throws away are told as resolved, because a receiver would otherwise believe in them for ever.
struct AlertMachine: Sendable {
    /// How long a resolved alert is kept for people to see, in nanoseconds (Prometheus's
    /// `resolvedRetention`).
    static let resolvedRetention: Int64 = 900_000_000_000

    let rule: AlertingRule
    let group: RuleGroupKey
    /// What the catalog knows the rule by: its name, and a number where an earlier rule of the group has the
    /// same name and labels.
    let ruleID: String
    /// By labels: pending, firing, and resolved ones that are not yet forgotten.
    private(set) var alerts: [Labels: AlertRecord] = [:]

    init(
        rule: AlertingRule, group: RuleGroupKey, ruleID: String? = nil,
        restored: [AlertRecord] = []
    ) {
        self.rule = rule
        self.group = group
        self.ruleID = ruleID ?? rule.name
        for record in restored { alerts[record.labels] = record }
    }

    /// Takes over the alerts of the same rule from before its file was read again.
    mutating func restore(_ records: [AlertRecord]) {
        for record in records { alerts[record.labels] = record }
    }

    /// What one evaluation changed.
    struct Step: Sendable {
        var change = CatalogChange()
        /// Alerts of which a `firing` notification is due.
        var firing: [AlertRecord] = []
        /// Alerts that have just ended.
        var resolved: [AlertRecord] = []
        /// Set if the alerts were thrown away because there were too many.
        var failure: RuleFailure?
    }

    /// Goes on by the result of the expression at `now`.
    /// - Parameters:
    ///   - limit: most alerts that may be active; 0 for no limit.
    ///   - resendAfter: nanoseconds after which a firing alert is told again.
    /// - Throws: if two series yield the same alert; nothing has changed then.
    mutating func step(
        _ result: [VectorElement], at now: Timestamp, limit: Int, resendAfter: Int64,
        in surroundings: TemplateSurroundings
    ) throws(RuleFailure) -> Step {
        let wanted = try instances(of: result, at: now, in: surroundings)
        var step = Step()
        var activeCount = 0
        let before = alerts
        for (labels, record) in before {
            guard var record = wanted[labels] == nil ? Self.clamped(record, to: now) : nil else {
                continue
            }
            if case .firing = record.state, let start = record.keepFiringSince ?? keepStart(now),
                now.nanoseconds(since: start) < nanoseconds(rule.keepFiringFor)
            {
                record.keepFiringSince = start
                activeCount += 1
                keep(record, before: before[labels], at: now, resendAfter, &step)
            } else {
                end(record, at: now, &step)
            }
        }
        for (labels, instance) in wanted {
            activeCount += 1
            proceed(instance, before: before[labels], at: now, resendAfter, &step)
        }
        if limit > 0, activeCount > limit {
            alerts = before
            step = clear(at: now)
            step.failure = RuleFailure(
                reason: "exceeded limit of \(limit) with \(activeCount) alerts")
        }
        step.sort()
        return step
    }

    /// Ends all alerts, because the rule is gone or has yielded too many.
    mutating func clear(at now: Timestamp) -> Step {
        var step = Step()
        for record in alerts.values {
            switch record.state {
            case .resolved: continue
            case .pending, .firing: end(Self.clamped(record, to: now), at: now, &step)
            }
        }
        step.sort()
        return step
    }

    // MARK: One alert

    /// The alerts that the result asks for, each as if it had just begun.
    private func instances(
        of result: [VectorElement], at now: Timestamp, in surroundings: TemplateSurroundings
    ) throws(RuleFailure) -> [Labels: AlertRecord] {
        var instances: [Labels: AlertRecord] = [:]
        for element in result {
            let subject = Template.Subject(
                labels: element.labels, value: element.value, surroundings: surroundings)
            var pairs = element.labels.pairs.filter { $0.name != Labels.metricName }
            for (name, template) in rule.labels {
                pairs.append((name: name, value: template.text(for: subject)))
            }
            pairs.append((name: "alertname", value: rule.name))
            let labels = Labels(pairs)
            let record = AlertRecord(
                group: group, rule: ruleID, labels: labels,
                annotations: rule.annotations.map {
                    Attribute($0.name, .string($0.value.text(for: subject)))
                }, state: .pending(since: now), value: element.value)
            guard instances.updateValue(record, forKey: labels) == nil else {
                throw RuleFailure(
                    reason: "vector contains metrics with the same labelset after applying alert "
                        + "labels: \(labels)")
            }
        }
        return instances
    }

    /// An alert that the expression asks for.
    private mutating func proceed(
        _ instance: AlertRecord, before: AlertRecord?, at now: Timestamp, _ resendAfter: Int64,
        _ step: inout Step
    ) {
        var record = instance
        var from = "inactive"
        if let before = before.map({ Self.clamped($0, to: now) }) {
            switch before.state {
            case .resolved: break
            case .pending, .firing:
                record.state = before.state
                record.lastSentAt = before.lastSentAt
                from = before.state.name
            }
        }
        if case .pending(let since) = record.state,
            now.nanoseconds(since: since) >= nanoseconds(rule.holdDuration)
        {
            record.state = .firing(since: since, firedAt: now)
        }
        if from != record.state.name {
            step.change.transitions.append(transition(record, from, record.state.name, now))
        }
        keep(record, before: before, at: now, resendAfter, &step)
    }

    /// Files an active alert, and puts it among those to be told if it is time.
    private mutating func keep(
        _ record: AlertRecord, before: AlertRecord?, at now: Timestamp, _ resendAfter: Int64,
        _ step: inout Step
    ) {
        var record = record
        if case .firing = record.state {
            let isDue = record.lastSentAt.map { now.nanoseconds(since: $0) >= resendAfter } ?? true
            if isDue {
                record.lastSentAt = now
                step.firing.append(record)
            }
        }
        alerts[record.labels] = record
        // Values and annotations change with every evaluation; they ride along with what must last.
        let isSame =
            before?.state == record.state && before?.lastSentAt == record.lastSentAt
            && before?.keepFiringSince == record.keepFiringSince
        if !isSame { step.change.upserts.append(record) }
    }

    /// An alert that the expression no longer asks for.
    private mutating func end(_ record: AlertRecord, at now: Timestamp, _ step: inout Step) {
        switch record.state {
        case .pending:
            alerts[record.labels] = nil
            step.change.removals.append(record)
            step.change.transitions.append(transition(record, "pending", "inactive", now))
        case .firing(_, let firedAt):
            var ended = record
            ended.state = .resolved(at: now, firedAt: firedAt)
            ended.keepFiringSince = nil
            alerts[ended.labels] = ended
            step.change.upserts.append(ended)
            step.change.transitions.append(transition(ended, "firing", "resolved", now))
            step.resolved.append(ended)
        case .resolved(let at, _):
            guard now.nanoseconds(since: at) > Self.resolvedRetention else { return }
            alerts[record.labels] = nil
            step.change.removals.append(record)
        }
    }

    private func keepStart(_ now: Timestamp) -> Timestamp? { rule.keepFiringFor > 0 ? now : nil }

    private func transition(
        _ record: AlertRecord, _ from: String, _ to: String, _ now: Timestamp
    ) -> AlertTransition {
        AlertTransition(
            at: now, group: group, rule: ruleID, labels: record.labels, from: from, to: to,
            value: record.value)
    }

    private func nanoseconds(_ milliseconds: Int64) -> Int64 {
        Timestamp(milliseconds: milliseconds).nanoseconds
    }

    /// With no time after `now`: after the clock was set back, an alert waits once more at most, and not
    /// until the clock has caught up.
    private static func clamped(_ record: AlertRecord, to now: Timestamp) -> AlertRecord {
        var record = record
        record.state =
            switch record.state {
            case .pending(let since): .pending(since: min(since, now))
            case .firing(let since, let firedAt):
                .firing(since: min(since, now), firedAt: min(firedAt, now))
            case .resolved(let at, let firedAt):
                .resolved(at: min(at, now), firedAt: min(firedAt, now))
            }
        record.lastSentAt = record.lastSentAt.map { min($0, now) }
        record.keepFiringSince = record.keepFiringSince.map { min($0, now) }
        return record
    }
}

extension AlertMachine.Step {
    /// By labels, so that the order does not depend on hashing.
    fileprivate mutating func sort() {
        change.upserts.sort { $0.labels.comesBefore($1.labels) }
        change.removals.sort { $0.labels.comesBefore($1.labels) }
        change.transitions.sort { $0.labels.comesBefore($1.labels) }
        firing.sort { $0.labels.comesBefore($1.labels) }
        resolved.sort { $0.labels.comesBefore($1.labels) }
    }
}

extension AlertMachine {
    /// The series that tell of the active alerts: `ALERTS` with the state, 1 each, and
    /// `ALERTS_FOR_STATE` with the time in Unix seconds since when the expression has held.
    var series: [(labels: Labels, value: Double)] {
        var series: [(labels: Labels, value: Double)] = []
        for record in alerts.values {
            let since: Timestamp
            switch record.state {
            case .pending(let start), .firing(let start, _): since = start
            case .resolved: continue
            }
            series.append(
                (
                    record.labels.setting("alertstate", record.state.name)
                        .setting(Labels.metricName, "ALERTS"), 1
                ))
            series.append(
                (
                    record.labels.setting(Labels.metricName, "ALERTS_FOR_STATE"),
                    since.seconds.rounded(.down)
                ))
        }
        return series
    }
}
