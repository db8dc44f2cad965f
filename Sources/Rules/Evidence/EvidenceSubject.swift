import PromQL
import QueryCore
import Store
import Telemetry

/// An alert that evidence is wanted for.
package struct EvidenceSubject: Sendable {
    package var labels: Labels
    /// The expression that raised it, where it is PromQL.
    package var expression: Expression?
    /// What raised it, where it is a rule.
    package var query: RuleQuery?
    /// When it began to fire.
    package var firedAt: Timestamp

    package init(
        labels: Labels, expression: Expression?, query: RuleQuery? = nil, firedAt: Timestamp
    ) {
        self.labels = labels
        self.query = query
        self.expression = expression
        self.firedAt = firedAt
    }
}

/// Finds out which service alerts are about.
enum ServiceNames {
    /// Labels that name a service, by how surely they do; where an alert names callers and callees it is
    /// about the callee.
    private static let labels = [
        "service_name", "resource_service_name", "destination_service_name", "destination_service",
        "destination_canonical_service", "destination_workload", "server", "service",
        "sloth_service", "job",
    ]

    /// The names that the service may have on spans, likeliest first: of the alert's labels, and of what
    /// its expression, or `matchers` beside it, select.
    static func candidates(
        _ labels: Labels, _ expressions: [Expression], _ matchers: [LabelMatcher] = []
    ) -> [String] {
        var named: [String: [String]] = [:]
        for (name, value) in labels.pairs { named[name, default: []].append(value) }
        for matcher in expressions.flatMap(\.selectedMatchers) + matchers
        where matcher.operator == .equal {
            named[matcher.name, default: []].append(matcher.value)
        }
        var candidates: [String] = []
        for label in self.labels {
            for value in named[label] ?? [] {
                for name in forms(of: value) where !candidates.contains(name) {
                    candidates.append(name)
                }
            }
        }
        return candidates
    }

    /// `shop/payments` is the job of the service `payments`, `payments.shop.svc` its host.
    private static func forms(of value: String) -> [String] {
        var forms = [value]
        if let last = value.split(separator: "/").last { forms.append(String(last)) }
        if let first = value.split(separator: ".").first { forms.append(String(first)) }
        return forms.filter { !$0.isEmpty }
    }
}

extension Expression {
    /// Of all selectors.
    var selectedMatchers: [LabelMatcher] {
        switch self {
        case .vectorSelector(let selector): selector.matchers
        case .rangeSelector(let node): node.selector.matchers
        default: children.flatMap(\.selectedMatchers)
        }
    }
}

extension ServiceLevelObjective {
    /// The queries of the indicator as expressions, over a window that does not matter.
    var indicatorExpressions: [Expression] {
        let queries: [WindowQuery]
        switch indicator {
        case .raw(let query): queries = [query]
        case .events(let error, let total): queries = [error, total]
        }
        return queries.compactMap { query in
            do throws(QueryError) {
                return try PromQLEngine.parse(query.text(window: 300_000))
            } catch {
                // It was checked when the specification was read.
                return nil
            }
        }
    }

    /// Nanoseconds that events may take, where the objective is on latency by buckets of a histogram; of
    /// several bounds the lowest.
    var latencyBound: Int64? {
        indicatorExpressions.flatMap(\.selectedMatchers).compactMap { matcher -> Int64? in
            guard matcher.name == "le", matcher.operator == .equal,
                let seconds = Double(matcher.value), seconds > 0, seconds < 1e6
            else { return nil }
            return Int64(seconds * 1e9)
        }.min()
    }
}
