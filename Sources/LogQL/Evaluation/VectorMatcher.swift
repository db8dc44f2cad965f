import Glibc
import QueryCore
import Telemetry

/// Operators between two lists of series, matched by their labels (Prometheus, "Vector matching").
struct VectorMatcher {
    private let node: BinaryOperation
    private let names: Set<[UInt8]>

    init(_ node: BinaryOperation) {
        self.node = node
        names = Set((node.matching?.names ?? []).map { Array($0.utf8) })
    }

    /// The series of one key of the side that may have one only, and which of them each step is of.
    private struct Single {
        var values: [Double]
        var owners: [Int]
    }

    func combine(
        _ left: [StepSeries], _ right: [StepSeries]
    ) throws(QueryError) -> [StepSeries] {
        if node.operator.isSetOperator { return combineSets(left, right) }
        switch node.matching?.cardinality ?? .oneToOne {
        case .oneToOne:
            return try join(many: left, one: right, taken: nil, oneIsRight: true)
        case .manyToOne(let taken):
            return try join(many: left, one: right, taken: taken, oneIsRight: true)
        case .oneToMany(let taken):
            return try join(many: right, one: left, taken: taken, oneIsRight: false)
        }
    }

    private func key(_ labels: Labels) -> Labels {
        guard let matching = node.matching else { return labels }
        return labels.filter { names.contains(Array($0)) == matching.isOn }
    }

    // MARK: Arithmetic and comparisons

    private func join(
        many: [StepSeries], one: [StepSeries], taken: [String]?, oneIsRight: Bool
    ) throws(QueryError) -> [StepSeries] {
        let singles = try singles(one, side: oneIsRight ? "right" : "left")
        var results: [StepSeries] = []
        var indices: [Labels: Int] = [:]
        for series in many {
            guard let single = singles[key(series.labels)] else { continue }
            for (owner, values) in combine(series, single, oneIsRight) {
                let labels = resultLabels(series.labels, one[owner].labels, taken)
                guard let known = indices[labels] else {
                    indices[labels] = results.count
                    results.append(StepSeries(labels: labels, values: values))
                    continue
                }
                try merge(values, into: &results[known], isGrouped: taken != nil)
            }
        }
        return results
    }

    private func singles(
        _ series: [StepSeries], side: String
    ) throws(QueryError) -> [Labels: Single] {
        var singles: [Labels: Single] = [:]
        for (index, one) in series.enumerated() {
            let key = key(one.labels)
            var single =
                singles[key]
                ?? Single(
                    values: [Double](repeating: StepValue.absent, count: one.values.count),
                    owners: [Int](repeating: index, count: one.values.count))
            for (step, value) in one.values.enumerated() where StepValue.isPresent(value) {
                guard !StepValue.isPresent(single.values[step]) else {
                    let other = series[single.owners[step]].labels
                    throw .execution(
                        "found duplicate series for the match group \(key) on the \(side) hand-side "
                            + "of the operation: [\(one.labels), \(other)];many-to-many matching "
                            + "not allowed: matching labels must be unique on one side")
                }
                single.values[step] = value
                single.owners[step] = index
            }
            singles[key] = single
        }
        return singles
    }

    /// Values by the series of the single side that they come of.
    private func combine(
        _ series: StepSeries, _ single: Single, _ oneIsRight: Bool
    ) -> [Int: [Double]] {
        var results: [Int: [Double]] = [:]
        for (step, value) in series.values.enumerated() {
            let other = single.values[step]
            guard StepValue.isPresent(value), StepValue.isPresent(other) else { continue }
            let result =
                oneIsRight
                ? node.apply(value, other) : node.apply(other, value)
            guard let result else { continue }
            results[
                single.owners[step],
                default: [Double](repeating: StepValue.absent, count: series.values.count)
            ][step] = result
        }
        return results
    }

    private func merge(
        _ values: [Double], into series: inout StepSeries, isGrouped: Bool
    ) throws(QueryError) {
        for (step, value) in values.enumerated() where StepValue.isPresent(value) {
            guard !StepValue.isPresent(series.values[step]) else {
                throw .execution(
                    isGrouped
                        ? "multiple matches for labels: grouping labels must ensure unique matches"
                        : "multiple matches for labels: many-to-one matching must be explicit "
                            + "(group_left/group_right)")
            }
            series.values[step] = value
        }
    }

    private func resultLabels(_ many: Labels, _ one: Labels, _ taken: [String]?) -> Labels {
        guard let taken else { return key(many) }
        var labels = many
        for name in taken { labels = labels.setting(name, one[name] ?? "") }
        return labels
    }

    // MARK: Sets

    private func combineSets(_ left: [StepSeries], _ right: [StepSeries]) -> [StepSeries] {
        switch node.operator {
        case .or: return left + masked(right, by: presence(left), keepsPresent: false)
        case .and: return masked(left, by: presence(right), keepsPresent: true)
        default: return masked(left, by: presence(right), keepsPresent: false)
        }
    }

    /// By key, at which steps a series has a value.
    private func presence(_ series: [StepSeries]) -> [Labels: [Bool]] {
        var found: [Labels: [Bool]] = [:]
        for one in series {
            var steps =
                found[key(one.labels)] ?? [Bool](repeating: false, count: one.values.count)
            for (step, value) in one.values.enumerated() where StepValue.isPresent(value) {
                steps[step] = true
            }
            found[key(one.labels)] = steps
        }
        return found
    }

    private func masked(
        _ series: [StepSeries], by presence: [Labels: [Bool]], keepsPresent: Bool
    ) -> [StepSeries] {
        series.compactMap { one in
            let steps = presence[key(one.labels)]
            var result = one
            for step in result.values.indices where (steps?[step] ?? false) != keepsPresent {
                result.values[step] = StepValue.absent
            }
            return result.isEmpty ? nil : result
        }
    }
}

extension BinaryOperation {
    /// The result for two values; `nil` where a comparison drops it.
    func apply(_ a: Double, _ b: Double) -> Double? {
        guard `operator`.isComparison else { return `operator`.compute(a, b) }
        let holds = `operator`.compare(a, b)
        if returnsBool { return holds ? 1 : 0 }
        return holds ? a : nil
    }
}

extension BinaryOperator {
    /// As Loki: a division by zero is no number rather than infinite.
    func compute(_ a: Double, _ b: Double) -> Double {
        switch self {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: b == 0 ? .nan : a / b
        case .modulo: b == 0 ? .nan : a.truncatingRemainder(dividingBy: b)
        case .power: pow(a, b)
        default: compare(a, b) ? 1 : 0
        }
    }

    func compare(_ a: Double, _ b: Double) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        default: false
        }
    }
}
