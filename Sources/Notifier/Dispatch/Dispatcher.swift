import Rules
import Store
import Telemetry

/// Decides who is told of which alerts, and when: grouping, inhibition, silences, muting times and what has
/// been told before, as Alertmanager does it. Does no I/O: every step gives the changes that the catalog
/// must take, notifications included, in one transaction.
package struct Dispatcher: Sendable {
    /// How many alerts were refused because too many are kept, and the name of the last.
    package struct Overflow: Sendable {
        package var count = 0
        package var last = ""
    }

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
    private let alertsMax: Int
    /// Alerts that found no room.
    package private(set) var overflow = Overflow()
    /// Nanoseconds before the end of a silence at which its matching alerts are worth a warning.
    let silenceWarning: Int64

    package init(
        config: AlertmanagerConfig, externalURL: String, silenceWarning: Int64 = 900_000_000_000,
        alertsMax: Int = Dispatcher.alertsMax
    ) {
        self.alertsMax = alertsMax
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
            guard old != nil || alerts.count < alertsMax else {
                overflow.count += 1
                overflow.last = new.labels["alertname"] ?? ""
                continue
            }
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

    /// Tells every group whose time has come, and with it those that burn because of it.
    /// - Parameter calls: who calls whom; needed if `asksForCalls`.
    package mutating func advance(
        to now: Timestamp, calls: ServiceCalls = ServiceCalls()
    ) -> NotifierChange {
        var change = warnings(at: now)
        // The clock may have been set back.
        for (identity, group) in groups where group.due(at: now) < group.next {
            groups[identity]?.next = group.due(at: now)
        }
        let due = groups.filter { $0.value.due(at: now) <= now }
        if !due.isEmpty {
            let inhibition = Inhibition(config.inhibitRules, alerts, at: now)
            let burning = BurningAlerts(calls, alerts.values, at: now)
            var flushed: Set<String> = []
            for (identity, _) in due.sorted(by: { $0.value.next < $1.value.next })
            where !flushed.contains(identity) {
                let company = company(of: identity, burning, at: now)
                flush(company, inhibition, burning, at: now, &change)
                flushed.formUnion(company.identities)
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
        _ company: Company, _ inhibition: Inhibition, _ burning: BurningAlerts,
        at now: Timestamp, _ change: inout NotifierChange
    ) {
        var told: [ToldGroup] = []
        for identity in company.identities {
            guard var group = groups[identity] else { continue }
            group.next = now.advanced(byNanoseconds: group.route.groupInterval)
            group.hasFlushed = true
            groups[identity] = group
            guard !group.alerts.isEmpty, !isBlocked(group, at: now),
                config.muting(group.route, at: now) == nil
            else { continue }
            let alerts = group.alerts.filter { entry in
                inhibition.inhibitors(of: entry.value.labels).isEmpty
                    && silencers(of: entry.value, at: now).isEmpty
            }
            if !alerts.isEmpty { told.append(ToldGroup(group, alerts, at: now)) }
        }
        if let route = told.first?.group.route {
            notify(told, route, company, burning, at: now, &change)
        }
        // Muted or not, what has ended has been dealt with.
        for identity in company.identities {
            for (fingerprint, alert) in groups[identity]?.alerts ?? [:]
            where alert.isResolved(at: now) {
                groups[identity]?.alerts[fingerprint] = nil
                forget(fingerprint, alert.labels, &change)
            }
        }
    }

    private func isBlocked(_ group: AlertGroup, at now: Timestamp) -> Bool {
        config.integrations(of: group.route.receiver).isEmpty
    }

    private mutating func notify(
        _ told: [ToldGroup], _ route: RouteTree, _ company: Company, _ burning: BurningAlerts,
        at now: Timestamp, _ change: inout NotifierChange
    ) {
        for integration in config.integrations(of: route.receiver) {
            let needed = told.filter { one in
                Notified.isNeeded(
                    after: notified[one.group.key(of: integration)], firing: one.firing,
                    resolved: one.resolved, sendsResolved: integration.sendsResolved,
                    repeatInterval: route.repeatInterval, at: now)
            }
            guard !needed.isEmpty else { continue }
            let life = route.repeatInterval.multipliedReportingOverflow(by: 2)
            let expiresAt = now.advanced(
                byNanoseconds: life.overflow ? .max : life.partialValue
            ).nanoseconds
            var alerts: [String: DispatchedAlert] = [:]
            for one in told {
                let key = one.group.key(of: integration)
                // What has ended and was never told is nothing to tell beside others, either.
                if one.firing.isEmpty, notified[key]?.firing.isEmpty ?? true { continue }
                let entry = Notified(
                    firing: one.firing, resolved: one.resolved, at: now.nanoseconds,
                    expiresAt: expiresAt,
                    thread: company.isShared || company.thread != one.group.thread
                        ? company.thread : notified[key]?.thread)
                notified[key] = entry
                change.put(.notified, key, entry)
                // Who is not told of the end has nothing to hear when all have ended.
                let worthTelling =
                    integration.sendsResolved ? one.firing.union(one.resolved) : one.firing
                alerts.merge(one.alerts.filter { worthTelling.contains($0.key) }) { $1 }
            }
            // The end of one group is no news of the others where ends are not told.
            let isNews = integration.sendsResolved || needed.contains { !$0.firing.isEmpty }
            if alerts.isEmpty || !isNews { continue }
            change.deliveries.append(delivery(alerts, route, company, burning, integration, now))
        }
    }

    private func delivery(
        _ told: [String: DispatchedAlert], _ route: RouteTree, _ company: Company,
        _ burning: BurningAlerts, _ integration: Integration, _ now: Timestamp
    ) -> Delivery {
        func rank(_ alert: DispatchedAlert) -> Int {
            guard !company.services.isEmpty, !alert.isResolved(at: now),
                let name = burning.service(of: alert)
            else { return company.services.count }
            return company.services.firstIndex(of: name) ?? company.services.count
        }
        let ranked = told.map { (fingerprint: $0.key, alert: $0.value, rank: rank($0.value)) }
        let alerts = ranked.sorted {
            $0.rank != $1.rank ? $0.rank < $1.rank : AlertOrder.isBefore($0.alert, $1.alert)
        }
        let message = GroupMessage(
            groupKey: company.thread.key, receiver: route.receiver,
            groupLabels: company.thread.labels, externalURL: externalURL,
            alerts: alerts.map { one in
                one.alert.isResolved(at: now)
                    ? one.alert.told(at: now)
                    : one.alert.telling(burning.together(with: one.alert)).told(at: now)
            })
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
