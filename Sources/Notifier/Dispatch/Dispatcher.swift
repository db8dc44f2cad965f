import Store
import Telemetry

/// Decides who is told of which alerts, and when: grouping, inhibition, silences, muting times and what has
/// been told before, as Alertmanager does it. Does no I/O: every step gives the changes that the catalog
/// must take, notifications included, in one transaction.
package struct Dispatcher: Sendable {
    /// Empty groups are cleared away so often: until then they keep their rhythm.
    private static let maintenanceInterval: Int64 = 30_000_000_000
    /// How long ended silences are shown.
    private static let silenceRetention: Int64 = 432_000_000_000_000
    /// Most alerts kept; further ones are refused.
    package static let alertsMax = 200_000

    package private(set) var config: AlertmanagerConfig
    package private(set) var alerts: [String: DispatchedAlert] = [:]
    package internal(set) var silences: [String: Silence] = [:]
    /// The matchers of `silences`.
    var matchers: [String: [LabelMatcher]] = [:]
    var groups: [String: AlertGroup] = [:]
    var notified: [String: Notified] = [:]
    private var lastMaintenance = Timestamp.distantPast
    private let externalURL: String
    /// Nanoseconds before the end of a silence at which its matching alerts are worth a warning.
    let silenceWarning: Int64

    package init(
        config: AlertmanagerConfig, externalURL: String, silenceWarning: Int64 = 900_000_000_000
    ) {
        self.config = config
        self.externalURL = externalURL
        self.silenceWarning = silenceWarning
    }

    /// Takes up what the catalog remembers.
    package mutating func restore(_ records: [NotifierRecord], at now: Timestamp) {
        for record in records {
            switch record.kind {
            case .alert:
                guard
                    var alert = DispatcherCoding.value(DispatchedAlert.self, record.body)
                else { continue }
                // Whoever sends it could not: it is given the time to say that it goes on.
                if alert.endsAt > alert.updatedAt, alert.endsAt != .max {
                    alert.endsAt = max(
                        alert.endsAt,
                        now.advanced(byNanoseconds: config.resolveTimeout).nanoseconds)
                }
                alerts[record.key] = alert
            case .silence:
                guard let silence = DispatcherCoding.value(Silence.self, record.body) else {
                    continue
                }
                remember(silence)
            case .notified:
                notified[record.key] = DispatcherCoding.value(Notified.self, record.body)
            case .group: continue
            }
        }
        regroup(at: now)
    }

    /// Goes on by another configuration.
    package mutating func replace(_ config: AlertmanagerConfig, at now: Timestamp) {
        self.config = config
        regroup(at: now)
    }

    private mutating func regroup(at now: Timestamp) {
        groups = [:]
        for (fingerprint, alert) in alerts { insert(alert, fingerprint, at: now) }
    }

    // MARK: Alerts

    /// Takes in alerts that somebody tells of.
    package mutating func receive(
        _ incoming: [DispatchedAlert], at now: Timestamp
    ) -> NotifierChange {
        var change = NotifierChange()
        for new in incoming {
            let fingerprint = new.fingerprint
            let old = alerts[fingerprint]
            guard old != nil || alerts.count < Self.alertsMax else { continue }
            // What has ended and was never known is nothing to tell.
            if old == nil, new.isResolved(at: now), !isKnown(fingerprint) { continue }
            let alert = old?.merged(with: new, at: now) ?? new
            alerts[fingerprint] = alert
            insert(alert, fingerprint, at: now)
            change.put(.alert, fingerprint, alert)
        }
        return change
    }

    private func isKnown(_ fingerprint: String) -> Bool {
        notified.values.contains { $0.firing.contains(fingerprint) }
    }

    private mutating func insert(
        _ alert: DispatchedAlert, _ fingerprint: String, at now: Timestamp
    ) {
        for route in config.route.matches(alert.labels) {
            let labels = route.groupLabels(of: alert.labels)
            groups[
                AlertGroup.identity(route, labels),
                default: AlertGroup(route: route, labels: labels, at: now)
            ].insert(alert, fingerprint, at: now)
        }
    }

    // MARK: Time

    /// Tells every group whose time has come.
    package mutating func advance(to now: Timestamp) -> NotifierChange {
        var change = warnings(at: now)
        // The clock may have been set back.
        for (identity, group) in groups where group.due(at: now) < group.next {
            groups[identity]?.next = group.due(at: now)
        }
        let due = groups.filter { $0.value.due(at: now) <= now }
        if !due.isEmpty {
            let inhibition = Inhibition(config.inhibitRules, alerts, at: now)
            for (identity, _) in due.sorted(by: { $0.value.next < $1.value.next }) {
                flush(identity, inhibition, at: now, &change)
            }
        }
        maintain(at: now, &change)
        return change
    }

    /// When `advance` is due next; `nil` if nothing waits.
    package func nextDue(at now: Timestamp) -> Timestamp? {
        groups.values.map { $0.due(at: now) }.min()
    }

    private mutating func flush(
        _ identity: String, _ inhibition: Inhibition, at now: Timestamp,
        _ change: inout NotifierChange
    ) {
        guard var group = groups[identity] else { return }
        group.next = now.advanced(byNanoseconds: group.route.groupInterval)
        group.hasFlushed = true
        if !group.alerts.isEmpty, !isBlocked(group, at: now) {
            let told = group.alerts.filter { entry in
                inhibition.inhibitors(of: entry.value.labels).isEmpty
                    && silencers(of: entry.value, at: now).isEmpty
            }
            if config.muting(group.route, at: now) == nil, !told.isEmpty {
                notify(group, told, at: now, &change)
            }
        }
        // Muted or not, what has ended has been dealt with.
        for (fingerprint, alert) in group.alerts where alert.isResolved(at: now) {
            group.alerts[fingerprint] = nil
            groups[identity] = group
            forget(fingerprint, alert.labels, &change)
        }
        groups[identity] = group
    }

    private func isBlocked(_ group: AlertGroup, at now: Timestamp) -> Bool {
        config.integrations(of: group.route.receiver).isEmpty
    }

    private mutating func notify(
        _ group: AlertGroup, _ told: [String: DispatchedAlert], at now: Timestamp,
        _ change: inout NotifierChange
    ) {
        let firing = Set(told.filter { !$0.value.isResolved(at: now) }.keys)
        let resolved = Set(told.keys).subtracting(firing)
        for integration in config.integrations(of: group.route.receiver) {
            // Not a zero byte: it would end the key in the catalog.
            let key = "\(group.key)\u{1F}\(integration.key)"
            guard
                Notified.isNeeded(
                    after: notified[key], firing: firing, resolved: resolved,
                    sendsResolved: integration.sendsResolved,
                    repeatInterval: group.route.repeatInterval, at: now)
            else { continue }
            let life = group.route.repeatInterval.multipliedReportingOverflow(by: 2)
            let entry = Notified(
                firing: firing, resolved: resolved, at: now.nanoseconds,
                expiresAt: now.advanced(
                    byNanoseconds: life.overflow ? .max : life.partialValue
                ).nanoseconds)
            notified[key] = entry
            change.put(.notified, key, entry)
            // Who is not told of the end has nothing to hear when all have ended.
            let worthTelling = integration.sendsResolved ? Set(told.keys) : firing
            if worthTelling.isEmpty { continue }
            change.deliveries.append(
                delivery(group, told.filter { worthTelling.contains($0.key) }, integration, now))
        }
    }

    private func delivery(
        _ group: AlertGroup, _ told: [String: DispatchedAlert], _ integration: Integration,
        _ now: Timestamp
    ) -> Delivery {
        let alerts = told.values.sorted {
            $0.startsAt != $1.startsAt
                ? $0.startsAt < $1.startsAt : $0.fingerprint < $1.fingerprint
        }
        let message = GroupMessage(
            groupKey: group.key, receiver: group.route.receiver, groupLabels: group.labels,
            externalURL: externalURL, alerts: alerts.map { $0.told(at: now) })
        return Delivery(
            receiver: integration.key, body: message.body, createdAt: now, nextAttemptAt: now)
    }

    // MARK: Forgetting

    /// Drops an alert that has ended from what is kept, unless another group has still to be told.
    private mutating func forget(
        _ fingerprint: String, _ labels: [String: String], _ change: inout NotifierChange
    ) {
        let isWaiting = config.route.matches(labels).contains { route in
            let identity = AlertGroup.identity(route, route.groupLabels(of: labels))
            return groups[identity]?.alerts[fingerprint] != nil
        }
        guard !isWaiting else { return }
        alerts[fingerprint] = nil
        change.removals.append((kind: .alert, key: fingerprint))
    }

    private mutating func maintain(at now: Timestamp, _ change: inout NotifierChange) {
        // Also after the clock was set back.
        let passed = now.nanoseconds(since: lastMaintenance)
        guard passed >= Self.maintenanceInterval || passed < 0 else { return }
        lastMaintenance = now
        groups = groups.filter { !$0.value.alerts.isEmpty }
        for (key, entry) in notified where entry.expiresAt < now.nanoseconds {
            notified[key] = nil
            change.removals.append((kind: .notified, key: key))
        }
        for (id, silence) in silences
        where now.nanoseconds(since: Timestamp(nanoseconds: silence.endsAt))
            > Self.silenceRetention
        {
            silences[id] = nil
            matchers[id] = nil
            change.removals.append((kind: .silence, key: id))
        }
    }
}

extension NotifierChange {
    /// A record of something new or changed.
    mutating func put(_ kind: NotifierRecord.Kind, _ key: String, _ value: some Encodable) {
        puts.append(NotifierRecord(kind: kind, key: key, body: DispatcherCoding.bytes(value)))
    }
}
