import QueryCore
import Store

/// `ts_of_first_over_time` and `ts_of_last_over_time`, in seconds.
struct EdgeTime: WindowFunction {
    let isLast: Bool

    func value(_ samples: SampleView, _ window: Window) -> Double {
        let index = isLast ? window.samples.upperBound - 1 : window.samples.lowerBound
        return Double(samples.times[index]) / 1_000
    }
}

/// `ts_of_min_over_time` and `ts_of_max_over_time`: when the extreme was seen last.
struct ExtremeTime: WindowFunction {
    let isMaximum: Bool

    func value(_ samples: SampleView, _ window: Window) -> Double {
        var extreme = samples.values[window.samples.lowerBound]
        var found = window.samples.lowerBound
        for index in window.samples {
            let value = samples.values[index]
            if extreme.isNaN || (isMaximum ? value >= extreme : value <= extreme) {
                extreme = value
                found = index
            }
        }
        return Double(samples.times[found]) / 1_000
    }
}

extension HistogramRules {
    /// `ts_of_first_over_time` and `ts_of_last_over_time`.
    func edgeTime(isLast: Bool) -> HistogramRule {
        { window, plain in
            guard let point = isLast ? window.histograms.last : window.histograms.first else {
                return .absent
            }
            let time = Double(point.time) / 1_000
            guard window.hasNumbers else { return .number(time) }
            return .number(isLast ? max(time, plain()) : min(time, plain()))
        }
    }
}
