import Telemetry

/// Which transitions of alerts are asked for; what is `nil` or empty does not matter.
package struct AlertHistoryFilter: Hashable, Sendable {
    /// Both inclusive.
    package var from: Timestamp?
    package var to: Timestamp?
    /// The alert's name.
    package var rule: String?
    /// The state that was entered.
    package var state: String?
    /// Labels that the alert must have.
    package var labels: [String: String] = [:]

    package init() {}

    package func accepts(_ transition: AlertTransition) -> Bool {
        if let from, transition.at < from { return false }
        if let to, transition.at > to { return false }
        if let rule, transition.rule != rule { return false }
        if let state, transition.to != state { return false }
        return labels.allSatisfy { transition.labels[$0.key] == $0.value }
    }
}

extension Catalog {
    package func alertHistory(
        _ filter: AlertHistoryFilter, limit: Int
    ) throws(StoreError) -> [AlertTransition] {
        Array(try alertHistory(limit: .max).lazy.filter(filter.accepts).prefix(max(0, limit)))
    }
}
