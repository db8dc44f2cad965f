import QueryCore
import Telemetry

/// Reduces series to one a group, step by step.
struct VectorReduction {
    private struct Group {
        var labels: Labels
        /// One entry a step each: the sum, extreme or, for deviations, mean.
        var values: [Double]
        /// Of deviations, the sum of squares.
        var squares: [Double]
        var counts: [Int]
    }

    private let aggregator: VectorAggregation.Operator
    private let grouping: LabelGrouping
    private var groups: [Group] = []
    private var indices: [Labels: Int] = [:]

    /// - Parameter aggregator: one that makes one series of a group.
    init(_ aggregator: VectorAggregation.Operator, by grouping: LabelGrouping) {
        self.aggregator = aggregator
        self.grouping = grouping
    }

    mutating func take(_ series: StepSeries) {
        let index = group(grouping.key(of: series.labels), steps: series.values.count)
        for (step, value) in series.values.enumerated() where StepValue.isPresent(value) {
            take(value, step, into: &groups[index])
        }
    }

    @inline(__always)
    private func take(_ value: Double, _ step: Int, into group: inout Group) {
        group.counts[step] += 1
        let isFirst = group.counts[step] == 1
        let held = group.values[step]
        switch aggregator {
        case .sum, .avg: group.values[step] = held + value
        case .min: group.values[step] = isFirst || value < held || held.isNaN ? value : held
        case .max: group.values[step] = isFirst || value > held || held.isNaN ? value : held
        case .count: group.values[step] += 1
        case .stddev, .stdvar:
            let distance = value - held
            let mean = held + distance / Double(group.counts[step])
            group.values[step] = mean
            group.squares[step] += distance * (value - mean)
        case .topk, .bottomk, .approxTopk, .sort, .sortDescending: break
        }
    }

    private mutating func group(_ key: Labels, steps: Int) -> Int {
        if let index = indices[key] { return index }
        indices[key] = groups.count
        let hasSquares = aggregator == .stddev || aggregator == .stdvar
        groups.append(
            Group(
                labels: key, values: [Double](repeating: 0, count: steps),
                squares: [Double](repeating: 0, count: hasSquares ? steps : 0),
                counts: [Int](repeating: 0, count: steps)))
        return groups.count - 1
    }

    var results: [StepSeries] {
        groups.map { group in
            var values = group.values
            for step in values.indices {
                let count = Double(group.counts[step])
                if group.counts[step] == 0 {
                    values[step] = StepValue.absent
                } else if aggregator == .avg {
                    values[step] /= count
                } else if aggregator == .stdvar {
                    values[step] = group.squares[step] / count
                } else if aggregator == .stddev {
                    values[step] = (group.squares[step] / count).squareRoot()
                }
            }
            return StepSeries(labels: group.labels, values: values)
        }
    }
}

/// `topk` and `bottomk`: of each group and step the values that are the greatest or least.
enum RankReduction {
    static func results(
        _ series: [StepSeries], _ count: Int, largest: Bool, by grouping: LabelGrouping
    ) -> [StepSeries] {
        var groups: [Labels: [Int]] = [:]
        for (index, one) in series.enumerated() {
            groups[grouping.key(of: one.labels), default: []].append(index)
        }
        var kept: [Int: [Double]] = [:]
        for members in groups.values {
            let steps = series[members[0]].values.count
            let absent = [Double](repeating: StepValue.absent, count: steps)
            for step in 0..<steps {
                let present = members.lazy.filter { StepValue.isPresent(series[$0].values[step]) }
                let first = first(count, of: present) { a, b in
                    let (x, y) = (series[a].values[step], series[b].values[step])
                    if precedes(x, y, largest: largest) { return true }
                    if precedes(y, x, largest: largest) { return false }
                    return series[a].labels.comesBefore(series[b].labels)
                }
                for index in first {
                    kept[index, default: absent][step] = series[index].values[step]
                }
            }
        }
        return kept.sorted { $0.key < $1.key }.map { index, values in
            StepSeries(labels: series[index].labels, values: values)
        }
    }

    /// Beyond it, sorting all is quicker than keeping the first in order.
    private static let keptMax = 64

    /// The first `count` in order, of members of which mostly few are wanted.
    private static func first(
        _ count: Int, of members: some Sequence<Int>, _ comesFirst: (Int, Int) -> Bool
    ) -> [Int] {
        guard count <= keptMax else { return Array(members.sorted(by: comesFirst).prefix(count)) }
        var first: [Int] = []
        for member in members {
            if first.count == count, let last = first.last {
                guard comesFirst(member, last) else { continue }
                first.removeLast()
            }
            let place = first.firstIndex { comesFirst(member, $0) } ?? first.count
            first.insert(member, at: place)
        }
        return first
    }

    /// NaN last.
    static func precedes(_ a: Double, _ b: Double, largest: Bool) -> Bool {
        if a.isNaN || b.isNaN { return !a.isNaN }
        return largest ? a > b : a < b
    }
}
