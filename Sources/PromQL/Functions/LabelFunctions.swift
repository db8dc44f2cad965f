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
        return try relabelling(node.arguments[0]) { labels in
            let joined = sources.map { labels[$0] ?? "" }.joined(separator: separator)
            return labels.setting(target, joined)
        }
    }

    mutating func relabelling(
        _ argument: Expression, _ change: (Labels) -> Labels
    ) throws(QueryError) -> [StepSeries] {
        let input = try vector(argument)
        var collector = SeriesCollector(capacity: input.count)
        for series in input { try collector.add(change(series.labels), series) }
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
        return try relabelling(node.arguments[0]) { labels in
            guard let captures = pattern.captures(labels[source] ?? "", whole: true) else {
                return labels
            }
            return labels.setting(target, replacement.expanded(with: captures))
        }
    }
}

extension String {
    /// Whether it may be the name of a label: any text is, but bytes that are none, which the lexer replaces.
    var isLabelName: Bool { !isEmpty && !unicodeScalars.contains("\u{FFFD}") }
}
