/// Turns a block into the integer columns of `SeriesBlockCodec`.
struct SeriesBlockEncoder {
    private let block: SeriesBlock
    private(set) var firstTimes: [Int64] = []
    private(set) var timeSteps: [Int64] = []
    private(set) var layouts: [UInt8] = []
    private(set) var firstValues: [Int64] = []
    private(set) var mantissas: [Int64] = []
    private(set) var patterns: [UInt64] = []
    private(set) var exceptionIndices: [UInt32] = []
    private(set) var exceptionPatterns: [UInt64] = []
    private var scratch: [Int64] = []

    init(_ block: SeriesBlock) {
        self.block = block
        let count = block.counts.count
        firstTimes.reserveCapacity(count)
        layouts.reserveCapacity(count)
        firstValues.reserveCapacity(count)
        timeSteps.reserveCapacity(block.sampleCount)
        mantissas.reserveCapacity(block.sampleCount)
    }

    mutating func run() {
        var start = 0
        for count in block.counts {
            let end = start + Int(count)
            appendTimes(start, end)
            block.values.withUnsafeBufferPointer { values in
                appendValues(UnsafeBufferPointer(rebasing: values[start..<end]), at: start)
            }
            start = end
        }
    }

    private mutating func appendTimes(_ start: Int, _ end: Int) {
        firstTimes.append(block.times[start])
        var interval: Int64 = 0
        for index in (start + 1)..<max(end, start + 1) {
            let next = block.times[index] &- block.times[index - 1]
            timeSteps.append(next &- interval)
            interval = next
        }
    }

    private mutating func appendValues(_ values: UnsafeBufferPointer<Double>, at start: Int) {
        guard let exponent = DecimalScaling.exponent(for: values),
            scale(values, exponent: exponent, at: start)
        else {
            appendPatterns(values)
            return
        }
        appendScaled(exponent: exponent)
    }

    /// Fills `scratch` with mantissas; false if more than an eighth of the values are exceptions.
    private mutating func scale(
        _ values: UnsafeBufferPointer<Double>, exponent: Int, at start: Int
    ) -> Bool {
        let power = DecimalScaling.powers[exponent]
        let known = exceptionIndices.count
        let exceptionsMax = values.count / 8 + 1
        scratch.removeAll(keepingCapacity: true)
        var previous: Int64 = 0
        for (index, value) in values.enumerated() {
            if let mantissa = DecimalScaling.mantissa(value, power: power) {
                previous = mantissa
            } else {
                exceptionIndices.append(UInt32(start + index))
                exceptionPatterns.append(value.bitPattern)
                if exceptionIndices.count - known > exceptionsMax {
                    exceptionIndices.removeSubrange(known...)
                    exceptionPatterns.removeSubrange(known...)
                    return false
                }
            }
            scratch.append(previous)
        }
        return true
    }

    private mutating func appendScaled(exponent: Int) {
        var deltaBits = 0
        var smallest = scratch[0]
        var largest = scratch[0]
        for index in 1..<max(1, scratch.count) {
            let delta = scratch[index] - scratch[index - 1]
            deltaBits += 64 - abs(delta).leadingZeroBitCount
            smallest = min(smallest, scratch[index])
            largest = max(largest, scratch[index])
        }
        let offsetBits =
            (64 - (largest - smallest).leadingZeroBitCount) * max(0, scratch.count - 1)
        let useDeltas = deltaBits + scratch.count <= offsetBits
        layouts.append(
            (useDeltas ? ValueLayout.deltas : .offsets).rawValue | UInt8(exponent) << 2)
        firstValues.append(scratch[0])
        for index in 1..<max(1, scratch.count) {
            mantissas.append(
                useDeltas ? scratch[index] - scratch[index - 1] : scratch[index] - scratch[0])
        }
    }

    private mutating func appendPatterns(_ values: UnsafeBufferPointer<Double>) {
        layouts.append(ValueLayout.patterns.rawValue)
        firstValues.append(Int64(bitPattern: values[0].bitPattern))
        for index in 1..<max(1, values.count) {
            patterns.append(values[index].bitPattern ^ values[index - 1].bitPattern)
        }
    }
}
