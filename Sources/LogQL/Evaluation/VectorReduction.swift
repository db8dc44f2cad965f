import QueryCore
import Telemetry

/// Reduces series to one a group, step by step.
struct VectorReduction {
    private struct Group {
        var labels: Labels
        /// One entry a step each.
        var values: [Double]
        var counts: [Int]
    }

    private let aggregator: VectorAggregation.Operator
    private let grouping: LabelGrouping
    private var groups: [Group] = []
    private var indices: [Labels: Int] = [:]

    init(_ aggregator: VectorAggregation.Operator, by grouping: LabelGrouping) {
        self.aggregator = aggregator
        self.grouping = grouping
    }

    mutating func take(_ series: StepSeries) {
        let index = group(grouping.key(of: series.labels), steps: series.values.count)
        for (step, value) in series.values.enumerated() where StepValue.isPresent(value) {
            let isFirst = groups[index].counts[step] == 0
            groups[index].counts[step] += 1
            let held = groups[index].values[step]
            switch aggregator {
            case .sum, .avg: groups[index].values[step] = held + value
            case .min: groups[index].values[step] = isFirst ? value : Swift.min(held, value)
            case .max: groups[index].values[step] = isFirst ? value : Swift.max(held, value)
            case .count: groups[index].values[step] += 1
            }
        }
    }

    private mutating func group(_ key: Labels, steps: Int) -> Int {
        if let index = indices[key] { return index }
        indices[key] = groups.count
        groups.append(
            Group(
                labels: key, values: [Double](repeating: 0, count: steps),
                counts: [Int](repeating: 0, count: steps)))
        return groups.count - 1
    }

    var results: [StepSeries] {
        groups.map { group in
            var values = group.values
            for step in values.indices {
                if group.counts[step] == 0 {
                    values[step] = StepValue.absent
                } else if aggregator == .avg {
                    values[step] /= Double(group.counts[step])
                }
            }
            return StepSeries(labels: group.labels, values: values)
        }
    }
}
