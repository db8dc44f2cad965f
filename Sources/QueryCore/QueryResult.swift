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
    package var value: Double

    package init(labels: Labels, value: Double) {
        self.labels = labels
        self.value = value
    }
}

/// Samples of one series in columns.
package struct SampleSeries: Sendable {
    package var labels: Labels
    package var times: [Int64]
    package var values: [Double]

    package init(labels: Labels, times: [Int64], values: [Double]) {
        self.labels = labels
        self.times = times
        self.values = values
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
