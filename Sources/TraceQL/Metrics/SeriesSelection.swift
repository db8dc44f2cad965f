import QueryCore
import Telemetry

/// What is done with the series of a metrics query.
enum SeriesSelection {
    static func apply(_ stage: SecondStage, to series: [MetricSeries]) -> [MetricSeries] {
        switch stage {
        case .topK(let count, _): keep(count, of: series) { $0 > $1 }
        case .bottomK(let count, _): keep(count, of: series) { $0 < $1 }
        case .filter(let comparison, let number, _): filter(series, comparison, number)
        }
    }

    /// At every interval the first `count` series in the order of their values; equal values in the
    /// order of their labels.
    private static func keep(
        _ count: Int64, of series: [MetricSeries], precedes: (Double, Double) -> Bool
    ) -> [MetricSeries] {
        let series = series.sorted(by: MetricSeries.precedes)
        var kept = series.map {
            MetricSeries(
                labels: $0.labels, values: [Double](repeating: .nan, count: $0.values.count))
        }
        for step in 0..<(series.first?.values.count ?? 0) {
            let present = series.indices.filter { !series[$0].values[step].isNaN }
            let ranked = present.sorted { a, b in
                let (x, y) = (series[a].values[step], series[b].values[step])
                return x != y ? precedes(x, y) : a < b
            }
            for index in ranked.prefix(Int(clamping: count)) {
                kept[index].values[step] = series[index].values[step]
            }
        }
        return zip(kept, series).map { $0.with($1.exemplars) }.filter { !$0.isEmpty }
    }

    private static func filter(
        _ series: [MetricSeries], _ comparison: BinaryOperator, _ number: Literal
    ) -> [MetricSeries] {
        let bound = measure(number)
        return series.map { one in
            MetricSeries(
                labels: one.labels,
                values: one.values.map { comparison.holds($0, bound) ? $0 : .nan }
            ).with(one.exemplars)
        }.filter { !$0.isEmpty }
    }

    /// As metrics show numbers: durations in seconds.
    static func measure(_ number: Literal) -> Double {
        if case .duration(let nanoseconds) = number { return Double(nanoseconds) / 1e9 }
        return number.number ?? .nan
    }

    /// Series of equal labels are computed with each other; a series without a partner is left out, and so
    /// is a value that has none or that is not finite.
    static func combine(
        _ operation: BinaryOperator, _ left: [MetricSeries], _ right: [MetricSeries]
    ) -> [MetricSeries] {
        var partners: [[Attribute]: MetricSeries] = [:]
        for series in right { partners[series.identity] = series }
        return left.compactMap { series in
            guard let partner = partners[series.identity] else { return nil }
            return combine(series) { Arithmetic.apply(operation, $0, partner.values[$1]) }
        }
    }

    static func combine(
        _ series: MetricSeries, _ apply: (Double, Int) -> Double
    ) -> MetricSeries? {
        let values = series.values.enumerated().map { index, value in
            let result = apply(value, index)
            return result.isFinite ? result : .nan
        }
        let result = MetricSeries(labels: series.labels, values: values).with(series.exemplars)
        return result.isEmpty ? nil : result
    }
}

extension MetricSeries {
    /// The labels without the name of a function.
    fileprivate var identity: [Attribute] { labels.filter { $0.key != "__name__" } }
}

extension BinaryOperator {
    /// Of a comparison; NaN satisfies none.
    fileprivate func holds(_ a: Double, _ b: Double) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b && !a.isNaN
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        default: false
        }
    }
}
