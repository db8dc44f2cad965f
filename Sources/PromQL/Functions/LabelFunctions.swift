import QueryCore
import RegularExpressions
import Telemetry

/// `label_replace` and `label_join`: set a label from others; values stay.
extension Evaluator {
    mutating func labelJoin(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let target = text(node.arguments[1])
        let separator = text(node.arguments[2])
        let sources = node.arguments[3...].map(text)
        if let source = sources.first(where: { !$0.isLabelName }) {
            throw .execution("invalid source label name in label_join(): \(source)")
        }
        guard target.isLabelName else {
            throw .execution("invalid destination label name in label_join(): \(target)")
        }
        return try relabelling(node.arguments[0], target) { labels in
            sources.map { labels[$0] ?? "" }.joined(separator: separator)
        }
    }

    /// Sets a label to a new value, unless that is `nil`. A name that is set is kept.
    private mutating func relabelling(
        _ argument: Expression, _ target: String, _ value: (Labels) -> String?
    ) throws(QueryError) -> [StepSeries] {
        let input = try vector(argument)
        var collector = SeriesCollector(capacity: input.count)
        for var series in input {
            if let value = value(series.labels) {
                series.labels = series.labels.setting(target, value)
                if target == Labels.metricName { series.dropsName = false }
            }
            try collector.add(series.labels, series)
        }
        return collector.series
    }

    /// Where the pattern matches the whole source label, the target becomes the expanded replacement.
    mutating func labelReplace(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let target = text(node.arguments[1])
        let source = text(node.arguments[3])
        let pattern: Pattern
        do throws(PatternError) {
            pattern = try Pattern(text(node.arguments[4]))
        } catch {
            throw .execution(
                "invalid regular expression in label_replace(): \(text(node.arguments[4]))")
        }
        guard target.isLabelName else {
            throw .execution("invalid destination label name in label_replace(): \(target)")
        }
        let replacement = Replacement(text(node.arguments[2]), for: pattern)
        return try relabelling(node.arguments[0], target) { labels in
            pattern.captures(labels[source] ?? "", whole: true)
                .map { replacement.expanded(with: $0) }
        }
    }
}

extension String {
    /// Whether it may be the name of a label: any text is, but bytes that are none, which the lexer replaces.
    var isLabelName: Bool { !isEmpty && !unicodeScalars.contains("\u{FFFD}") }
}
