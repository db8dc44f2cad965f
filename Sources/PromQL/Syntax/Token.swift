import QueryCore

/// A lexical unit of PromQL.
package struct Token: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case end
        /// A name without colon.
        case identifier
        /// A name with a colon.
        case metricIdentifier
        case number
        case duration
        case string
        case binaryOperator(BinaryOperator)
        case aggregator(Aggregation.Operator)
        case keyword(Keyword)
        case leftParenthesis, rightParenthesis, leftBrace, rightBrace, leftBracket, rightBracket
        case comma, colon, assign, matches, doesNotMatch, at
    }

    /// Words with a meaning; where no such meaning is possible they are names.
    package enum Keyword: String, Sendable, CaseIterable {
        case offset, smoothed, anchored, by, without, on, ignoring, bool, start, end, step, range
        case groupLeft = "group_left"
        case groupRight = "group_right"
        case fill
        case fillLeft = "fill_left"
        case fillRight = "fill_right"
        case maxOf = "max_of"
        case minOf = "min_of"

        /// Those that Prometheus's messages show as `<word>` rather than quoted.
        var isModifier: Bool {
            switch self {
            case .start, .end, .step, .range, .maxOf, .minOf: false
            default: true
            }
        }
    }

    package var kind: Kind
    package var range: SourceRange
    /// The text as written.
    package var text: String

    /// How messages name it: `identifier "x"`, `<op:+>`, `")"`.
    package var description: String {
        switch kind {
        case .end: "end of input"
        case .identifier: "identifier \(QuotedText.quote(text))"
        case .metricIdentifier: "metric identifier \(QuotedText.quote(text))"
        case .number: "number \(excerpt)"
        case .duration: "duration \(excerpt)"
        case .string: "string \(excerpt)"
        case .binaryOperator, .matches, .doesNotMatch, .at: "<op:\(text)>"
        case .aggregator: "<aggr:\(text)>"
        case .keyword(let keyword): keyword.isModifier ? "<\(text)>" : excerpt
        default: excerpt
        }
    }

    private var excerpt: String {
        text.count > 10 ? QuotedText.quote(String(text.prefix(10))) + "..." : QuotedText.quote(text)
    }

    /// Whether the token may be a label name in `by (…)` and the like.
    var isLabelName: Bool {
        switch kind {
        case .identifier, .metricIdentifier, .aggregator, .keyword: true
        case .binaryOperator(let binary): binary.isSetOperator || binary == .atan2
        default: false
        }
    }

    /// Whether the token may name a metric.
    var isMetricName: Bool {
        switch kind {
        case .identifier, .metricIdentifier, .aggregator: true
        case .binaryOperator(let binary): binary.isSetOperator
        case .keyword(let keyword):
            switch keyword {
            case .on, .ignoring, .bool, .groupLeft, .groupRight: false
            default: true
            }
        default: false
        }
    }
}
