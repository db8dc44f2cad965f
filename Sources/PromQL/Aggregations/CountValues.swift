import QueryCore
import Telemetry

extension Evaluator {
    /// `count_values`: how often every value occurs, the value as a label.
    mutating func countValues(_ node: Aggregation) throws(QueryError) -> [StepSeries] {
        guard let parameter = node.parameter else {
            preconditionFailure("BUG: the parser let count_values without parameter pass")
        }
        let label = text(parameter)
        guard label.isLabelName else {
            throw .execution("invalid label name \(QuotedText.quote(label))")
        }
        let input = try vector(node.operand)
        // The label with the value is a grouping label of its own.
        var grouping = node.grouping
        if case .by(let labels) = grouping { grouping = .by(labels + [label]) }
        let filter = GroupingFilter(grouping)
        var indices: [Labels: Int] = [:]
        var output: [StepSeries] = []
        for series in input {
            try context.check()
            // Every histogram is looked up by its text.
            var known: [UInt64: Int] = [:]
            for (step, value) in series.values.enumerated() where StepValue.isPresent(value) {
                let bits = value.isNaN ? Double.nan.bitPattern : value.bitPattern
                let histogram = series.histogram(step)
                let index: Int
                if histogram == nil, let found = known[bits] {
                    index = found
                } else {
                    let labels = filter.labels(
                        series.labels.setting(
                            label, histogram?.text ?? NumberFormat.decimal(value)),
                        dropsName: series.dropsName)
                    index = indices[labels] ?? output.count
                    if index == output.count {
                        indices[labels] = index
                        try context.hold(samples: steps.count)
                        context.release(samples: steps.count)
                        output.append(
                            StepSeries(
                                labels: labels,
                                values: [Double](repeating: StepValue.absent, count: steps.count)))
                    }
                    if histogram == nil { known[bits] = index }
                }
                let before = output[index].values[step]
                output[index].values[step] = StepValue.isPresent(before) ? before + 1 : 1
            }
        }
        return output
    }
}
