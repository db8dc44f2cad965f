import QueryCore
import Store

/// `sum_over_time`.
struct SumOverTime: SummaryFunction {
    private var exact = ExactSums()
    var looksAtEndsOnly: Bool { false }

    mutating func begin(_ samples: SampleView) { exact.begin(samples) }

    mutating func value(_ samples: SampleView, _ window: Window) -> Double {
        if let sum = exact.sum(window.samples) { return sum }
        var sum = CompensatedSum()
        for index in window.samples { sum.add(samples.values[index]) }
        return sum.sum.isInfinite ? sum.sum : sum.value
    }

    func value(_ aggregate: WindowAggregate, start: Int64, end: Int64) -> Double? {
        if aggregate.sum.isNaN { return .nan }
        return aggregate.sum.isFinite ? aggregate.sum + aggregate.compensation : nil
    }
}

/// `avg_over_time`.
struct AvgOverTime: SummaryFunction {
    private var exact = ExactSums()
    var looksAtEndsOnly: Bool { false }

    mutating func begin(_ samples: SampleView) { exact.begin(samples) }

    mutating func value(_ samples: SampleView, _ window: Window) -> Double {
        if let sum = exact.sum(window.samples) { return sum / Double(window.samples.count) }
        var mean = CompensatedMean(first: samples.values[window.samples.lowerBound])
        for index in window.samples.dropFirst() { mean.add(samples.values[index]) }
        return mean.value
    }

    func value(_ aggregate: WindowAggregate, start: Int64, end: Int64) -> Double? {
        if aggregate.sum.isNaN { return .nan }
        guard aggregate.sum.isFinite else { return nil }
        let count = Double(aggregate.count)
        return aggregate.sum / count + aggregate.compensation / count
    }
}

/// `count_over_time`, and `present_over_time` where every window counts one.
struct CountOverTime: SummaryFunction {
    var isPresence = false
    var looksAtEndsOnly: Bool { true }

    func value(_ samples: SampleView, _ window: Window) -> Double {
        isPresence ? 1 : Double(window.samples.count)
    }

    func value(_ aggregate: WindowAggregate, start: Int64, end: Int64) -> Double? {
        isPresence ? 1 : Double(aggregate.count)
    }
}

/// `min_over_time` and `max_over_time`; NaN loses against every number.
struct ExtremeOverTime: SummaryFunction {
    let isMaximum: Bool
    var looksAtEndsOnly: Bool { false }

    func value(_ samples: SampleView, _ window: Window) -> Double {
        var extreme = samples.values[window.samples.lowerBound]
        for index in window.samples {
            let value = samples.values[index]
            if isMaximum ? value > extreme : value < extreme {
                extreme = value
            } else if extreme.isNaN {
                extreme = value
            }
        }
        return extreme
    }

    func value(_ aggregate: WindowAggregate, start: Int64, end: Int64) -> Double? {
        isMaximum ? aggregate.maximum : aggregate.minimum
    }
}

/// `first_over_time` and `last_over_time`.
struct EdgeOverTime: SummaryFunction {
    let isLast: Bool
    var looksAtEndsOnly: Bool { true }

    func value(_ samples: SampleView, _ window: Window) -> Double {
        samples.values[isLast ? window.samples.upperBound - 1 : window.samples.lowerBound]
    }

    func value(_ aggregate: WindowAggregate, start: Int64, end: Int64) -> Double? {
        isLast ? aggregate.last : aggregate.first
    }
}

/// `stddev_over_time` and `stdvar_over_time`: of the population (Welford, Technometrics 4, 1962).
struct DeviationOverTime: WindowFunction {
    let isVariance: Bool

    func value(_ samples: SampleView, _ window: Window) -> Double {
        var count = 0.0
        var mean = CompensatedSum()
        var squares = CompensatedSum()
        for index in window.samples {
            let value = samples.values[index]
            count += 1
            let delta = value - mean.value
            mean.add(delta / count)
            squares.add(delta * (value - mean.value))
        }
        let variance = squares.value / count
        return isVariance ? variance : variance.squareRoot()
    }
}

/// `quantile_over_time`.
struct QuantileOverTime: WindowFunction {
    let quantile: StepScalar

    func value(_ samples: SampleView, _ window: Window) -> Double {
        var values = window.samples.map { samples.values[$0] }
        return Quantile.of(&values, quantile[window.step])
    }
}

/// The quantile of plain numbers, linear between neighbours.
enum Quantile {
    /// Sorts `values`, NaN first. NaN without values or for a NaN `quantile`; −Inf below 0, +Inf above 1.
    static func of(_ values: inout [Double], _ quantile: Double) -> Double {
        if values.isEmpty || quantile.isNaN { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        values.sort { $0.isNaN ? !$1.isNaN : $0 < $1 }
        let rank = quantile * Double(values.count - 1)
        let lower = Int(max(0, rank.rounded(.down)))
        let upper = min(values.count - 1, lower + 1)
        let weight = rank - rank.rounded(.down)
        return values[lower] * (1 - weight) + values[upper] * weight
    }
}
