import Glibc
import QueryCore

/// Functions that turn every value of an instant vector into another.
extension Function {
    var elementwise: (@Sendable (Double) -> Double)? {
        switch self {
        case .abs: { $0.magnitude }
        case .ceil: { $0.rounded(.up) }
        case .floor: { $0.rounded(.down) }
        case .exp: { Glibc.exp($0) }
        case .sqrt: { $0.squareRoot() }
        case .ln: { Glibc.log($0) }
        case .log2: { Glibc.log2($0) }
        case .log10: { Glibc.log10($0) }
        case .sgn: { $0 < 0 ? -1 : $0 > 0 ? 1 : $0 }
        case .deg: { $0 * 180 / .pi }
        case .rad: { $0 * .pi / 180 }
        default: trigonometric
        }
    }

    private var trigonometric: (@Sendable (Double) -> Double)? {
        switch self {
        case .sin: { Glibc.sin($0) }
        case .cos: { Glibc.cos($0) }
        case .tan: { Glibc.tan($0) }
        case .asin: { Glibc.asin($0) }
        case .acos: { Glibc.acos($0) }
        case .atan: { Glibc.atan($0) }
        case .sinh: { Glibc.sinh($0) }
        case .cosh: { Glibc.cosh($0) }
        case .tanh: { Glibc.tanh($0) }
        case .asinh: { Glibc.asinh($0) }
        case .acosh: { Glibc.acosh($0) }
        case .atanh: { Glibc.atanh($0) }
        default: nil
        }
    }
}

extension Evaluator {
    /// Applies `map` to every number; the metric name goes, and so do histograms.
    mutating func mapping(
        _ argument: Expression, _ map: (Double) -> Double
    ) throws(QueryError) -> [StepSeries] {
        try mapping(argument) { value, _ in map(value) }
    }

    /// Applies `map` to every number and its step; the metric name goes, and so do histograms.
    mutating func mapping(
        _ argument: Expression, _ map: (Double, Int) -> Double
    ) throws(QueryError) -> [StepSeries] {
        let input = try vector(argument)
        var collector = SeriesCollector(capacity: input.count)
        for series in input {
            var series = series.numbers
            try context.check()
            for step in series.values.indices where StepValue.isPresent(series.values[step]) {
                series.values[step] = map(series.values[step], step)
            }
            try collector.add(series.labels, series.values, dropsName: true)
        }
        return collector.series
    }

    mutating func clamp(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let infinity = Double.infinity
        let lower: StepScalar
        let upper: StepScalar
        switch node.function {
        case .clampMin:
            lower = try scalar(node.arguments[1])
            upper = StepScalar(infinity)
        case .clampMax:
            lower = StepScalar(-infinity)
            upper = try scalar(node.arguments[1])
        default:
            lower = try scalar(node.arguments[1])
            upper = try scalar(node.arguments[2])
        }
        return try mapping(node.arguments[0]) { value, step in
            let low = lower[step]
            let high = upper[step]
            if high < low { return StepValue.absent }
            if value.isNaN || low.isNaN || high.isNaN { return .nan }
            return max(low, min(high, value))
        }
    }

    /// To the nearest multiple; halves go up. Divides by the inverse, which rounds better.
    mutating func round(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let nearest =
            node.arguments.count > 1 ? try scalar(node.arguments[1]) : StepScalar(1)
        return try mapping(node.arguments[0]) { value, step in
            let inverse = 1 / nearest[step]
            return (value * inverse + 0.5).rounded(.down) / inverse
        }
    }
}
