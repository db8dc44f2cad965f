import QueryCore

/// `irate` and `idelta`: the difference of the last two samples of a window.
struct InstantRate: WindowFunction {
    /// Per second, and a fall counts as a restart from zero.
    let isRate: Bool

    func value(_ samples: SampleView, _ window: Window) -> Double {
        let last = window.samples.upperBound - 1
        guard last > window.samples.lowerBound else { return StepValue.absent }
        let interval = samples.times[last] &- samples.times[last - 1]
        guard interval != 0 else { return StepValue.absent }
        let current = samples.values[last]
        let previous = samples.values[last - 1]
        let difference = isRate && current < previous ? current : current - previous
        return isRate ? difference / (Double(interval) / 1_000) : difference
    }
}
