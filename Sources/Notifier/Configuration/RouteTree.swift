/// A node of the tree that says who is told of which alerts, with what it inherits.
package struct RouteTree: Sendable {
    package var receiver: String
    package var matchers: [LabelMatcher]
    package var continues: Bool
    /// `nil` groups by all labels.
    package var groupBy: Set<String>?
    /// Nanoseconds.
    package var groupWait: Int64
    package var groupInterval: Int64
    package var repeatInterval: Int64
    package var muteTimes: [String]
    package var activeTimes: [String]
    package var routes: [RouteTree]
    /// Alertmanager's text for the path to this route, `{}/{a="b"}`: part of the keys of groups.
    package var key: String
    /// Position in a walk through the tree: unique, unlike the key.
    package var index: Int

    /// The routes that apply, found depth first; the route itself if none of its own does.
    package func matches(_ labels: [String: String]) -> [RouteTree] {
        guard matchers.accept(labels) else { return [] }
        var found: [RouteTree] = []
        for route in routes {
            let inner = route.matches(labels)
            found += inner
            if !inner.isEmpty, !route.continues { break }
        }
        return found.isEmpty ? [self] : found
    }

    /// The labels that a group of this route has in common by definition.
    package func groupLabels(of labels: [String: String]) -> [String: String] {
        guard let groupBy else { return labels }
        return labels.filter { groupBy.contains($0.key) }
    }

    /// This route and all below it.
    package var all: [RouteTree] { [self] + routes.flatMap(\.all) }
}

/// Alerts that silence others while they fire.
package struct InhibitRule: Sendable {
    package var source: [LabelMatcher]
    package var target: [LabelMatcher]
    package var equal: [String]
}
