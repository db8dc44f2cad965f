import QueryCore

/// What a part of an expression evaluates to, over all steps at once.
enum Operand {
    case scalar(StepScalar)
    case string(String)
    /// Series with at least one value each; no two with the same labels.
    case vector([StepSeries])

    /// Samples that it holds in memory.
    var sampleCount: Int {
        switch self {
        case .scalar(let scalar): scalar.values.count
        case .string: 0
        case .vector(let series): series.reduce(0) { $0 + $1.values.count + $1.histogramWeight }
        }
    }
}

extension StepSeries {
    /// How many numbers its histograms weigh.
    var histogramWeight: Int { histograms.reduce(0) { $0 + ($1?.weight ?? 0) } }
}

/// A number at every step; a constant keeps it once.
struct StepScalar {
    /// One entry, or one a step.
    let values: [Double]

    init(_ constant: Double) { values = [constant] }
    init(values: [Double]) { self.values = values }

    subscript(step: Int) -> Double { values.count == 1 ? values[0] : values[step] }

    /// One entry a step.
    func expanded(_ count: Int) -> [Double] {
        values.count == count ? values : [Double](repeating: values[0], count: count)
    }

    static func map(
        _ a: StepScalar, _ b: StepScalar, _ transform: (Double, Double) -> Double
    ) -> StepScalar {
        StepScalar(
            values: (0..<max(a.values.count, b.values.count)).map { transform(a[$0], b[$0]) })
    }
}
