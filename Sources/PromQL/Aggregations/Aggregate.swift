import QueryCore
import Telemetry

/// Series of a vector by the labels they are aggregated by.
struct AggregationGroups {
    private(set) var labels: [Labels] = []
    /// Indices of the members, in order.
    private(set) var members: [[Int]] = []

    init(_ grouping: Aggregation.Grouping, _ series: [StepSeries]) {
        var indices: [Labels: Int] = [:]
        let filter = GroupingFilter(grouping)
        for (index, series) in series.enumerated() {
            let key = filter.labels(series.labels)
            if let group = indices[key] {
                members[group].append(index)
            } else {
                indices[key] = labels.count
                labels.append(key)
                members.append([index])
            }
        }
    }
}

/// The labels that stay for a grouping.
struct GroupingFilter {
    private let names: LabelNames
    private let isWithout: Bool

    init(_ grouping: Aggregation.Grouping) {
        switch grouping {
        case .by(let labels):
            names = LabelNames(labels)
            isWithout = false
        case .without(let labels):
            names = LabelNames(labels + [Labels.metricName])
            isWithout = true
        }
    }

    func labels(_ labels: Labels) -> Labels {
        isWithout ? labels.dropping(names) : labels.keeping(names)
    }
}

/// Aggregates the members of one group, a series at a time.
protocol GroupAccumulator {
    init(stepCount: Int)
    /// - Parameter values: one entry a step, some absent.
    mutating func add(_ values: [Double])
    /// One entry a step; absent where no member had a value.
    mutating func result() -> [Double]
}

extension Evaluator {
    mutating func aggregate(_ node: Aggregation) throws(QueryError) -> [StepSeries] {
        switch node.operator {
        case .sum: return try accumulate(node, SumAccumulator.self)
        case .avg: return try accumulate(node, MeanAccumulator.self)
        case .count: return try accumulate(node, CountAccumulator.self)
        case .group: return try accumulate(node, GroupPresence.self)
        case .min: return try accumulate(node, MinimumAccumulator.self)
        case .max: return try accumulate(node, MaximumAccumulator.self)
        case .stddev: return try accumulate(node, DeviationAccumulator.self)
        case .stdvar: return try accumulate(node, VarianceAccumulator.self)
        case .quantile: return try quantile(node)
        case .topk: return try select(node, largest: true)
        case .bottomk: return try select(node, largest: false)
        case .countValues: return try countValues(node)
        case .limitk, .limitRatio:
            preconditionFailure("BUG: the parser let \(node.operator.rawValue) pass")
        }
    }

    private mutating func accumulate<Accumulator: GroupAccumulator>(
        _ node: Aggregation, _: Accumulator.Type
    ) throws(QueryError) -> [StepSeries] {
        let input = try vector(node.operand)
        let groups = AggregationGroups(node.grouping, input)
        var output: [StepSeries] = []
        output.reserveCapacity(groups.labels.count)
        for (labels, members) in zip(groups.labels, groups.members) {
            try context.check()
            var accumulator = Accumulator(stepCount: steps.count)
            for member in members { accumulator.add(input[member].values) }
            output.append(StepSeries(labels: labels, values: accumulator.result()))
        }
        return output
    }
}
