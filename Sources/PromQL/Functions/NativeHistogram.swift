import QueryCore
import Telemetry

/// Functions of native histograms. Numbers are left out.
extension Function {
    var ofHistogram: (@Sendable (HistogramValue) -> Double)? {
        switch self {
        case .histogramCount: { $0.count }
        case .histogramSum: { $0.sum }
        case .histogramAvg: { $0.sum / $0.count }
        case .histogramStdvar: { $0.variance }
        case .histogramStddev: { $0.variance.squareRoot() }
        default: nil
        }
    }
}

extension Evaluator {
    /// Applies `map` to every histogram; the metric name goes, and so do numbers.
    mutating func mappingHistograms(
        _ argument: Expression, _ map: (HistogramValue) -> Double
    ) throws(QueryError) -> [StepSeries] {
        let input = try vector(argument)
        var collector = SeriesCollector(capacity: input.count)
        for series in input where series.hasHistograms {
            try context.check()
            let values = series.histograms.map { $0.map(map) ?? StepValue.absent }
            try collector.add(series.labels, values, dropsName: true)
        }
        return collector.series
    }
}
