import Telemetry

/// A run of at most 128 residuals: frame of reference, bit-packed, outliers patched (PFOR; Zukowski et
/// al., "Super-Scalar RAM-CPU Cache Compression", ICDE 2006).
///
/// ```
/// run = width │ 0x80 if patched, u8 │ base, zigzag varint, relative to the previous run's
///     │ [patch count u8 │ position u8 × count] │ packed residuals − base │ [high bits varint × count]
/// ```
enum IntegerRun {
    static let length = 128
    /// Room that `encode` needs in its scratch for packed words.
    static let packedWordsMax = length + 1

    struct Plan {
        var base: UInt64
        var width: Int
        /// Values whose offset from `base` does not fit `width` bits.
        var patches: Int
        /// Estimated size in bits, header included.
        var bits: Int
    }

    /// The cheapest base and width for `values`.
    static func plan(_ values: UnsafePointer<UInt64>, count: Int) -> Plan {
        var least = Int64.max
        var most = Int64.min
        for index in 0..<count {
            let value = Int64(bitPattern: values[index])
            least = min(least, value)
            most = max(most, value)
        }
        let range = UInt64(bitPattern: most &- least)
        let width = bitWidth(range)
        let base = UInt64(bitPattern: least)
        var best = Plan(
            base: base, width: width, patches: 0, bits: count &* width &+ headerBits(base))
        // Below three bits no patch can pay for its position.
        guard width > 3, count >= 8 else { return best }
        // Where more than a quarter need the last bit, patching them cannot pay: no histogram needed.
        var widest: UInt64 = 0
        for index in 0..<count { widest &+= (values[index] &- base) &>> UInt64(width &- 1) }
        if widest <= UInt64(count / 4) { improve(&best, values, count, base: base) }
        // Steps of a mostly ascending sequence: a rare step back must not widen all the others.
        if least < 0, most > 0 { improve(&best, values, count, base: 0) }
        return best
    }

    private static func improve(
        _ best: inout Plan, _ values: UnsafePointer<UInt64>, _ count: Int, base: UInt64
    ) {
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 65) { histogram in
            histogram.initialize(repeating: 0)
            for index in 0..<count { histogram[bitWidth(values[index] &- base)] &+= 1 }
            var widest = 64
            while widest > 0, histogram[widest] == 0 { widest &-= 1 }
            let header = headerBits(base)
            var patches = 0
            var width = widest
            while true {
                // A patch costs its position and the high bits as varint.
                let highBytes = (widest &- width &+ 6) / 7
                let patchBits = patches == 0 ? 0 : 8 &+ patches &* (8 &+ 8 &* max(1, highBytes))
                let bits = count &* width &+ header &+ patchBits
                if bits < best.bits {
                    best = Plan(base: base, width: width, patches: patches, bits: bits)
                }
                if width == 0 { break }
                patches &+= Int(histogram[width])
                if patches > count / 4 { break }
                width &-= 1
            }
        }
    }

    @inline(__always)
    private static func headerBits(_ base: UInt64) -> Int {
        8 &+ 8 &* ((bitWidth(Varint.zigzag(Int64(bitPattern: base))) &+ 6) / 7)
    }

    @inline(__always)
    static func bitWidth(_ value: UInt64) -> Int { 64 &- value.leadingZeroBitCount }

    /// Writes one run. `values` is overwritten.
    static func encode(
        _ values: UnsafeMutablePointer<UInt64>, count: Int, previousBase: inout UInt64,
        packed: UnsafeMutableRawPointer, into writer: inout ByteWriter
    ) {
        let plan = plan(values, count: count)
        let width = plan.width
        for index in 0..<count { values[index] &-= plan.base }
        writer.append(UInt8(truncatingIfNeeded: width) | (plan.patches > 0 ? 0x80 : 0))
        writer.appendSignedVarint(Int64(bitPattern: plan.base &- previousBase))
        previousBase = plan.base
        if plan.patches == 0 {
            BitPacking.pack(values, count: count, width: width, into: packed)
            writer.append(contentsOf: packedBytes(packed, count, width))
            return
        }
        writer.append(UInt8(truncatingIfNeeded: plan.patches))
        let mask = (1 as UInt64) << UInt64(width) &- 1
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: plan.patches) { highs in
            var patch = 0
            for index in 0..<count where values[index] > mask {
                writer.append(UInt8(truncatingIfNeeded: index))
                highs[patch] = values[index] >> UInt64(width)
                values[index] &= mask
                patch &+= 1
            }
            BitPacking.pack(values, count: count, width: width, into: packed)
            writer.append(contentsOf: packedBytes(packed, count, width))
            for high in highs { writer.appendVarint(high) }
        }
    }

    private static func packedBytes(
        _ packed: UnsafeMutableRawPointer, _ count: Int, _ width: Int
    ) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: packed, count: BitPacking.byteCount(count, width: width))
    }

    /// Reads one run of `count` residuals into `out`.
    @inline(__always)
    static func decode<T: FixedWidthInteger>(
        from reader: inout ByteReader, count: Int, base: inout UInt64,
        into out: UnsafeMutablePointer<T>
    ) throws(ColumnDecodeError) {
        let header = try reader.readByte()
        let width = Int(header & 0x7F)
        guard width <= 64 else { throw reader.corrupt("run of \(width)-bit integers") }
        base &+= UInt64(bitPattern: try reader.readSignedVarint())
        if header < 0x80 {
            try unpack(from: &reader, count: count, width: width, base: base, into: out)
        } else {
            try decodePatched(from: &reader, count: count, width: width, base: base, into: out)
        }
    }

    @inline(__always)
    private static func decodePatched<T: FixedWidthInteger>(
        from reader: inout ByteReader, count: Int, width: Int, base: UInt64,
        into out: UnsafeMutablePointer<T>
    ) throws(ColumnDecodeError) {
        let patches = Int(try reader.readByte())
        let positions = try reader.read(patches)
        try unpack(from: &reader, count: count, width: width, base: base, into: out)
        for position in positions {
            let high = try reader.readVarint()
            guard Int(position) < count, width < 64 else {
                throw reader.corrupt("patch at \(position) of a run of \(count)")
            }
            out[Int(position)] &+= T(truncatingIfNeeded: high << UInt64(width))
        }
    }

    @inline(__always)
    private static func unpack<T: FixedWidthInteger>(
        from reader: inout ByteReader, count: Int, width: Int, base: UInt64,
        into out: UnsafeMutablePointer<T>
    ) throws(ColumnDecodeError) {
        let size = BitPacking.byteCount(count, width: width)
        let rest = reader.rest
        let packed = try reader.read(size)
        let base = T(truncatingIfNeeded: base)
        guard let start = packed.baseAddress, size > 0 else {
            for index in 0..<count { out[index] = base }
            return
        }
        if rest.count >= size + BitPacking.slack {
            BitPacking.unpack(start, count: count, width: width, base: base, into: out)
        } else {
            // The last run of the buffer: reading ahead needs a padded copy.
            withUnsafeTemporaryAllocation(
                byteCount: size + BitPacking.slack, alignment: 8
            ) { padded in
                padded.copyMemory(from: packed)
                for offset in size..<(size + BitPacking.slack) { padded[offset] = 0 }
                guard let start = padded.baseAddress else { return }
                BitPacking.unpack(
                    UnsafeRawPointer(start), count: count, width: width, base: base, into: out)
            }
        }
    }
}
