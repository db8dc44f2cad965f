import QueryCore
import Telemetry

/// Series of both sides of a binary operation, grouped by the labels that must be equal.
struct MatchGroups {
    struct Group {
        var left: [Int] = []
        var right: [Int] = []
    }

    private(set) var groups: [Group] = []
    private let on: LabelNames?
    private let ignored: LabelNames

    init(_ matching: VectorMatching, left: [StepSeries], right: [StepSeries]) {
        switch matching.labels {
        case .on(let names):
            on = LabelNames(names)
            ignored = LabelNames([])
        case .ignoring(let names):
            on = nil
            ignored = LabelNames(names + [Labels.metricName])
        case nil:
            on = nil
            ignored = LabelNames([Labels.metricName])
        }
        var indices: [Labels: Int] = [:]
        for (index, series) in left.enumerated() {
            let group = find(signature(series.labels), &indices)
            groups[group].left.append(index)
        }
        for (index, series) in right.enumerated() {
            let group = find(signature(series.labels), &indices)
            groups[group].right.append(index)
        }
    }

    /// The labels that decide which series belong together.
    func signature(_ labels: Labels) -> Labels {
        if let on { return labels.keeping(on) }
        return labels.dropping(ignored)
    }

    private mutating func find(_ signature: Labels, _ indices: inout [Labels: Int]) -> Int {
        if let index = indices[signature] { return index }
        indices[signature] = groups.count
        groups.append(Group())
        return groups.count - 1
    }
}
