import Platform
import Store
import Telemetry

extension RuleGroupEvaluator {
    /// Gives every alert of the catalog to the rule it came from, and ends those whose rule is gone.
    mutating func restore(at now: Timestamp) throws(StoreError) {
        var orphans: [AlertRecord] = []
        let records = try environment.catalog.alerts(group: group.key)
        for record in withoutDowntime(records, at: now) {
            if let owner = owner(of: record) {
                members[owner].machine?.restore([record])
            } else {
                orphans.append(record)
            }
        }
        for index in members.indices {
            members[index].previous = Set(members[index].machine?.series.map(\.labels) ?? [])
        }
        try Self.end(orphans, of: group.key, in: environment, at: now)
    }

    /// Of several rules of one name the one whose fixed labels the alert has.
    private func owner(of record: AlertRecord) -> Int? {
        members.firstIndex { member in
            guard case .alerting(let rule) = member.rule, member.machine?.ruleID == record.rule
            else {
                return false
            }
            return rule.labels.allSatisfy { name, template in
                guard let text = template.fixedText else { return true }
                return (record.labels[name] ?? "") == text
            }
        }
    }

    /// Carries over what `old`, the same group before its file was read again, knows besides the
    /// catalog. Series of rules that are gone are ended with the next evaluation of the first rule.
    mutating func adopt(_ old: RuleGroupEvaluator, at now: Timestamp) throws(RuleFailure) {
        var left: Set<Labels> = []
        var taken: Set<Int> = []
        for member in old.members {
            let match = members.indices.first { index in
                !taken.contains(index) && members[index].rule.continues(member.rule)
            }
            guard let match else {
                left.formUnion(member.previous)
                continue
            }
            taken.insert(match)
            members[match].previous = member.previous
            let query = members[match].status.query
            members[match].status.adopt(member.status, isSameQuery: query == member.status.query)
        }
        for member in members { left.subtract(member.previous) }
        var batch = MetricBatch()
        batch.appendStaleMarkers(left, at: now.milliseconds)
        try environment.store.appendDurably(batch, timeout: environment.settings.appendTimeout)
    }

    /// Ends the group: its alerts in the catalog and its series in the store.
    func retire(at now: Timestamp) throws(RuleFailure) {
        do throws(StoreError) {
            try Self.end(
                try environment.catalog.alerts(group: group.key), of: group.key, in: environment,
                at: now)
        } catch {
            throw RuleFailure(reason: "cannot end the alerts of group \(group.key.name): \(error)")
        }
        var batch = MetricBatch()
        batch.appendStaleMarkers(
            members.reduce(into: []) { $0.formUnion($1.previous) }, at: now.milliseconds)
        try environment.store.appendDurably(batch, timeout: environment.settings.appendTimeout)
    }

    /// Ends alerts that no rule speaks for any more: firing ones are told as resolved.
    static func end(
        _ records: [AlertRecord], of group: RuleGroupKey, in environment: RuleEnvironment,
        at now: Timestamp
    ) throws(StoreError) {
        guard !records.isEmpty else { return }
        var change = CatalogChange()
        var resolved: [AlertRecord] = []
        for record in records {
            change.removals.append(record)
            let to: String
            switch record.state {
            case .pending: to = "inactive"
            case .firing(_, let firedAt):
                to = "resolved"
                var ended = record
                ended.state = .resolved(at: now, firedAt: firedAt)
                resolved.append(ended)
            case .resolved: continue
            }
            change.transitions.append(
                AlertTransition(
                    at: now, group: group, rule: record.rule, labels: record.labels,
                    from: record.state.name, to: to, value: record.value))
        }
        var notices = Notices(externalLabels: environment.settings.externalLabels)
        notices.add(resolved: resolved)
        for notification in notices.notifications(
            group: group, at: now, externalURL: environment.settings.externalURL)
        {
            change.deliveries += environment.notifications(notification)
        }
        try environment.catalog.commit(change)
        for transition in change.transitions {
            environment.events.emit(AlertTransitioned(transition: transition))
        }
        if !change.deliveries.isEmpty { environment.outboxFilled() }
    }
}

extension Rule {
    /// Whether this is the same rule as `old` as far as its series go, maybe with another expression.
    fileprivate func continues(_ old: Rule) -> Bool {
        switch (self, old) {
        case (.recording(let new), .recording(let old)):
            new.name == old.name && new.labels.elementsEqual(old.labels, by: ==)
        case (.alerting(let new), .alerting(let old)):
            new.name == old.name && new.labels.elementsEqual(old.labels, by: ==)
        case (.recording, .alerting), (.alerting, .recording): false
        }
    }
}

extension RuleStatus {
    fileprivate mutating func adopt(_ old: RuleStatus, isSameQuery: Bool) {
        alerts = old.alerts
        guard isSameQuery else { return }
        health = old.health
        lastError = old.lastError
        evaluationSeconds = old.evaluationSeconds
        lastEvaluation = old.lastEvaluation
    }
}
