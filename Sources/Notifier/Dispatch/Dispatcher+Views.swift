import Telemetry

/// An alert with what becomes of it.
package struct AlertView: Sendable {
    package var alert: DispatchedAlert
    package var fingerprint: String
    package var receivers: [String]
    package var silencedBy: [String]
    package var inhibitedBy: [String]
    package var mutedBy: [String]

    package var isSuppressed: Bool { !silencedBy.isEmpty || !inhibitedBy.isEmpty }
}

/// A group with its alerts.
package struct GroupView: Sendable {
    package var receiver: String
    package var labels: [String: String]
    package var alerts: [AlertView]
}

/// Who would be told of an alert, when, and why not.
package struct DryRun: Sendable {
    /// One route that applies.
    package struct Step: Sendable {
        package var route: RouteTree
        package var groupLabels: [String: String]
        package var groupKey: String
        package var integrations: [Integration]
        /// When the group is told, if nothing else changes.
        package var toldAt: Timestamp
        /// Names of time intervals.
        package var mutedBy: [String]
    }

    package var steps: [Step]
    package var silencedBy: [Silence]
    package var inhibitedBy: [DispatchedAlert]
    /// Who is told at once of what rules raise, past all routes.
    package var direct: [NotificationEndpoint] = []

    /// Whether anybody would be told.
    package var isTold: Bool {
        !direct.isEmpty || isRouted
    }

    private var isRouted: Bool {
        silencedBy.isEmpty && inhibitedBy.isEmpty
            && steps.contains { $0.mutedBy.isEmpty && !$0.integrations.isEmpty }
    }
}

extension Dispatcher {
    /// All alerts that fire, by fingerprint.
    package func alertViews(at now: Timestamp) -> [AlertView] {
        let inhibition = Inhibition(config.inhibitRules, alerts, at: now)
        return alerts.filter { !$0.value.isResolved(at: now) }.sorted { $0.key < $1.key }.map {
            view($0.key, $0.value, inhibition, at: now)
        }
    }

    /// All groups with alerts that fire.
    package func groupViews(at now: Timestamp) -> [GroupView] {
        let inhibition = Inhibition(config.inhibitRules, alerts, at: now)
        let shown = groups.values.sorted {
            $0.key != $1.key ? $0.key < $1.key : $0.route.receiver < $1.route.receiver
        }
        return shown.compactMap { group in
            let alerts = group.alerts.filter { !$0.value.isResolved(at: now) }
                .sorted { $0.key < $1.key }
            guard !alerts.isEmpty else { return nil }
            let muted = config.muting(group.route, at: now) ?? []
            return GroupView(
                receiver: group.route.receiver, labels: group.labels,
                alerts: alerts.map { entry in
                    var view = view(entry.key, entry.value, inhibition, at: now)
                    view.mutedBy = muted
                    return view
                })
        }
    }

    private func view(
        _ fingerprint: String, _ alert: DispatchedAlert, _ inhibition: Inhibition,
        at now: Timestamp
    ) -> AlertView {
        AlertView(
            alert: alert, fingerprint: fingerprint,
            receivers: config.route.matches(alert.labels).map(\.receiver),
            silencedBy: silencers(of: alert, at: now),
            inhibitedBy: inhibition.inhibitors(of: alert.labels), mutedBy: [])
    }

    /// What would become of an alert with these labels that began to fire at `now`.
    package func dryRun(_ labels: [String: String], at now: Timestamp) -> DryRun {
        let inhibition = Inhibition(config.inhibitRules, alerts, at: now)
        let steps = config.route.matches(labels).map { route -> DryRun.Step in
            let groupLabels = route.groupLabels(of: labels)
            let existing = groups[AlertGroup.identity(route, groupLabels)]
            let group = existing ?? AlertGroup(route: route, labels: groupLabels, at: now)
            return DryRun.Step(
                route: route, groupLabels: groupLabels, groupKey: group.key,
                integrations: config.integrations(of: route.receiver),
                toldAt: max(now, group.due(at: now)),
                mutedBy: config.muting(route, at: max(now, group.due(at: now))) ?? [])
        }
        return DryRun(
            steps: steps, silencedBy: silencers(of: labels, at: now).compactMap { silences[$0] },
            inhibitedBy: inhibition.inhibitors(of: labels).compactMap { alerts[$0] })
    }
}
