import Telemetry

/// The answer to a query, in the forms that all languages share.
package enum QueryValue: Sendable {
    case scalar(time: Int64, value: Double)
    case string(time: Int64, value: String)
    /// One value a series, all at `time`.
    case vector(time: Int64, [VectorElement])
    /// A value a series and step, of a range query; series by labels.
    case matrix(EvaluationSteps, [StepSeries])
    /// Stored samples with their own times: what an instant query of a range selector returns.
    case samples([SampleSeries])

    /// `resultType` of Prometheus's HTTP API.
    package var typeName: String {
        switch self {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "vector"
        case .matrix, .samples: "matrix"
        }
    }
}

/// One series of an instant vector.
package struct VectorElement: Sendable {
    package var labels: Labels
    /// Meaningless where there is a histogram.
    package var value: Double
    package var histogram: HistogramValue?

    package init(labels: Labels, value: Double, histogram: HistogramValue? = nil) {
        self.labels = labels
        self.value = value
        self.histogram = histogram
    }
}

/// Samples of one series in columns.
package struct SampleSeries: Sendable {
    package var labels: Labels
    package var times: [Int64]
    package var values: [Double]
    /// By time.
    package var histograms: [HistogramPoint]

    package init(
        labels: Labels, times: [Int64], values: [Double], histograms: [HistogramPoint] = []
    ) {
        self.labels = labels
        self.times = times
        self.values = values
        self.histograms = histograms
    }
}

/// A histogram of a series at a time, in milliseconds.
package struct HistogramPoint: Sendable {
    package var time: Int64
    package var value: HistogramValue

    package init(time: Int64, value: HistogramValue) {
        self.time = time
        self.value = value
    }
}

/// A value and what the reader should know about it.
package struct QueryResult: Sendable {
    package var value: QueryValue
    /// The result may be wrong; each once, sorted.
    package var warnings: [String]
    /// The query may not be what was meant; each once, sorted.
    package var infos: [String]

    package init(value: QueryValue, warnings: [String] = [], infos: [String] = []) {
        self.value = value
        self.warnings = warnings
        self.infos = infos
    }
}
