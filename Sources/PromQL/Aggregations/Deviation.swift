import QueryCore

/// `stdvar`: the population's variance (Welford, Technometrics 4, 1962).
struct VarianceAccumulator: GroupAccumulator {
    private var counts: [Double]
    private var means: [Double]
    private var squares: [Double]

    init(stepCount: Int) {
        counts = [Double](repeating: 0, count: stepCount)
        means = counts
        squares = counts
    }

    mutating func add(_ values: [Double]) {
        for step in values.indices where values[step].isPresentStep {
            let value = values[step]
            counts[step] += 1
            guard counts[step] > 1 else {
                means[step] = value
                squares[step] = value.isFinite ? 0 : .nan
                continue
            }
            let delta = value - means[step]
            means[step] += delta / counts[step]
            squares[step] += delta * (value - means[step])
        }
    }

    func result() -> [Double] {
        zip(squares, counts).map { $1 == 0 ? StepValue.absent : $0 / $1 }
    }
}

/// `stddev`: the root of the variance.
struct DeviationAccumulator: GroupAccumulator {
    private var variance: VarianceAccumulator

    init(stepCount: Int) { variance = VarianceAccumulator(stepCount: stepCount) }

    mutating func add(_ values: [Double]) { variance.add(values) }

    func result() -> [Double] {
        variance.result().map { $0.isPresentStep ? $0.squareRoot() : $0 }
    }
}
