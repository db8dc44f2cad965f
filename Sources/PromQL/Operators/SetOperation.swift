import QueryCore
import Telemetry

/// `and`, `or`, `unless`: which elements are there, judged by the match groups at every step.
struct SetOperation {
    let `operator`: BinaryOperator
    let stepCount: Int

    func apply(
        _ left: [StepSeries], _ right: [StepSeries], _ matching: MatchGroups
    ) throws(QueryError) -> [StepSeries] {
        var keptLeft = [StepSeries?](repeating: nil, count: left.count)
        var keptRight = [StepSeries?](repeating: nil, count: right.count)
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
                for index in group.left { keptLeft[index] = left[index] }
                for index in group.right {
                    keptRight[index] = mask.keeping(right[index], where: false)
                }
            }
        }
        var collector = SeriesCollector(capacity: left.count)
        for series in keptLeft + keptRight {
            if let series { try collector.add(series.labels, series) }
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

    /// `series` at the steps where the mask is `wanted`.
    func keeping(_ series: StepSeries, where wanted: Bool) -> StepSeries {
        var kept = series
        for step in kept.values.indices where isPresent[step] != wanted {
            kept.set(StepValue.absent, at: step)
        }
        return kept
    }
}
