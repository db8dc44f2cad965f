import QueryCore

/// What yields series.
package indirect enum MetricsQuery: Hashable, Sendable {
    /// Spans and what is counted of them.
    case pipeline([Stage], MetricsFunction)
    /// Of two queries, series by series.
    case math(BinaryOperator, MetricsQuery, MetricsQuery, SourceRange)
    /// With a number on the right.
    case scaled(BinaryOperator, MetricsQuery, Literal, SourceRange)
    /// With a number on the left.
    case offset(BinaryOperator, Literal, MetricsQuery, SourceRange)
    /// At least one.
    case staged(MetricsQuery, [SecondStage])

    package var range: SourceRange {
        switch self {
        case .pipeline(let stages, let function):
            stages.first.map { $0.range.union(function.range) } ?? function.range
        case .math(_, _, _, let range), .scaled(_, _, _, let range), .offset(_, _, _, let range):
            range
        case .staged(let query, let stages):
            stages.last.map { query.range.union($0.range) } ?? query.range
        }
    }
}

/// `rate() by (name)`.
package struct MetricsFunction: Hashable, Sendable {
    package enum Function: Hashable, Sendable {
        case rate, countOverTime
        case minOverTime(Field), maxOverTime(Field), avgOverTime(Field), sumOverTime(Field)
        case histogramOverTime(Field)
        /// At least one quantile.
        case quantileOverTime(Field, [Double])
        case compare(Comparison)
    }

    /// `compare({…}, values, start, end)`.
    package struct Comparison: Hashable, Sendable {
        package var filter: FieldExpression
        package var filterRange: SourceRange
        /// Values an attribute shows at most.
        package var valuesMax: Int64
        /// Nanoseconds since the epoch; both zero for the whole range.
        package var start: Int64
        package var end: Int64
    }

    package var function: Function
    package var grouping: [Field]
    package var range: SourceRange

    /// As the query writes it, and as the series of a function without grouping is called.
    package var name: String {
        switch function {
        case .rate: "rate"
        case .countOverTime: "count_over_time"
        case .minOverTime: "min_over_time"
        case .maxOverTime: "max_over_time"
        case .avgOverTime: "avg_over_time"
        case .sumOverTime: "sum_over_time"
        case .histogramOverTime: "histogram_over_time"
        case .quantileOverTime: "quantile_over_time"
        case .compare: "compare"
        }
    }

    /// What it measures of a span.
    var field: Field? {
        switch function {
        case .rate, .countOverTime, .compare: nil
        case .minOverTime(let field), .maxOverTime(let field), .avgOverTime(let field),
            .sumOverTime(let field), .histogramOverTime(let field), .quantileOverTime(let field, _):
            field
        }
    }
}

/// What is done with the series of a metrics query.
package enum SecondStage: Hashable, Sendable {
    case topK(Int64, SourceRange)
    case bottomK(Int64, SourceRange)
    /// A comparison: keeps the values of which it holds.
    case filter(BinaryOperator, Literal, SourceRange)

    package var range: SourceRange {
        switch self {
        case .topK(_, let range), .bottomK(_, let range), .filter(_, _, let range): range
        }
    }
}
