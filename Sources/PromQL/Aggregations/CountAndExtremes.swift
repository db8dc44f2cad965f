import QueryCore

/// `count`.
struct CountAccumulator: GroupAccumulator {
    private var counts: [Double]

    init(stepCount: Int) { counts = [Double](repeating: 0, count: stepCount) }

    mutating func add(_ values: [Double]) {
        for step in values.indices where values[step].isPresentStep { counts[step] += 1 }
    }

    func result() -> [Double] { counts.map { $0 == 0 ? StepValue.absent : $0 } }
}

/// `group`: 1 where there is a member.
struct GroupPresence: GroupAccumulator {
    private var values: [Double]

    init(stepCount: Int) { values = [Double](repeating: StepValue.absent, count: stepCount) }

    mutating func add(_ values: [Double]) {
        for step in values.indices where values[step].isPresentStep { self.values[step] = 1 }
    }

    func result() -> [Double] { values }
}

/// `min`; NaN only if there is nothing else.
struct MinimumAccumulator: GroupAccumulator {
    private var minima: [Double]

    init(stepCount: Int) { minima = [Double](repeating: StepValue.absent, count: stepCount) }

    mutating func add(_ values: [Double]) {
        for step in values.indices where values[step].isPresentStep {
            // What is absent yet is a NaN too.
            if minima[step] > values[step] || minima[step].isNaN { minima[step] = values[step] }
        }
    }

    func result() -> [Double] { minima }
}

/// `max`; NaN only if there is nothing else.
struct MaximumAccumulator: GroupAccumulator {
    private var maxima: [Double]

    init(stepCount: Int) { maxima = [Double](repeating: StepValue.absent, count: stepCount) }

    mutating func add(_ values: [Double]) {
        for step in values.indices where values[step].isPresentStep {
            if maxima[step] < values[step] || maxima[step].isNaN { maxima[step] = values[step] }
        }
    }

    func result() -> [Double] { maxima }
}
