/// The functions of PromQL by name, with the types they take. A closed list: a name that is not here
/// does not parse.
package enum Function: String, Sendable, CaseIterable {
    case abs, absent, acos, acosh, asin, asinh, atan, atanh, ceil, changes, clamp, cos, cosh, deg
    case delta, deriv, exp, floor, hour, idelta, increase, irate, ln, log10, log2, minute, month, pi
    case rad, rate, resets, round, scalar, sgn, sin, sinh, sort, sqrt, tan, tanh, time, timestamp
    case vector, year
    // Experimental in Prometheus.
    case start, end, range, step, info
    case startTimestamp = "start_timestamp"
    case doubleExponentialSmoothing = "double_exponential_smoothing"
    case histogramQuantiles = "histogram_quantiles"
    case madOverTime = "mad_over_time"
    case maxOf = "max_of"
    case minOf = "min_of"
    case sortByLabel = "sort_by_label"
    case sortByLabelDesc = "sort_by_label_desc"
    case tsOfFirstOverTime = "ts_of_first_over_time"
    case tsOfLastOverTime = "ts_of_last_over_time"
    case tsOfMaxOverTime = "ts_of_max_over_time"
    case tsOfMinOverTime = "ts_of_min_over_time"
    case absentOverTime = "absent_over_time"
    case avgOverTime = "avg_over_time"
    case clampMax = "clamp_max"
    case clampMin = "clamp_min"
    case countOverTime = "count_over_time"
    case dayOfMonth = "day_of_month"
    case dayOfWeek = "day_of_week"
    case dayOfYear = "day_of_year"
    case daysInMonth = "days_in_month"
    case firstOverTime = "first_over_time"
    case histogramAvg = "histogram_avg"
    case histogramCount = "histogram_count"
    case histogramFraction = "histogram_fraction"
    case histogramQuantile = "histogram_quantile"
    case histogramStddev = "histogram_stddev"
    case histogramStdvar = "histogram_stdvar"
    case histogramSum = "histogram_sum"
    case labelJoin = "label_join"
    case labelReplace = "label_replace"
    case lastOverTime = "last_over_time"
    case maxOverTime = "max_over_time"
    case minOverTime = "min_over_time"
    case predictLinear = "predict_linear"
    case presentOverTime = "present_over_time"
    case quantileOverTime = "quantile_over_time"
    case sortDesc = "sort_desc"
    case stddevOverTime = "stddev_over_time"
    case stdvarOverTime = "stdvar_over_time"
    case sumOverTime = "sum_over_time"

    package var returns: ValueType {
        switch self {
        case .pi, .scalar, .time, .start, .end, .range, .step, .maxOf, .minOf: .scalar
        default: .instantVector
        }
    }

    /// The types of the arguments; the last one may be missing or repeated as `arity` says.
    package var arguments: [ValueType] {
        switch self {
        case .pi, .time, .start, .end, .range, .step: []
        case .maxOf, .minOf: [.scalar, .scalar]
        case .info: [.instantVector, .instantVector]
        case .doubleExponentialSmoothing: [.rangeVector, .scalar, .scalar]
        case .histogramQuantiles: [.instantVector, .string, .scalar]
        case .sortByLabel, .sortByLabelDesc: [.instantVector, .string]
        case .vector: [.scalar]
        case .clamp: [.instantVector, .scalar, .scalar]
        case .clampMax, .clampMin, .round: [.instantVector, .scalar]
        case .histogramFraction: [.scalar, .scalar, .instantVector]
        case .histogramQuantile: [.scalar, .instantVector]
        case .labelReplace: [.instantVector, .string, .string, .string, .string]
        case .labelJoin: [.instantVector, .string, .string, .string]
        case .quantileOverTime: [.scalar, .rangeVector]
        case .predictLinear: [.rangeVector, .scalar]
        case .absentOverTime, .avgOverTime, .changes, .countOverTime, .delta, .deriv,
            .firstOverTime, .idelta, .increase, .irate, .lastOverTime, .maxOverTime, .minOverTime,
            .presentOverTime, .rate, .resets, .stddevOverTime, .stdvarOverTime, .sumOverTime,
            .madOverTime, .tsOfFirstOverTime, .tsOfLastOverTime, .tsOfMaxOverTime,
            .tsOfMinOverTime:
            [.rangeVector]
        default: [.instantVector]
        }
    }

    /// How many arguments a call may have.
    package var arity: ClosedRange<Int> {
        let count = arguments.count
        return switch self {
        case .dayOfMonth, .dayOfWeek, .dayOfYear, .daysInMonth, .hour, .minute, .month, .year,
            .round, .info:
            (count - 1)...count
        // Any number of source labels, also none.
        case .labelJoin, .sortByLabel, .sortByLabelDesc: (count - 1)...Int.max
        case .histogramQuantiles: count...12
        default: count...count
        }
    }
}
