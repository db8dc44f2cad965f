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
    /// As `ignored`, of series whose names are gone.
    private let ignoredOfUnnamed: LabelNames

    init(_ matching: VectorMatching, left: [StepSeries], right: [StepSeries]) {
        switch matching.labels {
        case .on(let names):
            on = LabelNames(names)
            (ignored, ignoredOfUnnamed) = (LabelNames([]), LabelNames([]))
        case .ignoring(let names):
            on = nil
            ignored = LabelNames(names + [Labels.metricName])
            ignoredOfUnnamed = LabelNames(names + LabelNames.metadataNames)
        case nil:
            on = nil
            ignored = LabelNames([Labels.metricName])
            ignoredOfUnnamed = LabelNames.metadata
        }
        var indices: [Labels: Int] = [:]
        for (index, series) in left.enumerated() {
            let group = find(signature(series), &indices)
            groups[group].left.append(index)
        }
        for (index, series) in right.enumerated() {
            let group = find(signature(series), &indices)
            groups[group].right.append(index)
        }
    }

    /// The labels that decide which series belong together.
    func signature(_ series: StepSeries) -> Labels {
        if let on { return series.labels.keeping(on) }
        return series.labels.dropping(series.dropsName ? ignoredOfUnnamed : ignored)
    }

    private mutating func find(_ signature: Labels, _ indices: inout [Labels: Int]) -> Int {
        if let index = indices[signature] { return index }
        indices[signature] = groups.count
        groups.append(Group())
        return groups.count - 1
    }
}
