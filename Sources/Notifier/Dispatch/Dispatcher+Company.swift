import Telemetry

/// Callers and callees that burn together are told in one message although their labels keep them in
/// groups of their own.
extension Dispatcher {
    /// Whether something due is worth a look at who calls whom.
    package func asksForCalls(at now: Timestamp) -> Bool {
        groups.values.contains { group in
            group.due(at: now) <= now
                && group.alerts.values.contains {
                    $0.evidence != nil && !$0.isResolved(at: now)
                }
        }
    }

    /// The groups of the same route that are told with this one: those whose services burn together with
    /// its, and those told under its key before. Groups that have been told apart stay apart.
    func company(
        of identity: String, _ burning: BurningAlerts, at now: Timestamp
    ) -> Company {
        guard let group = groups[identity] else {
            return Company(
                identities: [], thread: Company.Thread(key: "", labels: [:]), services: [])
        }
        let own = thread(of: group, at: now)
        let services = servicesTogether(with: group, burning, at: now)
        let alone = Company(
            identities: [identity], thread: own?.thread ?? group.thread, services: services)
        guard !services.isEmpty || own?.isShared == true else { return alone }
        typealias Candidate = (
            identity: String, group: AlertGroup, told: Company.Thread?, rank: Int
        )
        var candidates: [Candidate] = groups.compactMap { entry -> Candidate? in
            guard entry.value.route.index == group.route.index else { return nil }
            let told = thread(of: entry.value, at: now)?.thread
            let rank = rank(of: entry.value, services, burning, at: now)
            let isRelated = rank < services.count || told != nil && told == own?.thread
            guard isRelated || entry.key == identity else { return nil }
            return (entry.key, entry.value, told, rank)
        }
        candidates.sort { ($0.rank, $0.group.key) < ($1.rank, $1.group.key) }
        guard
            let thread = own?.thread ?? candidates.lazy.compactMap(\.told).first
                ?? candidates.first?.group.thread
        else { return alone }
        let members = candidates.filter { $0.told == nil || $0.told == thread }
        return Company(
            identities: members.map(\.identity), thread: thread, services: services)
    }

    /// Of all alerts of a group that fire.
    private func servicesTogether(
        with group: AlertGroup, _ burning: BurningAlerts, at now: Timestamp
    ) -> [String] {
        var names: [String] = []
        for (_, alert) in group.alerts.sorted(by: { $0.key < $1.key })
        where !alert.isResolved(at: now) {
            for name in burning.together(with: alert) where !names.contains(name) {
                names.append(name)
            }
        }
        return names
    }

    /// The place among `services` of the first that a group's alerts are about; beyond the end if none.
    private func rank(
        of group: AlertGroup, _ services: [String], _ burning: BurningAlerts, at now: Timestamp
    ) -> Int {
        group.alerts.values.filter { !$0.isResolved(at: now) }.compactMap { alert in
            burning.service(of: alert).flatMap { services.firstIndex(of: $0) }
        }.min() ?? services.count
    }

    /// What a group is told under while anything of it that was told fires.
    private func thread(
        of group: AlertGroup, at now: Timestamp
    ) -> (thread: Company.Thread, isShared: Bool)? {
        for integration in config.integrations(of: group.route.receiver) {
            guard let entry = notified[group.key(of: integration)], !entry.firing.isEmpty,
                entry.expiresAt >= now.nanoseconds
            else { continue }
            return (entry.thread ?? group.thread, entry.thread != nil)
        }
        return nil
    }
}

extension AlertGroup {
    /// Its own key and labels.
    var thread: Company.Thread { Company.Thread(key: key, labels: labels) }

    /// Of the notification log. Not a zero byte: it would end the key in the catalog.
    func key(of integration: Integration) -> String { "\(key)\u{1F}\(integration.key)" }
}
