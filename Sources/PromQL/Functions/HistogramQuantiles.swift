import QueryCore
import Telemetry

extension Evaluator {
    /// `histogram_quantiles`: several quantiles at once, told apart by a label.
    mutating func histogramQuantiles(_ node: FunctionCall) throws(QueryError) -> [StepSeries] {
        let label = text(node.arguments[1])
        guard !label.isEmpty else {
            throw .execution("invalid label name \(QuotedText.quote(label))")
        }
        var collector = SeriesCollector()
        for argument in node.arguments.dropFirst(2) {
            let quantile = try scalar(argument)
            for series in try quantiles(quantile, argument, of: node.arguments[0]) {
                for (value, values) in Self.split(series.values, by: quantile) {
                    try collector.add(
                        series.labels.setting(label, NumberFormat.openMetrics(value)), values,
                        dropsName: series.dropsName)
                }
            }
        }
        return collector.series
    }

    /// The steps of each of the quantile's values.
    private static func split(
        _ values: [Double], by quantile: StepScalar
    ) -> [(Double, [Double])] {
        var parts: [(Double, [Double])] = []
        var places: [UInt64: Int] = [:]
        for (step, value) in values.enumerated() {
            let key = quantile[step]
            let place = places[key.bitPattern] ?? parts.count
            if place == parts.count {
                places[key.bitPattern] = place
                parts.append(
                    (key, [Double](repeating: StepValue.absent, count: values.count)))
            }
            parts[place].1[step] = value
        }
        return parts
    }
}

extension NumberFormat {
    /// As label values of quantiles and buckets are written: `1.0`, `0.5`, `1e-05`.
    static func openMetrics(_ value: Double) -> String {
        let text = general(value)
        return text.contains { ".eNI".contains($0) } ? text : text + ".0"
    }
}
