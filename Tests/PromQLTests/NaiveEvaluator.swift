import PromQL
import QueryCore
import Store
import Telemetry

/// PromQL by its definition: one instant at a time, one series at a time, every window searched from
/// the beginning. Knows what the property tests generate.
struct NaiveEvaluator {
    struct Series {
        var labels: Labels
        /// By time, stale markers included.
        var samples: [Sample]
    }

    typealias Vector = [Labels: Double]
    struct Failure: Error {}

    var series: [Series]
    var queryStart: Int64
    var queryEnd: Int64

    func vector(_ expression: Expression, at time: Int64) throws -> Vector {
        switch expression {
        case .parenthesized(let node): return try vector(node.inner, at: time)
        case .vectorSelector(let node): return latest(node, at: time)
        case .call(let node): return try call(node, at: time)
        case .aggregation(let node): return try aggregate(node, at: time)
        case .binary(let node): return try binary(node, at: time)
        default: throw Failure()
        }
    }

    private func latest(_ node: VectorSelector, at time: Int64) -> Vector {
        let end = reference(node.shift, at: time)
        var found: Vector = [:]
        for series in matching(node) {
            let window = series.samples.filter { $0.time > end - 300_000 && $0.time <= end }
            if let last = window.last, !last.isStaleMarker { found[series.labels] = last.value }
        }
        return found
    }

    private func reference(_ shift: TimeShift, at time: Int64) -> Int64 {
        switch shift.at {
        case .time(let anchor): anchor - shift.offset
        case .start: queryStart - shift.offset
        case .end: queryEnd - shift.offset
        case nil: time - shift.offset
        }
    }

    private func matching(_ node: VectorSelector) -> [Series] {
        series.filter { series in
            node.allMatchers.allSatisfy {
                ($0.operator == .equal) == (series.labels[$0.name] ?? "" == $0.value)
            }
        }
    }

    private func nameless(_ labels: Labels) -> Labels { labels.setting("__name__", "") }

    // MARK: Range functions

    private func call(_ node: FunctionCall, at time: Int64) throws -> Vector {
        if node.function == .abs {
            return try keyed(try vector(node.arguments[0], at: time)) {
                (nameless($0), abs($1))
            }
        }
        var found: Vector = [:]
        for window in try windows(node.arguments[0], at: time) where !window.samples.isEmpty {
            guard let value = value(node.function, window) else { continue }
            let keepsName = node.function == .lastOverTime
            let labels = keepsName ? window.labels : nameless(window.labels)
            guard found.updateValue(value, forKey: labels) == nil else { throw Failure() }
        }
        return found
    }

    private struct Window {
        var labels: Labels
        var samples: [Sample]
        var start: Int64
        var end: Int64
    }

    private func windows(_ expression: Expression, at time: Int64) throws -> [Window] {
        switch expression {
        case .rangeSelector(let node):
            let end = reference(node.selector.shift, at: time)
            let start = end - node.duration
            return matching(node.selector).map { series in
                Window(
                    labels: series.labels,
                    samples: series.samples.filter {
                        $0.time > start && $0.time <= end && !$0.isStaleMarker
                    }, start: start, end: end)
            }
        case .subquery(let node):
            let end = reference(node.shift, at: time)
            let start = end - node.duration
            let step = node.step ?? 60_000
            var points: [Labels: [Sample]] = [:]
            for instant in stride(from: start - start % step, through: end, by: Int(step))
            where instant > start {
                for (labels, value) in try vector(node.inner, at: instant) {
                    points[labels, default: []].append(Sample(time: instant, value: value))
                }
            }
            return points.map { Window(labels: $0.key, samples: $0.value, start: start, end: end) }
        default: throw Failure()
        }
    }

    private func value(_ function: Function, _ window: Window) -> Double? {
        let values = window.samples.map(\.value)
        let count = Double(values.count)
        let pairs = zip(values, values.dropFirst())
        switch function {
        case .rate, .increase, .delta: return extrapolated(function, window)
        case .irate:
            guard values.count > 1 else { return nil }
            let last = window.samples.suffix(2).map { $0 }
            let rise = last[1].value < last[0].value ? last[1].value : last[1].value - last[0].value
            return rise / (Double(last[1].time - last[0].time) / 1_000)
        case .resets: return Double(pairs.filter { $1 < $0 }.count)
        case .changes: return Double(pairs.filter { $0 != $1 && !($0.isNaN && $1.isNaN) }.count)
        case .sumOverTime: return values.reduce(0, +)
        case .avgOverTime: return values.reduce(0, +) / count
        case .countOverTime: return count
        case .lastOverTime: return values.last
        case .maxOverTime: return values.filter { !$0.isNaN }.max() ?? .nan
        case .minOverTime: return values.filter { !$0.isNaN }.min() ?? .nan
        case .stdvarOverTime:
            let mean = values.reduce(0, +) / count
            return values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / count
        default: return nil
        }
    }

