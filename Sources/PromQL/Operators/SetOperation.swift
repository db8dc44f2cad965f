import QueryCore
import Telemetry

/// `and`, `or`, `unless`: which elements are there, judged by the match groups at every step.
struct SetOperation {
    let `operator`: BinaryOperator
    let stepCount: Int

    func apply(
        _ left: [StepSeries], _ right: [StepSeries], _ matching: MatchGroups
    ) throws(QueryError) -> [StepSeries] {
        var keptLeft = [[Double]?](repeating: nil, count: left.count)
        var keptRight = [[Double]?](repeating: nil, count: right.count)
        for group in matching.groups {
            switch self.operator {
            case .and:
                let mask = presence(of: group.right, in: right)
                for index in group.left { keptLeft[index] = mask.keeping(left[index], where: true) }
            case .unless:
                let mask = presence(of: group.right, in: right)
                for index in group.left {
                    keptLeft[index] = mask.keeping(left[index], where: false)
                }
            default:
                let mask = presence(of: group.left, in: left)
                for index in group.left { keptLeft[index] = left[index].values }
                for index in group.right {
                    keptRight[index] = mask.keeping(right[index], where: false)
                }
            }
        }
        var collector = SeriesCollector(capacity: left.count)
        for (series, values) in zip(left, keptLeft) {
            if let values { try collector.add(series.labels, values) }
        }
        for (series, values) in zip(right, keptRight) {
            if let values { try collector.add(series.labels, values) }
        }
        return collector.series
    }

    private func presence(of members: [Int], in series: [StepSeries]) -> PresenceMask {
        var mask = PresenceMask(count: stepCount)
        for member in members { mask.include(series[member]) }
        return mask
    }
}

/// Steps at which some series of a group has a value.
struct PresenceMask {
    private(set) var isPresent: [Bool]

    init(count: Int) { isPresent = [Bool](repeating: false, count: count) }

    mutating func include(_ series: StepSeries) {
        for (step, value) in series.values.enumerated() where StepValue.isPresent(value) {
            isPresent[step] = true
        }
    }

    /// The values of `series` at the steps where the mask is `wanted`.
    func keeping(_ series: StepSeries, where wanted: Bool) -> [Double] {
        var values = series.values
        for step in values.indices where isPresent[step] != wanted {
            values[step] = StepValue.absent
        }
        return values
    }
}
