import QueryCore
import Telemetry

extension Evaluator {
    /// `limitk`: any k elements of every group, at every step the first in the order of labels.
    mutating func limit(_ node: Aggregation) throws(QueryError) -> [StepSeries] {
        let limits = try elementCounts(node)
        let input = try vector(node.operand)
            .sorted { $0.shownLabels.comesBefore($1.shownLabels) }
        let groups = AggregationGroups(node.grouping, input)
        var output = input
        for members in groups.members {
            try context.check()
            for step in 0..<steps.count {
                var left = limits[step]
                for member in members where StepValue.isPresent(input[member].values[step]) {
                    if left > 0 {
                        left -= 1
                    } else {
                        output[member].set(StepValue.absent, at: step)
                    }
                }
            }
        }
        return output.filter { !$0.isEmpty }
    }

    /// `limit_ratio`: about this share of the elements, chosen by a hash of their labels: r and r − 1
    /// choose complements. The hash is Prometheus's, so that both choose the same.
    mutating func limitRatio(_ node: Aggregation) throws(QueryError) -> [StepSeries] {
        let ratios = try parameter(node)
        guard !ratios.values.contains(where: \.isNaN) else {
            throw .execution("Ratio value is NaN")
        }
        for ratio in ratios.values where ratio.magnitude > 1 {
            notes.warn(
                "ratio value should be between -1 and 1, got \(NumberFormat.general(ratio)), "
                    + "capping to \(ratio > 0 ? 1 : -1)", at: node.parameter?.range)
            break
        }
        var output = try vector(node.operand)
        for index in output.indices {
            let place = Double(LabelHash.hash(output[index].shownLabels)) / Double(UInt64.max)
            for step in output[index].values.indices {
                let ratio = min(1, max(-1, ratios[step]))
                let isChosen = ratio >= 0 ? place < ratio : place >= 1 + ratio
                if !isChosen { output[index].set(StepValue.absent, at: step) }
            }
        }
        return output.filter { !$0.isEmpty }
    }

    /// The parameter as a number of elements at every step.
    mutating func elementCounts(_ node: Aggregation) throws(QueryError) -> [Int] {
        let limits = try parameter(node)
        if !limits.values.contains(where: { $0 >= 1 || $0.isNaN }) {
            return [Int](repeating: 0, count: steps.count)
        }
        for limit in limits.values {
            if limit.isNaN { throw .execution("Parameter value is NaN") }
            if limit <= -0x1p63 {
                throw .execution("Scalar value \(NumberFormat.general(limit)) underflows int64")
            }
            if limit >= 0x1p63 {
                throw .execution("Scalar value \(NumberFormat.general(limit)) overflows int64")
            }
        }
        return (0..<steps.count).map { Int(min(max(0, limits[$0].rounded(.towardZero)), 1e9)) }
    }
}
