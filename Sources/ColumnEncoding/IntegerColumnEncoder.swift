/// Chooses a layout for a column of integers by a sample of its runs and writes it. Generic over the
/// element so that callers need no widened copy; specialised at the entry points of `IntegerCodec`.
enum IntegerColumnEncoder {
    /// Runs looked at to choose how often to take differences.
    private static let sampleRuns = 6

    @inline(__always)
    static func encode<T: FixedWidthInteger>(
        _ values: UnsafeBufferPointer<T>, into writer: inout ByteWriter, layout: IntegerLayout
    ) {
        guard let start = values.baseAddress, values.count > 0 else { return }
        encode(start, values.count, into: &writer, layout: layout, mayUseLengths: true)
    }

    private static func encode<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, _ count: Int, into writer: inout ByteWriter,
        layout: IntegerLayout, mayUseLengths: Bool
    ) {
        if isConstant(values, count) {
            writer.append(IntegerHeader(.constant).byte)
            writer.appendSignedVarint(Int64(truncatingIfNeeded: values[0]))
            return
        }
        if isRegular(values, count) {
            begin(.constant, values, order: 1, into: &writer)
            writer.appendSignedVarint(Int64(bitPattern: bits(values[1]) &- bits(values[0])))
            return
        }
        withUnsafeTemporaryAllocation(
            of: UInt64.self, capacity: IntegerRun.length + IntegerRun.packedWordsMax
        ) { scratch in
            guard let residuals = scratch.baseAddress else { return }
            let (order, bits) = chooseOrder(values, count, residuals)
            if mayUseLengths, let runs = runCountIfWorthwhile(values, count, bits: bits) {
                encodeLengths(values, count, runs: runs, into: &writer, layout: layout)
                return
            }
            switch layout {
            case .packed:
                encodePacked(values, count, order: order, residuals, into: &writer)
            case .planes:
                let start = writer.count
                IntegerPlanes.encode(values, count, order: order, into: &writer)
                writer.savedByPacking &+= writer.count &- start &- bits / 8
            }
        }
    }

    @inline(__always)
    private static func isConstant<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, _ count: Int
    ) -> Bool {
        let first = values[0]
        var index = 1
        while index < count {
            if values[index] != first { return false }
            index &+= 1
        }
        return true
    }

    /// Whether all steps are equal. Asked of columns of at least two values.
    @inline(__always)
    private static func isRegular<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, _ count: Int
    ) -> Bool {
        let step = bits(values[1]) &- bits(values[0])
        var index = 2
        while index < count {
            if bits(values[index]) &- bits(values[index &- 1]) != step { return false }
            index &+= 1
        }
        return true
    }

    /// The order of differences that packs a sample of runs best, and the whole column's estimated bits.
    @inline(__always)
    private static func chooseOrder<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, _ count: Int, _ scratch: UnsafeMutablePointer<UInt64>
    ) -> (order: Int, bits: Int) {
        guard count > 4 else { return (0, count &* 64) }
        let runs = (count &+ IntegerRun.length &- 1) / IntegerRun.length
        // Small columns are those of the journal, where a little more is better than a little later.
        let stride = max(1, runs <= 2 * sampleRuns ? runs / 2 : runs / sampleRuns)
        var bits = (0, 0, 0)
        var sampled = 0
        var run = 0
        while run < runs {
            let start = max(2, run &* IntegerRun.length)
            let length = min(IntegerRun.length, count &- start)
            if length > 0 {
                residuals(values, at: start, length, order: 0, into: scratch)
                let plain = IntegerRun.plan(scratch, count: length).bits
                residuals(values, at: start, length, order: 1, into: scratch)
                let steps = IntegerRun.plan(scratch, count: length).bits
                bits.0 &+= plain
                bits.1 &+= steps
                // Where steps are no smaller than values, steps of steps are not either.
                if steps < plain {
                    residuals(values, at: start, length, order: 2, into: scratch)
                    bits.2 &+= IntegerRun.plan(scratch, count: length).bits
                } else {
                    bits.2 &+= steps
                }
                sampled &+= length
            }
            run &+= stride
        }
        var (order, best) = (0, bits.0)
        if bits.1 < best { (order, best) = (1, bits.1) }
        if bits.2 < best { (order, best) = (2, bits.2) }
        return (order, sampled == 0 ? count &* 64 : best &* count / sampled)
    }

    /// Residuals of `count` values from index `start` on, which is at least `order`.
    @inline(__always)
    static func residuals<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, at start: Int, _ count: Int, order: Int,
        into out: UnsafeMutablePointer<UInt64>
    ) {
        let from = values + start
        switch order {
        case 0:
            for index in 0..<count { out[index] = bits(from[index]) }
        case 1:
            for index in 0..<count { out[index] = bits(from[index]) &- bits(from[index &- 1]) }
        default:
            for index in 0..<count {
                let last = bits(from[index &- 1])
                out[index] = bits(from[index]) &- last &- last &+ bits(from[index &- 2])
            }
        }
    }

    @inline(__always)
    static func bits<T: FixedWidthInteger>(_ value: T) -> UInt64 {
        UInt64(truncatingIfNeeded: value)
    }

    /// Header and the seeds that `order` differences start from.
    @inline(__always)
    static func begin<T: FixedWidthInteger>(
        _ kind: IntegerHeader.Kind, _ values: UnsafePointer<T>, order: Int,
        into writer: inout ByteWriter
    ) {
        writer.append(IntegerHeader(kind, order: order).byte)
        if order >= 1 { writer.appendSignedVarint(Int64(truncatingIfNeeded: values[0])) }
        if order == 2 {
            writer.appendSignedVarint(Int64(bitPattern: bits(values[1]) &- bits(values[0])))
        }
    }

    @inline(__always)
    private static func encodePacked<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, _ count: Int, order: Int,
        _ scratch: UnsafeMutablePointer<UInt64>, into writer: inout ByteWriter
    ) {
        begin(.packed, values, order: order, into: &writer)
        let packed = UnsafeMutableRawPointer(scratch + IntegerRun.length)
        var previousBase: UInt64 = 0
        var index = order
        while index < count {
            let length = min(IntegerRun.length, count &- index)
            residuals(values, at: index, length, order: order, into: scratch)
            IntegerRun.encode(
                scratch, count: length, previousBase: &previousBase, packed: packed, into: &writer)
            index &+= length
        }
    }

    /// The number of runs of equal values if storing runs is smaller than `bits`.
    @inline(__always)
    private static func runCountIfWorthwhile<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, _ count: Int, bits: Int
    ) -> Int? {
        guard count >= 16 else { return nil }
        // Two columns' worth of headers, then at least six bits a run for its length and value.
        let runsMax = (bits &- 64) / 6
        var runs = 1
        var widest: UInt64 = 0
        for index in 1..<count {
            runs &+= values[index] == values[index &- 1] ? 0 : 1
            widest |= self.bits(values[index])
        }
        guard runs < runsMax, runs < count / 4 else { return nil }
        let valueBits = min(64, IntegerRun.bitWidth(widest))
        let lengthBits = IntegerRun.bitWidth(UInt64(truncatingIfNeeded: count / runs)) &+ 3
        return runs &* (valueBits &+ lengthBits) &+ 64 < bits ? runs : nil
    }

    private static func encodeLengths<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, _ count: Int, runs: Int, into writer: inout ByteWriter,
        layout: IntegerLayout
    ) {
        writer.append(IntegerHeader(.lengths).byte)
        writer.appendVarint(runs)
        withUnsafeTemporaryAllocation(of: T.self, capacity: runs) { runValues in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: runs) { lengths in
                var run = 0
                var start = 0
                runValues[0] = values[0]
                for index in 1..<count where values[index] != values[index &- 1] {
                    lengths[run] = UInt32(truncatingIfNeeded: index &- start)
                    start = index
                    run &+= 1
                    runValues[run] = values[index]
                }
                lengths[run] = UInt32(truncatingIfNeeded: count &- start)
                guard let runValues = runValues.baseAddress, let lengths = lengths.baseAddress
                else { return }
                encode(runValues, runs, into: &writer, layout: layout, mayUseLengths: false)
                encode(lengths, runs, into: &writer, layout: layout, mayUseLengths: false)
            }
        }
    }
}
