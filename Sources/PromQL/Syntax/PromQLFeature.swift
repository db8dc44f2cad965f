/// Parts of the language that Prometheus has behind feature flags, by the names of these. All are on unless they
/// are turned off.
package enum PromQLFeature: String, CaseIterable, Sendable {
    case experimentalFunctions = "promql-experimental-functions"
    /// `anchored` and `smoothed`.
    case extendedRangeSelectors = "promql-extended-range-selectors"
    /// `fill`, `fill_left`, `fill_right`.
    case fillModifiers = "promql-binop-fill-modifiers"
    /// Names of metrics go when the query ends, not where a value changes its meaning.
    case delayedNameRemoval = "promql-delayed-name-removal"
}

extension Function {
    /// Of the experimental functions.
    package var isExperimental: Bool {
        switch self {
        case .start, .end, .range, .step, .info, .startTimestamp, .doubleExponentialSmoothing,
            .histogramQuantiles, .madOverTime, .maxOf, .minOf, .sortByLabel, .sortByLabelDesc,
            .tsOfFirstOverTime, .tsOfLastOverTime, .tsOfMaxOverTime, .tsOfMinOverTime:
            true
        default: false
        }
    }
}

extension Aggregation.Operator {
    /// Of the experimental aggregations.
    package var isExperimental: Bool { self == .limitk || self == .limitRatio }
}

extension Expression {
    /// The feature that the expression itself needs, without those inside it, and the words for its absence.
    var neededFeature: (feature: PromQLFeature, absence: String)? {
        switch self {
        case .call(let node) where node.function.isExperimental:
            (
                .experimentalFunctions,
                "function \"\(node.function.rawValue)\" is not enabled"
            )
        case .aggregation(let node) where node.operator.isExperimental:
            (.experimentalFunctions, "\(node.operator.rawValue)() is experimental and not enabled")
        case .vectorSelector(let node) where node.edges != .asSampled:
            (
                .extendedRangeSelectors,
                "\(node.edges.rawValue) modifier is experimental and not enabled"
            )
        case .rangeSelector(let node) where node.selector.edges != .asSampled:
            (
                .extendedRangeSelectors,
                "\(node.selector.edges.rawValue) modifier is experimental and not enabled"
            )
        case .binary(let node) where node.matching.isFilled:
            (.fillModifiers, "fill modifiers are experimental and not enabled")
        default: nil
        }
    }
}
