import QueryCore

/// A whole query.
package struct TraceQLQuery: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        /// Yields sets of spans.
        case spansets(SpansetExpression)
        /// Yields series.
        case metrics(MetricsQuery)
    }

    package var body: Body
    package var hints: [Hint]
}

/// `with (name=value)`.
package struct Hint: Hashable, Sendable {
    package var name: String
    package var value: Literal
    package var range: SourceRange
}

/// What yields sets of spans of one trace.
package indirect enum SpansetExpression: Hashable, Sendable {
    /// `{ … }`: the spans of which the condition holds.
    case filter(FieldExpression, SourceRange)
    case operation(SpansetOperator, SpansetExpression, SpansetExpression, SourceRange)
    /// Stages separated by `|`.
    case pipeline([Stage], SourceRange)
    /// A comparison of what pipelines in parentheses come to: `({a} | count()) > ({b} | count())`.
    case comparison(ScalarFilter)

    package var range: SourceRange {
        switch self {
        case .filter(_, let range), .operation(_, _, _, let range), .pipeline(_, let range): range
        case .comparison(let filter): filter.range
        }
    }
}

/// How two sets of spans of a trace are put together.
package enum SpansetOperator: String, Sendable, CaseIterable {
    case and = "&&"
    case or = "||"
    case child = ">"
    case parent = "<"
    case descendant = ">>"
    case ancestor = "<<"
    case sibling = "~"
    case notChild = "!>"
    case notParent = "!<"
    case notDescendant = "!>>"
    case notAncestor = "!<<"
    case notSibling = "!~"
    case unionChild = "&>"
    case unionParent = "&<"
    case unionDescendant = "&>>"
    case unionAncestor = "&<<"
    case unionSibling = "&~"

    var strength: Int { self == .and || self == .or ? 1 : 2 }
    /// Whether spans on the right stay that have no relative on the left.
    var isNegated: Bool {
        switch self {
        case .notChild, .notParent, .notDescendant, .notAncestor, .notSibling: true
        default: false
        }
    }
    /// Whether spans of both sides stay.
    var isUnion: Bool {
        switch self {
        case .unionChild, .unionParent, .unionDescendant, .unionAncestor, .unionSibling: true
        default: false
        }
    }
}

/// One stage of a pipeline.
package indirect enum Stage: Hashable, Sendable {
    case spansets(SpansetExpression)
    /// Keeps the sets of which a comparison of aggregates holds.
    case filter(ScalarFilter)
    /// `by(…)`: splits each set by a value.
    case group(FieldExpression, SourceRange)
    /// `coalesce()`: makes one set of all.
    case coalesce(SourceRange)
    /// `select(…)`: fields to show.
    case select([Field], SourceRange)
    /// An aggregate at the end of a pipeline in parentheses.
    case aggregate(Aggregate)

    var range: SourceRange {
        switch self {
        case .spansets(let expression): expression.range
        case .filter(let filter): filter.range
        case .group(_, let range), .coalesce(let range), .select(_, let range): range
        case .aggregate(let aggregate): aggregate.range
        }
    }
}

/// `count() > 2`, `avg(duration) * 2 >= 1s`.
package struct ScalarFilter: Hashable, Sendable {
    /// A comparison.
    package var comparison: BinaryOperator
    package var left: ScalarExpression
    package var right: ScalarExpression
    package var range: SourceRange
}

/// A number for each set of spans.
package indirect enum ScalarExpression: Hashable, Sendable {
    case literal(Literal, SourceRange)
    case aggregate(Aggregate)
    case operation(BinaryOperator, ScalarExpression, ScalarExpression, SourceRange)
    /// A pipeline in parentheses that ends with an aggregate.
    case pipeline([Stage], SourceRange)

    package var range: SourceRange {
        switch self {
        case .literal(_, let range), .operation(_, _, _, let range), .pipeline(_, let range): range
        case .aggregate(let aggregate): aggregate.range
        }
    }

    var type: ValueType {
        switch self {
        case .literal(let literal, _): literal.type
        case .aggregate(let aggregate): aggregate.type
        case .operation(_, let left, let right, _):
            left.type != .attribute ? left.type : right.type
        case .pipeline(let stages, _):
            if case .aggregate(let aggregate)? = stages.last { aggregate.type } else { .attribute }
        }
    }
}

/// `count()`, `max(duration)`.
package struct Aggregate: Hashable, Sendable {
    package enum Function: String, Sendable, CaseIterable {
        case count, avg, min, max, sum
    }

    package var function: Function
    /// None of `count` only.
    package var operand: FieldExpression?
    package var range: SourceRange

    var type: ValueType { function == .count ? .int : operand?.type ?? .int }
}
