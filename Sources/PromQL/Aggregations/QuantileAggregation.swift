import QueryCore
import Telemetry

extension Evaluator {
    /// `quantile`.
    mutating func quantile(_ node: Aggregation) throws(QueryError) -> [StepSeries] {
        let quantile = try parameter(node)
        if let argument = node.parameter { noteQuantile(quantile, argument) }
        let input = numbersOnly(node, try vector(node.operand))
        let groups = AggregationGroups(node.grouping, input)
        var output: [StepSeries] = []
        var present: [Double] = []
        for (index, members) in groups.members.enumerated() {
            try context.check()
            var values = [Double](repeating: StepValue.absent, count: steps.count)
            for step in 0..<steps.count {
                present.removeAll(keepingCapacity: true)
                for member in members where StepValue.isPresent(input[member].values[step]) {
                    present.append(input[member].values[step])
                }
                if !present.isEmpty { values[step] = Quantile.of(&present, quantile[step]) }
            }
            output.append(
                StepSeries(
                    labels: groups.labels[index], values: values,
                    dropsName: groups.dropsName[index]))
        }
        return output
    }
}
