import Logging
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

/// Alerts are not taken because too many are kept.
struct AlertsOverflowed: InternalEvent {
    static let counter = "sidelight_alerts_refused_total"
    static let help = "Alerts that were not taken because 200,000 are kept already."

    var count: Int
    /// Of the last one.
    var name: String
    var increment: UInt64 { UInt64(count) }
    var level: Logger.Level? { .error }
    var message: String {
        "\(count) alerts, the last one \(name), are told to nobody: \(Dispatcher.alertsMax) are kept already"
    }
}

/// A client told of alerts.
struct AlertsReceived: InternalEvent {
    static let counter = "alertmanager_alerts_received_total"
    static let help = "Alerts that clients told of by the API."

    var count: Int
    var increment: UInt64 { UInt64(count) }
}
