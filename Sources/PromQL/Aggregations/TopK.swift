import QueryCore
import Telemetry

extension Evaluator {
    /// `topk` and `bottomk`: the k largest or smallest elements of every group, at every step anew.
    /// NaN is chosen last; of equal values the earlier series wins.
    mutating func select(_ node: Aggregation, largest: Bool) throws(QueryError) -> [StepSeries] {
        let limits = try elementCounts(node)
        let input = numbersOnly(node, try vector(node.operand))
        let groups = AggregationGroups(node.grouping, input)
        var output = [[Double]](
            repeating: [Double](repeating: StepValue.absent, count: steps.count),
            count: input.count)
        var order: [Int] = []
        for members in groups.members {
            try context.check()
            for step in 0..<steps.count {
                let limit = limits[step]
                let chosen = Self.best(
                    limit, of: members.filter { input[$0].values[step].isPresentStep }
                ) { Self.precedes(input[$0].values[step], input[$1].values[step], largest) }
                for member in chosen { output[member][step] = input[member].values[step] }
                if steps.count == 1 { order += chosen }
            }
        }
        if steps.count > 1 { order = Array(input.indices) }
        return order.compactMap { index in
            let series = StepSeries(
                labels: input[index].labels, values: output[index],
                dropsName: input[index].dropsName)
            return series.isEmpty ? nil : series
        }
    }

    /// The first `limit` members in the order of `precedes`, earlier members first among equals.
    private static func best(
        _ limit: Int, of members: [Int], _ precedes: (Int, Int) -> Bool
    ) -> [Int] {
        guard limit > 0 else { return [] }
        // Insertion into a short sorted list: k is small where it matters.
        var chosen: [Int] = []
        for member in members {
            if chosen.count == limit, let last = chosen.last, !precedes(member, last) { continue }
            let place = chosen.firstIndex { precedes(member, $0) } ?? chosen.count
            chosen.insert(member, at: place)
            if chosen.count > limit { chosen.removeLast() }
        }
        return chosen
    }

    private static func precedes(_ a: Double, _ b: Double, _ largest: Bool) -> Bool {
        if a.isNaN || b.isNaN { return !a.isNaN }
        return largest ? a > b : a < b
    }

    mutating func parameter(_ node: Aggregation) throws(QueryError) -> StepScalar {
        guard let parameter = node.parameter else {
            preconditionFailure(
                "BUG: the parser let \(node.operator.rawValue) without parameter pass")
        }
        return try scalar(parameter)
    }
}
