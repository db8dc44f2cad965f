import Platform
import PromQL
import QueryCore
import Store
import Telemetry

/// Evaluates the rules of one group, in order, at instants that it is given.
///
/// Each rule's samples are durable before the next rule is evaluated. What became of the alerts, and
/// what is to be told about them, goes into the catalog in one transaction at the end; if that fails
/// the alerts are as they were before, so that nothing has happened that a restart would not know.
package struct RuleGroupEvaluator: Sendable {
    /// One rule and what it remembers.
    struct Member: Sendable {
        var rule: Rule
        /// For alerting rules.
        var machine: AlertMachine?
        /// The series of the last evaluation: those that vanish are ended by a stale marker.
        var previous: Set<Labels> = []
        var status: RuleStatus
    }

    package let group: RuleGroup
    let environment: RuleEnvironment
    var members: [Member]
    private var lastEvaluation: Timestamp?
    private var evaluationSeconds = 0.0

    /// Takes up the alerts that the catalog holds for the group. Alerts of rules that the group no
    /// longer has are ended.
    package init(
        _ group: RuleGroup, in environment: RuleEnvironment, at now: Timestamp
    ) throws(StoreError) {
        self.group = group
        self.environment = environment
        var twins: [[String]: Int] = [:]
        members = group.rules.map { rule in
            var machine: AlertMachine?
            if case .alerting(let alerting) = rule {
                let count = twins[alerting.identity, default: 0] + 1
                twins[alerting.identity] = count
                machine = AlertMachine(
                    rule: alerting, group: group.key,
                    ruleID: count == 1 ? alerting.name : "\(alerting.name) (\(count))")
            }
            return Member(rule: rule, machine: machine, status: RuleStatus(rule))
        }
        try restore(at: now)
    }

    /// Milliseconds.
    package var interval: Int64 { group.interval ?? environment.settings.defaultInterval }

    /// What an evaluation did.
    package struct Outcome: Sendable {
        /// Everything that was committed to the catalog.
        package var change = CatalogChange()
        /// Float samples stored, stale markers included.
        package var sampleCount = 0
        /// One line a rule that failed.
        package var failures: [String] = []
    }

    /// Evaluates all rules once.
    package mutating func evaluate(at now: Timestamp) -> Outcome {
        let start = environment.clock.monotonicNanoseconds
        var outcome = Outcome()
        var notices = Notices(externalLabels: environment.settings.externalLabels)
        let before = members
        countEvents(at: now, &outcome)
        for index in members.indices {
            evaluate(index, at: now, &outcome, &notices)
        }
        if !commit(notices, at: now, &outcome) {
            for index in members.indices { members[index].machine = before[index].machine }
        }
        for index in members.indices { members[index].refreshAlerts() }
        lastEvaluation = now
        evaluationSeconds = Double(environment.clock.monotonicNanoseconds &- start) / 1e9
        environment.events.emit(RuleGroupEvaluated(seconds: evaluationSeconds))
        return outcome
    }

    /// Rules are evaluated over what was counted even if counting fails, which is told.
    private func countEvents(at now: Timestamp, _ outcome: inout Outcome) {
        guard let events = group.events else { return }
        for source in events.sources {
            do throws(RuleFailure) {
                guard let ledger = environment.ledger else {
                    throw RuleFailure(reason: "nothing counts events here")
                }
                try ledger.update(source, at: now.milliseconds, period: events.period)
            } catch {
                outcome.failures.append(error.reason)
                environment.events.emit(
                    RuleFailed(group: group.key, rule: source.query, reason: error.reason))
                environment.events.emit(
                    PrometheusEvaluationFailure(labels: RuleGroupTally(key: group.key).labels))
            }
        }
    }

    /// How the group stands.
    package var status: RuleGroupStatus {
        RuleGroupStatus(
            key: group.key, interval: interval, limit: group.limit,
            evaluationSeconds: evaluationSeconds, lastEvaluation: lastEvaluation,
            rules: members.map(\.status))
    }

    // MARK: One rule

    private mutating func evaluate(
        _ index: Int, at now: Timestamp, _ outcome: inout Outcome, _ notices: inout Notices
    ) {
        let start = environment.clock.monotonicNanoseconds
        let labels = RuleGroupTally(key: group.key).labels
        environment.events.emit(RuleEvaluated())
        environment.events.emit(PrometheusEvaluation(labels: labels))
        var failure: RuleFailure?
        do throws(RuleFailure) {
            failure = try run(index, at: now, &outcome, &notices)
        } catch {
            failure = error
        }
        members[index].status.health = failure == nil ? .ok : .failing
        members[index].status.lastError = failure?.reason ?? ""
        members[index].status.lastEvaluation = now
        members[index].status.evaluationSeconds =
            Double(environment.clock.monotonicNanoseconds &- start) / 1e9
        if let failure {
            let rule = members[index].rule
            outcome.failures.append("\(rule.name): \(failure.reason)")
            environment.events.emit(
                RuleFailed(group: group.key, rule: rule.name, reason: failure.reason))
            environment.events.emit(PrometheusEvaluationFailure(labels: labels))
        }
    }

    /// Returns a failure after which the rule's alerts have changed all the same.
    private mutating func run(
        _ index: Int, at now: Timestamp, _ outcome: inout Outcome, _ notices: inout Notices
    ) throws(RuleFailure) -> RuleFailure? {
        let time = now.advanced(
            byNanoseconds: -Timestamp(milliseconds: group.queryOffset).nanoseconds
        ).milliseconds
        let result = try query(members[index].rule.query, at: time)
        let series: [VectorElement]
        switch members[index].rule {
        case .recording(let rule):
            series = try rule.series(of: result, limit: group.limit)
        case .alerting:
            guard var machine = members[index].machine else { return nil }
            let step = try machine.step(
                result, at: now, limit: group.limit,
                resendAfter: environment.settings.resendAfter, in: surroundings(at: time))
            members[index].machine = machine
            outcome.change.merge(step.change)
            notices.add(step, of: members[index].rule)
            if let failure = step.failure { return failure }
            series = machine.series.map { VectorElement(labels: $0.labels, value: $0.value) }
        }
        try store(series, of: index, at: time, &outcome)
        return nil
    }

    /// What templates may refer to; `query` asks the store at the time of the evaluation.
    private func surroundings(at time: Int64) -> TemplateSurroundings {
        let (environment, settings) = (environment, environment.settings)
        return TemplateSurroundings(
            externalURL: settings.externalURL, externalLabels: settings.externalLabels, time: time
        ) { text in
            do throws(QueryError) {
                let expression = try PromQLEngine.parse(text)
                let elements = try environment.result(of: expression, at: time)
                return .success(
                    elements.map {
                        TemplateSurroundings.Sample(labels: $0.labels, value: $0.value)
                    })
            } catch {
                return .failure(TemplateError(line: 0, reason: error.message))
            }
        }
    }

    private func query(
        _ query: RuleQuery, at time: Int64
    ) throws(RuleFailure) -> [VectorElement] {
        do throws(QueryError) {
            return try environment.result(of: query, at: time)
        } catch {
            throw RuleFailure(reason: error.message)
        }
    }

    /// Stores a rule's series and ends those of the last time that are not among them.
    private mutating func store(
        _ series: [VectorElement], of index: Int, at time: Int64,
        _ outcome: inout Outcome
    ) throws(RuleFailure) {
        let current = Set(series.map(\.labels))
        var vanished = members[index].previous.subtracting(current)
        // What another rule of the group still writes has not ended.
        for other in members.indices where other != index && !vanished.isEmpty {
            vanished.subtract(members[other].previous)
        }
        var batch = MetricBatch()
        for element in series {
            let number = batch.append(element.labels)
            if let histogram = element.histogram {
                batch.histograms.append(
                    HistogramSample(series: number, time: time, histogram: histogram.native))
            } else {
                batch.append(series: number, time: time, value: element.value)
            }
        }
        batch.appendStaleMarkers(vanished, at: time)
        try environment.store.appendDurably(batch, timeout: environment.settings.appendTimeout)
        members[index].previous = current
        outcome.sampleCount += batch.sampleCount
    }

    // MARK: The catalog

    /// False if the catalog did not take the change.
    private func commit(_ notices: Notices, at now: Timestamp, _ outcome: inout Outcome) -> Bool {
        for notification in notices.notifications(
            group: group.key, at: now, externalURL: environment.settings.externalURL,
            evidence: environment.evidence)
        {
            outcome.change.deliveries += environment.notifications(notification)
        }
        guard !outcome.change.isEmpty else { return true }
        do throws(StoreError) {
            try environment.catalog.commit(outcome.change)
        } catch {
            outcome.change = CatalogChange()
            outcome.failures.append("the catalog refused the change: \(error)")
            environment.events.emit(AlertStateNotSaved(group: group.key, reason: "\(error)"))
            return false
        }
        for transition in outcome.change.transitions {
            environment.events.emit(AlertTransitioned(transition: transition))
        }
        if !outcome.change.deliveries.isEmpty { environment.outboxFilled() }
        return true
    }
}

