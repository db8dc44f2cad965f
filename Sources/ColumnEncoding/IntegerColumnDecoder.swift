/// Reads what `IntegerColumnEncoder` writes. Generic over the element, specialised at the entry points of
/// `IntegerCodec`.
enum IntegerColumnDecoder {
    /// An array of `count` values filled by `fill`.
    @inline(__always)
    static func array<T: FixedWidthInteger>(
        from reader: inout ByteReader, count: Int,
        _ fill: (inout ByteReader, UnsafeMutableBufferPointer<T>) throws(ColumnDecodeError) -> Void
    ) throws(ColumnDecodeError) -> [T] {
        guard count > 0 else { return [] }
        var failure: ColumnDecodeError?
        let values = [T](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(ColumnDecodeError) {
                try fill(&reader, UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
                initialized = count
            } catch {
                failure = error
                initialized = 0
            }
        }
        if let failure { throw failure }
        return values
    }

    @inline(__always)
    static func decode<T: FixedWidthInteger>(
        from reader: inout ByteReader, into out: UnsafeMutableBufferPointer<T>
    ) throws(ColumnDecodeError) {
        guard let start = out.baseAddress, out.count > 0 else { return }
        try decode(from: &reader, start, out.count, mayUseLengths: true)
    }

    private static func decode<T: FixedWidthInteger>(
        from reader: inout ByteReader, _ out: UnsafeMutablePointer<T>, _ count: Int,
        mayUseLengths: Bool
    ) throws(ColumnDecodeError) {
        let byte = try reader.readByte()
        guard let header = IntegerHeader(byte), header.order < count else {
            throw reader.corrupt("integer column header \(byte)")
        }
        switch header.kind {
        case .constant:
            guard header.order < 2 else { throw reader.corrupt("integer column header \(byte)") }
            var value = T(truncatingIfNeeded: try reader.readSignedVarint())
            let step =
                header.order == 0 ? 0 : T(truncatingIfNeeded: try reader.readSignedVarint())
            for index in 0..<count {
                out[index] = value
                value &+= step
            }
        case .packed:
            try decodePacked(from: &reader, out, count, order: header.order)
        case .planes:
            let order = header.order
            let seeds = try readSeeds(from: &reader, order: order, as: T.self)
            try IntegerPlanes.decode(
                from: &reader, count: count - order, order: order, into: out + order)
            var state = begin(seeds, order: order, out)
            integrate(&state, out + order, count - order, order: order)
        case .lengths:
            guard mayUseLengths else { throw reader.corrupt("run lengths of run lengths") }
            try decodeLengths(from: &reader, out, count)
        }
    }

    private typealias Seeds<T> = (value: T, step: T)

    @inline(__always)
    private static func readSeeds<T: FixedWidthInteger>(
        from reader: inout ByteReader, order: Int, as type: T.Type
    ) throws(ColumnDecodeError) -> Seeds<T> {
        let value = order >= 1 ? T(truncatingIfNeeded: try reader.readSignedVarint()) : 0
        let step = order == 2 ? T(truncatingIfNeeded: try reader.readSignedVarint()) : 0
        return (value, step)
    }

    /// Stores the values that the seeds give and returns the state to integrate from.
    @inline(__always)
    private static func begin<T: FixedWidthInteger>(
        _ seeds: Seeds<T>, order: Int, _ out: UnsafeMutablePointer<T>
    ) -> Seeds<T> {
        if order >= 1 { out[0] = seeds.value }
        guard order == 2 else { return seeds }
        out[1] = seeds.value &+ seeds.step
        return (out[1], seeds.step)
    }

    /// Turns residuals back into values, in place.
    @inline(__always)
    private static func integrate<T: FixedWidthInteger>(
        _ state: inout Seeds<T>, _ out: UnsafeMutablePointer<T>, _ count: Int, order: Int
    ) {
        switch order {
        case 0: return
        case 1:
            var value = state.value
            for index in 0..<count {
                value &+= out[index]
                out[index] = value
            }
            state.value = value
        default:
            var (value, step) = state
            for index in 0..<count {
                step &+= out[index]
                value &+= step
                out[index] = value
            }
            state = (value, step)
        }
    }

    @inline(__always)
    private static func decodePacked<T: FixedWidthInteger>(
        from reader: inout ByteReader, _ out: UnsafeMutablePointer<T>, _ count: Int, order: Int
    ) throws(ColumnDecodeError) {
        let seeds = try readSeeds(from: &reader, order: order, as: T.self)
        var state = begin(seeds, order: order, out)
        var base: UInt64 = 0
        var index = order
        while index < count {
            let length = min(IntegerRun.length, count &- index)
            try IntegerRun.decode(from: &reader, count: length, base: &base, into: out + index)
            integrate(&state, out + index, length, order: order)
            index &+= length
        }
    }

    private static func decodeLengths<T: FixedWidthInteger>(
        from reader: inout ByteReader, _ out: UnsafeMutablePointer<T>, _ count: Int
    ) throws(ColumnDecodeError) {
        let runs = try reader.readCount(atMost: count)
        let values: [T] = try array(from: &reader, count: runs) {
            (reader, buffer) throws(ColumnDecodeError) in
            guard let start = buffer.baseAddress else { return }
            try decode(from: &reader, start, runs, mayUseLengths: false)
        }
        let lengths: [UInt32] = try array(from: &reader, count: runs) {
            (reader, buffer) throws(ColumnDecodeError) in
            guard let start = buffer.baseAddress else { return }
            try decode(from: &reader, start, runs, mayUseLengths: false)
        }
        var index = 0
        for run in 0..<runs {
            let length = Int(lengths[run])
            guard length <= count - index else {
                throw reader.corrupt("runs are longer than the column")
            }
            let value = values[run]
            for offset in index..<(index + length) { out[offset] = value }
            index += length
        }
        guard index == count else { throw reader.corrupt("runs are shorter than the column") }
    }
}
