import LogQL
import QueryCore
import Store
import Telemetry
import TraceQL

/// What a rule over spans or over lines counts, of the series that raised the alert: its own query says best
/// which events are bad.
struct CountedEvents {
    private(set) var spans: EventQueries?
    private(set) var lines: LogQuery?
    /// What the lines' streams are selected by.
    var matchers: [LabelMatcher] { lines?.matchers ?? [] }

    /// - Parameter labels: of the alert.
    init(_ query: RuleQuery?, _ labels: Labels) {
        guard let query else { return }
        do throws(QueryError) {
            switch query.source {
            case .promQL, .burnRate: return
            case .logQL:
                guard case .metric(let metric) = try LogQLEngine.parse(query.text) else { return }
                lines = metric.counted?.restricted(to: labels)
            case .traceQL:
                guard case .metrics(let metrics) = try TraceQLEngine.parse(query.text).body else {
                    return
                }
                spans = EventQueries(metrics.pipelines, labels)
            }
        } catch {
            // It was checked when the rule was read.
            return
        }
    }
}

/// Lines and by what they are counted.
private struct CountedLines {
    var query: LogQuery
    var grouping: Grouping?

    /// Those of the series with these labels.
    func restricted(to labels: Labels) -> LogQuery {
        let names: [String]
        switch grouping {
        case .by(let by): names = by
        case .without, nil:
            names = query.matchers.filter { $0.operator != .equal }.map(\.name)
        }
        var restricted = query
        for name in names {
            guard let value = labels[name], !value.isEmpty else { continue }
            restricted.stages.append(
                .label(.text(LabelMatcher(name, .equal, value)), query.range))
        }
        return restricted
    }
}

extension MetricQuery {
    /// The lines that its first window counts.
    fileprivate var counted: CountedLines? {
        switch self {
        case .window(let node): CountedLines(query: node.query, grouping: node.grouping)
        case .aggregation(let node):
            node.operand.counted.map { CountedLines(query: $0.query, grouping: node.grouping) }
        case .binary(let node): node.left.counted ?? node.right.counted
        case .labelReplace(let node): node.operand.counted
        case .vector, .number: nil
        }
    }
}

extension MetricsQuery {
    /// From left to right.
    fileprivate var pipelines: [(stages: [Stage], function: MetricsFunction)] {
        switch self {
        case .pipeline(let stages, let function): [(stages, function)]
        case .math(_, let left, let right, _): left.pipelines + right.pipelines
        case .scaled(_, let query, _, _), .offset(_, _, let query, _), .staged(let query, _):
            query.pipelines
        }
    }
}

extension EventQueries {
    /// Of a share of two pipelines the left one counts what is bad.
    fileprivate init?(
        _ pipelines: [(stages: [Stage], function: MetricsFunction)], _ labels: Labels
    ) {
        guard let first = pipelines.first else { return nil }
        func text(_ stages: [Stage], _ function: MetricsFunction) -> String {
            let own = stages.isEmpty ? ["{ }"] : stages.map(\.description)
            return (own + function.grouping.compactMap { Self.restriction($0, labels) })
                .joined(separator: " | ")
        }
        bad = text(first.stages, first.function)
        all =
            pipelines.count == 2
            ? text(pipelines[1].stages, pipelines[1].function) : text([], first.function)
    }

    /// `nil` for a field that the alert has no label of, or whose values cannot be written as they are shown.
    private static func restriction(_ field: Field, _ labels: Labels) -> String? {
        let name = field.description
        guard let value = labels[LogStream.labelName(name)], !value.isEmpty else { return nil }
        let text = "\(name) = \"\(escaped(value))\""
        switch field.kind {
        case .attribute:
            let isBare = Double(value) != nil || value == "true" || value == "false"
            return isBare ? "{ \(text) || \(name) = \(value) }" : "{ \(text) }"
        case .intrinsic:
            let word = name.split(separator: ":").last ?? ""
            if word == "status" || word == "kind" { return "{ \(name) = \(value) }" }
            return word.lowercased().hasSuffix("name") ? "{ \(text) }" : nil
        }
    }
}