extension RuleGroupEvaluator.Member {
    fileprivate mutating func refreshAlerts() {
        guard let machine else { return }
        status.alerts = machine.alerts.values
            .filter {
                if case .resolved = $0.state { return false }
                return true
            }
            .sorted { $0.labels.comesBefore($1.labels) }
    }
}

extension AlertingRule {
    /// What tells it from others of its group.
    fileprivate var identity: [String] {
        [name]
            + labels.sorted { $0.name < $1.name }.flatMap { [$0.name, $0.value.source] }
    }
}

extension RecordingRule {
    /// The series under the rule's name and labels.
    func series(
        of result: [VectorElement], limit: Int
    ) throws(RuleFailure) -> [VectorElement] {
        if limit > 0, result.count > limit {
            throw RuleFailure(reason: "exceeded limit of \(limit) with \(result.count) series")
        }
        var seen: Set<Labels> = []
        var series: [VectorElement] = []
        for element in result {
            let own: [(name: String, value: String)] = [(name: Labels.metricName, value: name)]
            let labels = Labels(element.labels.pairs + own + self.labels)
            guard seen.insert(labels).inserted else {
                throw RuleFailure(
                    reason: "vector contains metrics with the same labelset after applying rule "
                        + "labels: \(labels)")
            }
            series.append(
                VectorElement(
                    labels: labels, value: element.value, histogram: element.histogram))
        }
        return series
    }
}

extension MetricBatch {
    mutating func appendStaleMarkers(_ series: Set<Labels>, at time: Int64) {
        for labels in series.sorted(by: { $0.comesBefore($1) }) {
            append(series: append(labels), time: time, value: Sample.staleMarker)
        }
    }
}

extension CatalogChange {
    mutating func merge(_ other: CatalogChange) {
        upserts += other.upserts
        removals += other.removals
        transitions += other.transitions
        deliveries += other.deliveries
    }
}
