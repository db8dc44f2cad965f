import QueryCore

/// `deriv` and `predict_linear`: the least-squares line through the samples of a window.
struct LinearRegression: WindowFunction {
    /// Seconds ahead of the step's time that `predict_linear` asks for; `nil` for the slope.
    let prediction: StepScalar?
    let steps: EvaluationSteps

    func value(_ samples: SampleView, _ window: Window) -> Double {
        guard window.samples.count > 1 else { return StepValue.absent }
        guard let prediction else {
            return line(samples, window, origin: samples.times[window.samples.lowerBound]).slope
        }
        let line = line(samples, window, origin: steps.time(window.step))
        return line.slope * prediction[window.step] + line.intercept
    }

    /// The line with time counted in seconds from `origin`.
    private func line(
        _ samples: SampleView, _ window: Window, origin: Int64
    ) -> (slope: Double, intercept: Double) {
        var sumX = CompensatedSum()
        var sumY = CompensatedSum()
        var sumXY = CompensatedSum()
        var sumXX = CompensatedSum()
        let first = samples.values[window.samples.lowerBound]
        var isConstant = true
        for index in window.samples {
            let x = Double(samples.times[index] &- origin) / 1_000
            let y = samples.values[index]
            if index > window.samples.lowerBound, y != first { isConstant = false }
            sumX.add(x)
            sumY.add(y)
            sumXY.add(x * y)
            sumXX.add(x * x)
        }
        if isConstant {
            return first.isInfinite ? (.nan, .nan) : (0, first)
        }
        let count = Double(window.samples.count)
        let covariance = sumXY.value - sumX.value * sumY.value / count
        let variance = sumXX.value - sumX.value * sumX.value / count
        let slope = covariance / variance
        return (slope, sumY.value / count - slope * sumX.value / count)
    }
}
