import QueryCore
import Store
import Telemetry

/// `absent` and `absent_over_time`: 1 where there is nothing.
extension Evaluator {
    mutating func absent(_ argument: Expression) throws(QueryError) -> [StepSeries] {
        missing(from: try vector(argument), argument)
    }

    mutating func absentOverTime(_ argument: Expression) throws(QueryError) -> [StepSeries] {
        if case .rangeSelector(let node) = argument.unwrapped, node.selector.edges != .asSampled {
            throw .execution(
                "\(node.selector.edges.rawValue) modifier can not be used with absent_over_time")
        }
        let rules = HistogramRules(notes: notes, range: argument.range)
        let input = slide(
            CountOverTime(isPresence: true), over: try rangeInput(argument),
            histograms: rules.presence)
        let columns = try SeriesLoop(
            stepCount: steps.count, context: context, concurrency: options.concurrency
        ).columns(input)
        let present = columns.filter { !$0.isEmpty }
            .map { StepSeries(labels: .empty, values: $0.values) }
        return missing(from: present, argument)
    }

    private func missing(from input: [StepSeries], _ argument: Expression) -> [StepSeries] {
        var values = [Double](repeating: 1, count: steps.count)
        for series in input {
            for (step, value) in series.values.enumerated() where StepValue.isPresent(value) {
                values[step] = StepValue.absent
            }
        }
        let series = StepSeries(labels: argument.labelsWhenAbsent, values: values)
        return series.isEmpty ? [] : [series]
    }
}

extension Expression {
    /// The labels that a missing series would have: those that the selector fixes by equality, once.
    fileprivate var labelsWhenAbsent: Labels {
        let matchers: [LabelMatcher]
        switch unwrapped {
        case .vectorSelector(let node): matchers = node.matchers
        case .rangeSelector(let node): matchers = node.selector.matchers
        default: return .empty
        }
        var pairs: [(name: String, value: String)] = []
        var seen: Set<String> = []
        for matcher in matchers where matcher.name != Labels.metricName {
            if matcher.operator == .equal, !seen.contains(matcher.name) {
                pairs.append((matcher.name, matcher.value))
                seen.insert(matcher.name)
            } else {
                pairs.removeAll { $0.name == matcher.name }
            }
        }
        return Labels(pairs)
    }
}
