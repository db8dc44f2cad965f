import QueryCore

/// `double_exponential_smoothing`: the last smoothed value of a window, with the trend (Holt 1957).
struct DoubleExponentialSmoothing: WindowFunction {
    /// Between 0 and 1, both excluded: how much the newest counts.
    let smoothing: StepScalar
    let trend: StepScalar

    func value(_ samples: SampleView, _ window: Window) -> Double {
        guard window.samples.count > 1 else { return StepValue.absent }
        let smoothing = smoothing[window.step]
        let trendFactor = trend[window.step]
        let first = window.samples.lowerBound
        var before = 0.0
        var smoothed = samples.values[first]
        var slope = samples.values[first + 1] - smoothed
        for index in window.samples.dropFirst() {
            if index > first + 1 {
                slope = trendFactor * (smoothed - before) + (1 - trendFactor) * slope
            }
            let next = smoothing * samples.values[index] + (1 - smoothing) * (smoothed + slope)
            (before, smoothed) = (smoothed, next)
        }
        return smoothed
    }
}

extension Evaluator {
    /// - Throws: for factors that are not between 0 and 1.
    mutating func smoothingFactors(
        _ node: FunctionCall
    ) throws(QueryError) -> DoubleExponentialSmoothing {
        let smoothing = try scalar(node.arguments[1])
        let trend = try scalar(node.arguments[2])
        for (name, short, factors) in [("smoothing", "sf", smoothing), ("trend", "tf", trend)] {
            for factor in factors.values where !(factor > 0 && factor < 1) {
                throw .execution(
                    "invalid \(name) factor. Expected: 0 < \(short) < 1, got: "
                        + NumberFormat.decimal(factor))
            }
        }
        return DoubleExponentialSmoothing(smoothing: smoothing, trend: trend)
    }
}

/// `mad_over_time`: the median of the distances to the median. NaN if any value is.
struct MedianDeviation: WindowFunction {
    func value(_ samples: SampleView, _ window: Window) -> Double {
        var values = window.samples.map { samples.values[$0] }
        if values.contains(where: \.isNaN) { return .nan }
        let median = Quantile.of(&values, 0.5)
        for index in values.indices { values[index] = (values[index] - median).magnitude }
        return Quantile.of(&values, 0.5)
    }
}
