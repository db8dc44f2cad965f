/// Puts a block together from the integer columns of `SeriesBlockCodec`.
struct SeriesBlockDecoder {
    private var block: SeriesBlock
    private let rows: Int
    var firstTimes: [Int64] = []
    var timeSteps: [Int64] = []
    var layouts: [UInt8] = []
    var firstValues: [Int64] = []
    var mantissas: [Int64] = []
    var patterns: [UInt64] = []
    var exceptionIndices: [UInt32] = []
    var exceptionPatterns: [UInt64] = []

    /// - Parameter block: with `series` and `counts`, which add up to `rows`.
    init(_ block: SeriesBlock, rows: Int) {
        self.block = block
        self.rows = rows
    }

    /// How many values, the first of each series not counted, column 8 holds.
    func patternRows() throws(ColumnDecodeError) -> Int {
        let count = block.counts.count
        guard layouts.count == count, firstTimes.count == count, firstValues.count == count else {
            throw .corrupt(column: "layouts", offset: 0, reason: "one entry a series is missing")
        }
        var total = 0
        for (layout, count) in zip(layouts, block.counts) {
            guard let kind = ValueLayout(rawValue: layout & 3),
                Int(layout >> 2) <= DecimalScaling.exponentMax
            else {
                throw .corrupt(column: "layouts", offset: 0, reason: "unknown layout \(layout)")
            }
            if case .patterns = kind { total += Int(count) - 1 }
        }
        return total
    }

    mutating func run() throws(ColumnDecodeError) -> SeriesBlock {
        block.times = decodeTimes()
        block.values = decodeValues()
        for (index, pattern) in zip(exceptionIndices, exceptionPatterns) {
            guard Int(index) < rows else {
                throw .corrupt(column: "exceptions", offset: 0, reason: "index out of range")
            }
            block.values[Int(index)] = Double(bitPattern: pattern)
        }
        return block
    }

    private func decodeTimes() -> [Int64] {
        [Int64](unsafeUninitializedCapacity: rows) { out, filled in
            timeSteps.withUnsafeBufferPointer { steps in
                var position = 0
                var step = 0
                for (index, count) in block.counts.enumerated() {
                    var time = firstTimes[index]
                    var interval: Int64 = 0
                    out[position] = time
                    position += 1
                    for _ in 1..<max(1, Int(count)) {
                        interval &+= steps[step]
                        time &+= interval
                        out[position] = time
                        position += 1
                        step += 1
                    }
                }
            }
            filled = rows
        }
    }

    private func decodeValues() -> [Double] {
        [Double](unsafeUninitializedCapacity: rows) { out, filled in
            var position = 0
            var mantissa = 0
            var pattern = 0
            for (index, count) in block.counts.enumerated() {
                let rest = Int(count) - 1
                let slice = UnsafeMutableBufferPointer(rebasing: out[position...(position + rest)])
                switch ValueLayout(rawValue: layouts[index] & 3) {
                case .patterns:
                    fillPatterns(slice, from: pattern, first: firstValues[index])
                    pattern += rest
                case .deltas:
                    fillDeltas(slice, from: mantissa, series: index)
                    mantissa += rest
                case .offsets, nil:
                    fillOffsets(slice, from: mantissa, series: index)
                    mantissa += rest
                }
                position += rest + 1
            }
            filled = rows
        }
    }

    private func fillPatterns(
        _ out: UnsafeMutableBufferPointer<Double>, from start: Int, first: Int64
    ) {
        var bits = UInt64(bitPattern: first)
        out[0] = Double(bitPattern: bits)
        patterns.withUnsafeBufferPointer { patterns in
            for index in 1..<max(1, out.count) {
                bits ^= patterns[start + index - 1]
                out[index] = Double(bitPattern: bits)
            }
        }
    }

    private func fillDeltas(
        _ out: UnsafeMutableBufferPointer<Double>, from start: Int, series: Int
    ) {
        let power = DecimalScaling.powers[Int(layouts[series] >> 2)]
        var value = firstValues[series]
        out[0] = Double(value) / power
        mantissas.withUnsafeBufferPointer { mantissas in
            for index in 1..<max(1, out.count) {
                value &+= mantissas[start + index - 1]
                out[index] = Double(value) / power
            }
        }
    }

    private func fillOffsets(
        _ out: UnsafeMutableBufferPointer<Double>, from start: Int, series: Int
    ) {
        let power = DecimalScaling.powers[Int(layouts[series] >> 2)]
        let first = firstValues[series]
        out[0] = Double(first) / power
        mantissas.withUnsafeBufferPointer { mantissas in
            for index in 1..<max(1, out.count) {
                out[index] = Double(first &+ mantissas[start + index - 1]) / power
            }
        }
    }
}
