import Rules
import Telemetry

/// Alertmanager's configuration file (prometheus.io/docs/alerting/latest/configuration). Every field is
/// honoured or refused by name and line.
///
/// Beyond Alertmanager's there are `alertmanager_configs`, `exec_configs`, `signing_secret` of webhooks,
/// and secrets written as `${env:NAME}`.
package struct AlertmanagerConfig: Sendable {
    package let route: RouteTree
    package let inhibitRules: [InhibitRule]
    /// Names in the order of the file.
    package let receivers: [String]
    package let integrations: [Integration]
    package let templates: NotificationTemplates
    /// The file's text without its secrets.
    package let shown: String
    /// Nanoseconds.
    package let resolveTimeout: Int64
    let times: [String: [TimeInterval]]

    /// The integrations of a receiver.
    package func integrations(of receiver: String) -> [Integration] {
        integrations.filter { $0.receiver == receiver }
    }

    /// What a route's times say at `now`: the names of the intervals that mute it; `nil` if none does.
    package func muting(_ route: RouteTree, at now: Timestamp) -> [String]? {
        let muting = route.muteTimes.filter { times[$0]?.contains { $0.contains(now) } ?? false }
        if !muting.isEmpty { return muting }
        guard !route.activeTimes.isEmpty else { return nil }
        let isActive = route.activeTimes.contains { name in
            times[name]?.contains { $0.contains(now) } ?? false
        }
        return isActive ? nil : route.activeTimes
    }
}
