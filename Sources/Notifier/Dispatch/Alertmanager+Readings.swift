import Platform
import Telemetry

extension Alertmanager {
    /// Alerts and silences by state, by Alertmanager's names.
    var readings: [EventLog.Reading] {
        let (now, dispatcher) = (now, snapshot)
        let firing = dispatcher.alerts.values.filter { !$0.isResolved(at: now) }
        let suppressed = dispatcher.suppressedCount(firing, at: now)
        var silences: [Silence.State: Int] = [:]
        for silence in dispatcher.silences.values {
            silences[silence.state(at: now), default: 0] += 1
        }
        func gauge(_ name: String, _ help: String, _ value: Int, state: String? = nil)
            -> EventLog.Reading
        {
            EventLog.Reading(
                name: "alertmanager_\(name)", help: help, type: "gauge",
                labels: state.map { [(name: "state", value: $0)] } ?? [], value: Double(value))
        }
        let alerts = "Alerts that fire, by what becomes of them."
        return [
            gauge("alerts_firing", "Alerts that fire.", firing.count),
            gauge("silences_active", "Silences in force.", silences[.active] ?? 0),
            gauge("alerts", alerts, firing.count - suppressed, state: "active"),
            gauge("alerts", alerts, suppressed, state: "suppressed"),
        ]
            + [Silence.State.active, .pending, .expired].map { state in
                gauge("silences", "Silences by state.", silences[state] ?? 0, state: state.rawValue)
            }
    }
}

extension Dispatcher {
    /// How many of `firing` are silenced or inhibited.
    fileprivate func suppressedCount(_ firing: [DispatchedAlert], at now: Timestamp) -> Int {
        let isSilencing = silences.values.contains { $0.state(at: now) == .active }
        guard isSilencing || !config.inhibitRules.isEmpty else { return 0 }
        let inhibition = Inhibition(config.inhibitRules, alerts, at: now)
        return firing.count { alert in
            !inhibition.inhibitors(of: alert.labels).isEmpty
                || isSilencing && !silencers(of: alert, at: now).isEmpty
        }
    }
}
