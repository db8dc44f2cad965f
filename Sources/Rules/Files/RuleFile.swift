import PromQL
import Store
import Telemetry

/// A rule file in Prometheus's format, read and checked whole: expressions are parsed, templates
/// compiled, durations converted.
package struct RuleFile: Sendable {
    package var path: String
    package var groups: [RuleGroup]
}

/// Rules that are evaluated together, one after the other.
package struct RuleGroup: Sendable {
    package var key: RuleGroupKey
    /// Milliseconds; `nil` takes the engine's default.
    package var interval: Int64?
    /// Most series or alerts that one rule may yield; 0 for no limit.
    package var limit: Int
    /// Milliseconds by which evaluations look back, for data that comes late.
    package var queryOffset: Int64
    package var rules: [Rule]
    /// Events that are counted before the rules are evaluated.
    package var events: GroupEvents?
}

/// What a group made of an objective needs counted.
package struct GroupEvents: Sendable {
    package var sources: [EventSource]
    /// How far back, in milliseconds.
    package var period: Int64
}

/// One rule of a group.
package enum Rule: Sendable {
    case recording(RecordingRule)
    case alerting(AlertingRule)

    package var name: String {
        switch self {
        case .recording(let rule): rule.name
        case .alerting(let rule): rule.name
        }
    }

    package var query: RuleQuery {
        switch self {
        case .recording(let rule): rule.query
        case .alerting(let rule): rule.query
        }
    }
}

/// An expression in the form it was written and the form it is evaluated in.
package struct RuleQuery: Sendable, Hashable {
    /// What the expression is evaluated by.
    package enum Source: Sendable, Hashable {
        case promQL(Expression)
        /// A metric query of LogQL, over log lines.
        case logQL
        /// A metrics query of TraceQL, over the spans that started within `range` milliseconds before.
        case traceQL(range: Int64)
        /// Burn rates of an objective with their statistics; the text is what comes closest in PromQL.
        case burnRate(BurnCondition)
    }

    package var text: String
    package var source: Source
    /// 1-based line of the file.
    package var line: Int
}

extension RuleQuery {
    /// `nil` in other languages.
    package var promQL: Expression? {
        guard case .promQL(let expression) = source else { return nil }
        return expression
    }
}

/// Stores the result of an expression as a series of its own.
package struct RecordingRule: Sendable {
    /// The name of the series.
    package var name: String
    package var query: RuleQuery
    /// Group labels included.
    package var labels: [(name: String, value: String)]
}

/// Raises an alert for every series of an expression's result.
package struct AlertingRule: Sendable {
    package var name: String
    package var query: RuleQuery
    /// Milliseconds for which the expression must have held before the alert fires.
    package var holdDuration: Int64
    /// Milliseconds for which the alert goes on firing after the expression has ceased to hold.
    package var keepFiringFor: Int64
    /// Group labels included.
    package var labels: [(name: String, value: Template)]
    package var annotations: [(name: String, value: Template)]
}
