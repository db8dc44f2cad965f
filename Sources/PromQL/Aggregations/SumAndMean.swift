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
    private var sums: [Double]
    private var compensations: [Double]
    private var counts: [Double]
    /// By step: means whose sums have left the range of numbers.
    private var incremental: [Int: CompensatedMean] = [:]

    init(stepCount: Int) {
        sums = [Double](repeating: StepValue.absent, count: stepCount)
        compensations = [Double](repeating: 0, count: stepCount)
        counts = [Double](repeating: 0, count: stepCount)
    }

    mutating func add(_ values: [Double]) {
        guard incremental.isEmpty else { return addBeyondRange(values, from: 0) }
        let added = values.withUnsafeBufferPointer { values in
            sums.withUnsafeMutableBufferPointer { sums in
                compensations.withUnsafeMutableBufferPointer { compensations in
                    counts.withUnsafeMutableBufferPointer { counts in
                        Self.add(values, sums, compensations, counts)
                    }
                }
            }
        }
        if added < values.count { addBeyondRange(values, from: added) }
    }

    /// - Returns: how many were added before a sum would have been infinite.
    @inline(__always)
    private static func add(
        _ values: UnsafeBufferPointer<Double>, _ sums: UnsafeMutableBufferPointer<Double>,
        _ compensations: UnsafeMutableBufferPointer<Double>,
        _ counts: UnsafeMutableBufferPointer<Double>
    ) -> Int {
        for step in 0..<min(values.count, sums.count) where values[step].isPresentStep {
            guard sums[step].isPresentStep else {
                sums[step] = values[step]
                counts[step] = 1
                continue
            }
            var sum = CompensatedSum(sums[step], compensation: compensations[step])
            sum.add(values[step])
            if sum.sum.isInfinite { return step }
            sums[step] = sum.sum
            compensations[step] = sum.compensation
            counts[step] += 1
        }
        return values.count
    }

    private mutating func addBeyondRange(_ values: [Double], from start: Int) {
        for step in start..<min(values.count, sums.count) where values[step].isPresentStep {
            var mean =
                incremental[step]
                ?? (sums[step].isPresentStep
                    ? CompensatedMean(
                        sum: CompensatedSum(sums[step], compensation: compensations[step]),
                        count: counts[step])
                    : nil)
            if mean?.add(values[step]) == nil { mean = CompensatedMean(first: values[step]) }
            if let mean { incremental[step] = mean }
            if !sums[step].isPresentStep { sums[step] = values[step] }
        }
    }

    func result() -> [Double] {
        sums.indices.map { step in
            if let mean = incremental[step] { return mean.value }
            guard sums[step].isPresentStep else { return StepValue.absent }
            return sums[step] / counts[step] + compensations[step] / counts[step]
        }
    }
}
