import Rules
import Store
import Telemetry

/// Which of the alerts that fire belong together because their services call each other, at one time. Only
/// this server's own alerts, whose cause was looked into: what others hand in is grouped by its labels alone.
struct BurningAlerts {
    private let calls: ServiceCalls
    private let services: BurningServices

    init(
        _ calls: ServiceCalls, _ alerts: some Sequence<DispatchedAlert>, at now: Timestamp
    ) {
        self.calls = calls
        var burning: Set<String> = []
        if !calls.isEmpty {
            for alert in alerts where alert.evidence != nil && !alert.isResolved(at: now) {
                if let name = calls.service(labels: alert.labels, evidence: alert.evidence) {
                    burning.insert(name)
                }
            }
        }
        services = BurningServices(calls: calls.callees, burning: burning)
    }

    /// The service of an alert by its name on the graph.
    func service(of alert: DispatchedAlert) -> String? {
        guard !calls.isEmpty, alert.evidence != nil else { return nil }
        return calls.service(labels: alert.labels, evidence: alert.evidence)
    }

    /// The services that burn together with an alert's, the culprit first; empty if it burns alone.
    func together(with alert: DispatchedAlert) -> [String] {
        guard let name = service(of: alert) else { return [] }
        let group = services.group(of: name)
        return group.count > 1 ? group : []
    }
}

/// Groups of one route that are told in one message.
struct Company {
    /// The key under which they are told, for as long as anything of them fires: receivers that count
    /// incidents by key see one, that begins and ends once.
    struct Thread: Codable, Hashable, Sendable {
        var key: String
        var labels: [String: String]
    }

    var identities: [String]
    var thread: Thread
    /// The services that burn together, culprits first.
    var services: [String]

    var isShared: Bool { identities.count > 1 }
}

extension DispatchedAlert {
    /// With what is known of its company at the time it is told; that may be more than when its cause was
    /// looked into.
    func telling(_ together: [String]) -> DispatchedAlert {
        guard let evidence, let line = AlertEvidence.culpritLine(together),
            evidence.together != together
        else { return self }
        var told = self
        var text = annotations["evidence"] ?? ""
        if let old = AlertEvidence.culpritLine(evidence.together), text.hasPrefix(old) {
            text = String(text.dropFirst(old.count).drop(while: \.isNewline))
        }
        told.annotations["evidence"] = text.isEmpty ? line : "\(line)\n\(text)"
        told.annotations["evidence_culprit"] = together[0]
        told.annotations["evidence_together"] = together.joined(separator: ", ")
        told.evidence?.culprit = together[0]
        told.evidence?.together = together
        return told
    }
}

/// A group with those of its alerts that may be told.
struct ToldGroup {
    let group: AlertGroup
    let alerts: [String: DispatchedAlert]
    /// Fingerprints.
    let firing: Set<String>
    let resolved: Set<String>

    init(_ group: AlertGroup, _ alerts: [String: DispatchedAlert], at now: Timestamp) {
        self.group = group
        self.alerts = alerts
        firing = Set(alerts.filter { !$0.value.isResolved(at: now) }.keys)
        resolved = Set(alerts.keys).subtracting(firing)
    }
}
