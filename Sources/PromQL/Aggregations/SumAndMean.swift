import QueryCore

/// `sum`, compensated.
struct SumAccumulator: GroupAccumulator {
    private var sums: [Double]
    private var compensations: [Double]

    init(stepCount: Int) {
        sums = [Double](repeating: StepValue.absent, count: stepCount)
        compensations = [Double](repeating: 0, count: stepCount)
    }

    mutating func add(_ values: [Double]) {
        values.withUnsafeBufferPointer { values in
            sums.withUnsafeMutableBufferPointer { sums in
                compensations.withUnsafeMutableBufferPointer { compensations in
                    for step in 0..<min(values.count, sums.count)
                    where values[step].isPresentStep {
                        guard sums[step].isPresentStep else {
                            sums[step] = values[step]
                            continue
                        }
                        var sum = CompensatedSum(sums[step], compensation: compensations[step])
                        sum.add(values[step])
                        sums[step] = sum.sum
                        compensations[step] = sum.compensation
                    }
                }
            }
        }
    }

    mutating func result() -> [Double] {
        for step in sums.indices where sums[step].isPresentStep {
            sums[step] += compensations[step]
        }
        return sums
    }
}

/// `avg`, compensated.
struct MeanAccumulator: GroupAccumulator {
    private var means: [CompensatedMean?]

    init(stepCount: Int) { means = [CompensatedMean?](repeating: nil, count: stepCount) }

    mutating func add(_ values: [Double]) {
        for step in values.indices where values[step].isPresentStep {
            if means[step]?.add(values[step]) == nil {
                means[step] = CompensatedMean(first: values[step])
            }
        }
    }

    func result() -> [Double] { means.map { $0?.value ?? StepValue.absent } }
}
