import Telemetry

/// Encodes the values of chunks, each by itself or by what an earlier one predicts.
struct ChunkValueEncoder {
    private(set) var layouts: [UInt8] = []
    private(set) var shifts: [UInt8] = []
    private(set) var firsts: [Int64] = []
    private(set) var lengths: [UInt32] = []
    private(set) var distances: [UInt32] = []
    private(set) var factors: [Int64] = []
    private(set) var payloads = ByteWriter()

    /// A chunk that later ones may be predicted from.
    private struct Sibling {
        var chunk: Int
        var stream: UInt32
        var integers: [Int64]
        /// Chunks to decode before it.
        var depth: Int
    }

    /// Twice the series of a usual histogram: what rises together is written together.
    private static let siblingsMax = 32
    /// Chunks that a reader must decode before one, at most.
    static let depthMax = 16
    /// How far back a sibling may be, so that a reader's cache of as many chunks holds it.
    static let distanceMax = 63
    /// Shorter chunks are not worth the search.
    private static let predictedSamplesMin = 64

    private var siblings: [Sibling] = []
    private var integers: [Int64] = []
    private var exceptions: [(index: Int, pattern: UInt64)] = []
    private var residuals: [Int64] = []
    private var plain = ByteWriter()
    private var predicted = ByteWriter()

    mutating func append(
        _ values: UnsafeBufferPointer<Double>, stream: UInt32, hasSummary: Bool
    ) {
        var layout = ChunkLayout(rawValue: UInt8(map(values)))
        if hasSummary { layout.insert(.summary) }
        if !exceptions.isEmpty { layout.insert(.exceptions) }
        let start = payloads.count
        appendExceptions()
        let shift = trailingZeros()
        firsts.append(integers[0])
        shifts.append(UInt8(shift))
        var depth = 0
        // All equal: a shift of 64 says so and nothing follows.
        if shift < 64 {
            let chosen = appendIntegers(stream: stream, shift: Int64(shift))
            if let chosen {
                layout.insert(.predicted)
                distances.append(UInt32(layouts.count - chosen.sibling.chunk))
                factors.append(chosen.factor)
                depth = chosen.sibling.depth + 1
            }
            remember(stream: stream, depth: depth)
        }
        layouts.append(layout.rawValue)
        lengths.append(UInt32(payloads.count - start))
    }

    // MARK: Values to integers

    /// Fills `integers` and `exceptions`. Returns the low bits of the layout.
    private mutating func map(_ values: UnsafeBufferPointer<Double>) -> UInt8 {
        if var exponent = DecimalScaling.exponent(for: values) {
            while !scale(values, exponent: exponent) {
                // The sample that chose the exponent may have missed finer values.
                guard let value = exceptions.last.map({ Double(bitPattern: $0.pattern) }),
                    let finer = DecimalScaling.exponent(of: value, atLeast: exponent),
                    finer > exponent
                else { return mapPatterns(values) }
                exponent = finer
            }
            return UInt8(exponent)
        }
        return mapPatterns(values)
    }

    /// False if more than an eighth of the values are exceptions.
    private mutating func scale(_ values: UnsafeBufferPointer<Double>, exponent: Int) -> Bool {
        let power = DecimalScaling.powers[exponent]
        let exceptionsMax = values.count / 8 + 1
        integers.removeAll(keepingCapacity: true)
        exceptions.removeAll(keepingCapacity: true)
        var previous: Int64 = 0
        for (index, value) in values.enumerated() {
            if let mantissa = DecimalScaling.mantissa(value, power: power) {
                previous = mantissa
            } else {
                exceptions.append((index, value.bitPattern))
                if exceptions.count > exceptionsMax { return false }
            }
            integers.append(previous)
        }
        return true
    }

    private mutating func mapPatterns(_ values: UnsafeBufferPointer<Double>) -> UInt8 {
        exceptions.removeAll(keepingCapacity: true)
        integers.removeAll(keepingCapacity: true)
        for value in values { integers.append(Int64(bitPattern: value.bitPattern)) }
        return ChunkLayout.patterns.rawValue
    }

    private mutating func appendExceptions() {
        guard !exceptions.isEmpty else { return }
        payloads.appendVarint(exceptions.count)
        for exception in exceptions {
            payloads.appendVarint(exception.index)
            payloads.append(exception.pattern)
        }
    }

