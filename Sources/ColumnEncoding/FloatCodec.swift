/// Columns of doubles: decimal-scaled integers where that gives back every bit (the idea of ALP, Afroozeh
/// et al., SIGMOD 2024, with one exponent a column and no exceptions), bit patterns otherwise.
///
/// ```
/// column = 0xFF │ integer column of bit patterns
///        | decimal exponent u8 │ integer column of value · 10^exponent
/// ```
package enum FloatCodec {
    private static let rawMark: UInt8 = 0xFF
    private static let exponentMax = 9
    private static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

    /// - Parameter bits: IEEE 754 bit patterns.
    package static func encode(
        bits: UnsafeBufferPointer<UInt64>, into writer: inout ByteWriter,
        layout: IntegerLayout = .packed
    ) {
        guard !bits.isEmpty else { return }
        guard let exponent = exponent(for: bits) else {
            writer.append(rawMark)
            IntegerCodec.encode(bits, into: &writer, layout: layout)
            return
        }
        writer.append(UInt8(exponent))
        let power = powers[exponent]
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: bits.count) { scaled in
            for index in 0..<bits.count {
                scaled[index] = Int64((Double(bitPattern: bits[index]) * power).rounded())
            }
            IntegerCodec.encode(UnsafeBufferPointer(scaled), into: &writer, layout: layout)
        }
    }

    package static func encode(
        _ values: [Double], into writer: inout ByteWriter, layout: IntegerLayout = .packed
    ) {
        values.withUnsafeBufferPointer { values in
            values.withMemoryRebound(to: UInt64.self) {
                encode(bits: $0, into: &writer, layout: layout)
            }
        }
    }

    /// Fills `out` with bit patterns.
    package static func decode(
        from reader: inout ByteReader, bits out: UnsafeMutableBufferPointer<UInt64>
    ) throws(ColumnDecodeError) {
        guard !out.isEmpty else { return }
        let power = try readScale(&reader)
        try IntegerCodec.decode(from: &reader, into: out)
        guard let power else { return }
        for index in 0..<out.count {
            out[index] = (Double(Int64(bitPattern: out[index])) / power).bitPattern
        }
    }

    /// What the integers that follow are divided by; `nil` if they are bit patterns.
    static func readScale(_ reader: inout ByteReader) throws(ColumnDecodeError) -> Double? {
        let mark = try reader.readByte()
        if mark == rawMark { return nil }
        guard mark <= exponentMax else { throw reader.corrupt("decimal exponent \(mark)") }
        return powers[Int(mark)]
    }

    package static func decode(
        from reader: inout ByteReader, count: Int
    ) throws(ColumnDecodeError) -> [Double] {
        let bits: [UInt64] = try IntegerColumnDecoder.array(from: &reader, count: count) {
            (reader, out) throws(ColumnDecodeError) in try decode(from: &reader, bits: out)
        }
        return bits.map { Double(bitPattern: $0) }
    }

    /// The least exponent at which every value is an integer that scales back to the same bits.
    private static func exponent(for bits: UnsafeBufferPointer<UInt64>) -> Int? {
        var exponent = 0
        for pattern in bits {
            while !isExact(pattern, powers[exponent]) {
                exponent += 1
                if exponent > exponentMax { return nil }
            }
        }
        // Values before the last raise were tested with a smaller power.
        let power = powers[exponent]
        return bits.allSatisfy { isExact($0, power) } ? exponent : nil
    }

    @inline(__always)
    private static func isExact(_ pattern: UInt64, _ power: Double) -> Bool {
        let rounded = (Double(bitPattern: pattern) * power).rounded()
        // 2^53: beyond, integers are not exact doubles. NaN fails every comparison.
        guard rounded > -9_007_199_254_740_992, rounded < 9_007_199_254_740_992 else {
            return false
        }
        return (Double(Int64(rounded)) / power).bitPattern == pattern
    }
}
