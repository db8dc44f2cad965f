import Synchronization
import Telemetry

/// Labels of series in one order, and the groups that aggregations made of them. Shared by all queries that
/// select the same series: dashboards ask the same again and again.
package final class SeriesList: Sendable {
    package let labels: [Labels]
    /// By what made them; the latest ones.
    private let groupings = Mutex<[(key: SeriesGroups.Key, groups: SeriesGroups)]>([])

    /// Different aggregations of the same series that are remembered.
    private static let groupingsMax = 4

    package init(_ labels: [Labels]) { self.labels = labels }

    /// The groups that `make` gives for this key; it is asked only when they are not known.
    package func groups(_ key: SeriesGroups.Key, make: () -> SeriesGroups) -> SeriesGroups {
        if let known = groupings.withLock({ $0.first { $0.key == key }?.groups }) { return known }
        let groups = make()
        // Nearly as many groups as series take as much room again.
        guard groups.labels.count <= labels.count / 2 else { return groups }
        groupings.withLock { groupings in
            if groupings.count == Self.groupingsMax { groupings.removeFirst() }
            groupings.append((key, groups))
        }
        return groups
    }
}

/// Series by the labels that they are aggregated by.
package struct SeriesGroups: Sendable {
    /// What decides which groups there are.
    package struct Key: Hashable, Sendable {
        /// Of the labels that stay, or of those that go.
        package var names: [String]
        package var namesStay: Bool
        /// Whether the series lose their metric's name.
        package var dropsName: Bool

        package init(names: [String], namesStay: Bool, dropsName: Bool) {
            self.names = names
            self.namesStay = namesStay
            self.dropsName = dropsName
        }
    }

    /// Of each group.
    package var labels: [Labels] = []
    /// By group: whether the name of some member goes, and with it the group's.
    package var dropsName: [Bool] = []
    /// By series.
    package var groupOf: [UInt32] = []

    package init() {}
}
