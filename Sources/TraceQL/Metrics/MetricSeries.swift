import Telemetry

/// One series of a metrics query.
package struct MetricSeries: Sendable, Hashable {
    /// Names as the query writes them, with values of their types.
    package var labels: [Attribute]
    /// One value an interval; NaN where there is none.
    package var values: [Double]
    /// By time.
    package var exemplars: [MetricExemplar] = []

    package init(labels: [Attribute], values: [Double]) {
        self.labels = labels
        self.values = values
    }

    var isEmpty: Bool { values.allSatisfy(\.isNaN) }

    /// Orders series for answers: by names, then by texts.
    static func precedes(_ a: MetricSeries, _ b: MetricSeries) -> Bool {
        for (x, y) in zip(a.labels, b.labels) where x != y {
            if x.key != y.key { return x.key < y.key }
            if let p = x.value.measure, let q = y.value.measure { return p < q }
            if x.value.text != y.value.text { return x.value.text < y.value.text }
        }
        return a.labels.count < b.labels.count
    }
}

extension AttributeValue {
    fileprivate var measure: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
}

/// Series with the intervals that their values stand for.
package struct MetricResult: Sendable {
    package var windows: MetricWindows
    package var series: [MetricSeries]
    package var inspectedSpans = 0
    /// Whether a trace was too large to be judged whole.
    package var isPartial = false
}