    private func extrapolated(_ function: Function, _ window: Window) -> Double? {
        let samples = window.samples
        guard samples.count > 1, let first = samples.first, let last = samples.last else {
            return nil
        }
        var total = last.value - first.value
        if function != .delta {
            for (a, b) in zip(samples, samples.dropFirst()) where b.value < a.value {
                total += a.value
            }
        }
        let sampled = Double(last.time - first.time)
        let average = sampled / Double(samples.count - 1)
        var before = Double(first.time - window.start)
        var after = Double(window.end - last.time)
        if before >= 1.1 * average { before = average / 2 }
        if after >= 1.1 * average { after = average / 2 }
        if function != .delta, total > 0, first.value >= 0 {
            before = min(before, sampled * first.value / total)
        }
        let extended = total * (sampled + before + after) / sampled
        return function == .rate ? extended / (Double(window.end - window.start) / 1_000) : extended
    }

    // MARK: Aggregations and operators

    private func aggregate(_ node: Aggregation, at time: Int64) throws -> Vector {
        var groups: [Labels: [Double]] = [:]
        for (labels, value) in try vector(node.operand, at: time) {
            let key =
                switch node.grouping {
                case .by(let names): Labels(labels.pairs.filter { names.contains($0.name) })
                case .without(let names):
                    Labels(
                        labels.pairs.filter { !names.contains($0.name) && $0.name != "__name__" })
                }
            groups[key, default: []].append(value)
        }
        return groups.mapValues { values in
            let real = values.filter { !$0.isNaN }
            switch node.operator {
            case .sum: return values.reduce(0, +)
            case .avg: return values.reduce(0, +) / Double(values.count)
            case .count: return Double(values.count)
            case .max: return real.max() ?? .nan
            case .min: return real.min() ?? .nan
            default: return 1
            }
        }
    }

    private func binary(_ node: BinaryOperation, at time: Int64) throws -> Vector {
        let left = try vector(node.left, at: time)
        if case .number(let number) = node.right {
            return try keyed(left) { labels, value in
                guard let result = result(node, value, number.value) else { return nil }
                return (node.operator.changesMeaning ? nameless(labels) : labels, result)
            }
        }
        let right = try vector(node.right, at: time)
        switch node.operator {
        case .and: return left.filter { pair in right.keys.contains { same($0, pair.key) } }
        case .unless: return left.filter { pair in !right.keys.contains { same($0, pair.key) } }
        case .or:
            let added = right.filter { pair in !left.keys.contains { same($0, pair.key) } }
            return left.merging(added) { a, _ in a }
        default: break
        }
        if left.isEmpty || right.isEmpty { return [:] }
        guard Set(right.keys.map(nameless)).count == right.count else { throw Failure() }
        var used: Set<Labels> = []
        return try keyed(left) { labels, value in
            guard let partner = right.first(where: { same($0.key, labels) }) else { return nil }
            guard used.insert(nameless(labels)).inserted else { throw Failure() }
            guard let result = result(node, value, partner.value) else { return nil }
            return (node.operator.changesMeaning ? nameless(labels) : labels, result)
        }
    }

    private func same(_ a: Labels, _ b: Labels) -> Bool { nameless(a) == nameless(b) }

    private func result(_ node: BinaryOperation, _ a: Double, _ b: Double) -> Double? {
        switch node.operator {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .greater: a > b ? a : nil
        case .lessOrEqual: a <= b ? a : nil
        default: nil
        }
    }

    private func keyed(
        _ vector: Vector, _ map: (Labels, Double) throws -> (Labels, Double)?
    ) throws -> Vector {
        var found: Vector = [:]
        for (labels, value) in vector {
            guard let (key, result) = try map(labels, value) else { continue }
            guard found.updateValue(result, forKey: key) == nil else { throw Failure() }
        }
        return found
    }
}