    /// Low bits in which no integer differs from the first; 64 if none differs at all.
    private func trailingZeros() -> Int {
        var union: UInt64 = 0
        let first = integers[0]
        for integer in integers { union |= UInt64(bitPattern: integer &- first) }
        return union.trailingZeroBitCount
    }

    // MARK: Integers to bytes

    /// Writes the integers after the first, and returns what they were predicted from.
    private mutating func appendIntegers(
        stream: UInt32, shift: Int64
    ) -> (sibling: Sibling, factor: Int64)? {
        let first = integers[0]
        plain.removeAll()
        residuals.removeAll(keepingCapacity: true)
        for integer in integers.dropFirst() { residuals.append((integer &- first) &>> shift) }
        IntegerCodec.encode(residuals, into: &plain)
        guard let best = bestSibling(stream: stream, shift: shift) else {
            payloads.append(contentsOf: plain.bytes)
            return nil
        }
        for index in residuals.indices {
            let difference = (integers[index + 1] &- integers[index]) &>> shift
            let source = best.sibling.integers
            residuals[index] =
                difference
                &- DeltaPrediction.predict(
                    source[index + 1] &- source[index], factor: best.factor)
        }
        predicted.removeAll()
        IntegerCodec.encode(residuals, into: &predicted)
        guard predicted.count + 4 < plain.count else {
            payloads.append(contentsOf: plain.bytes)
            return nil
        }
        payloads.append(contentsOf: predicted.bytes)
        return best
    }

    private mutating func remember(stream: UInt32, depth: Int) {
        guard integers.count >= Self.predictedSamplesMin, depth < Self.depthMax else { return }
        let sibling = Sibling(
            chunk: layouts.count, stream: stream, integers: integers, depth: depth)
        siblings.removeAll { layouts.count - $0.chunk >= Self.distanceMax }
        if siblings.count == Self.siblingsMax { siblings.removeFirst() }
        siblings.append(sibling)
    }

    /// The sibling whose scaled differences come closest, if any comes closer than none.
    private func bestSibling(
        stream: UInt32, shift: Int64
    ) -> (sibling: Sibling, factor: Int64)? {
        guard integers.count >= Self.predictedSamplesMin else { return nil }
        var best: (sibling: Sibling, factor: Int64)?
        var bestCost = cost(of: nil, factor: 0, shift: shift)
        for sibling in siblings
        where sibling.stream == stream && layouts.count - sibling.chunk <= Self.distanceMax {
            guard let factor = factor(of: sibling.integers, shift: shift) else { continue }
            let cost = cost(of: sibling.integers, factor: factor, shift: shift)
            if cost < bestCost {
                bestCost = cost
                best = (sibling, factor)
            }
        }
        return best
    }

    /// Samples looked at to compare siblings: every fifth pair, of up to four in a row.
    private static let sampleStride = 5

    /// The least squares factor from a sibling's differences to ours, in fixed point.
    private func factor(of sibling: [Int64], shift: Int64) -> Int64? {
        var product = 0.0
        var square = 0.0
        var index = 1
        while index < integers.count {
            let x = Double(sibling[index] &- sibling[index - 1])
            let y = Double((integers[index] &- integers[index - 1]) &>> shift)
            product += x * y
            square += x * x
            index += Self.sampleStride
        }
        guard square > 0 else { return nil }
        let factor = (product / square * 65_536).rounded()
        guard factor != 0, abs(factor) < 0x1p62 else { return nil }
        return Int64(factor)
    }

    /// About the bits of the residuals, their mean taken off.
    private func cost(of sibling: [Int64]?, factor: Int64, shift: Int64) -> Int {
        var mean = 0.0
        var count = 0.0
        for isCounting in [false, true] {
            var bits = 0
            let base = isCounting ? Int64(max(-0x1p62, min(0x1p62, mean / count))) : 0
            var index = 1
            while index < integers.count {
                var residual = (integers[index] &- integers[index - 1]) &>> shift
                if let sibling {
                    residual &-= DeltaPrediction.predict(
                        sibling[index] &- sibling[index - 1], factor: factor)
                }
                if isCounting {
                    bits += 64 - (residual &- base).magnitude.leadingZeroBitCount
                } else {
                    mean += Double(residual)
                    count += 1
                }
                index += Self.sampleStride
            }
            if isCounting { return bits }
        }
        return 0
    }
}
