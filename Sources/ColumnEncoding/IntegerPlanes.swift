import Telemetry

/// Residuals as byte planes: all lowest bytes, then all second bytes … An entropy coder then sees each
/// byte position by itself, and constant high bytes cost nothing.
///
/// Order 0 stores offsets from the least value, orders 1 and 2 zigzag residuals, so that few outliers
/// leave the high planes of all others zero.
enum IntegerPlanes {
    @inline(__always)
    static func encode<T: FixedWidthInteger>(
        _ values: UnsafePointer<T>, _ count: Int, order: Int, into writer: inout ByteWriter
    ) {
        IntegerColumnEncoder.begin(.planes, values, order: order, into: &writer)
        let stored = count - order
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: max(1, stored)) { words in
            guard let words = words.baseAddress else { return }
            IntegerColumnEncoder.residuals(values, at: order, stored, order: order, into: words)
            if order == 0 {
                var least = Int64.max
                for index in 0..<stored { least = min(least, Int64(bitPattern: words[index])) }
                writer.appendSignedVarint(least)
                for index in 0..<stored { words[index] &-= UInt64(bitPattern: least) }
            } else {
                for index in 0..<stored {
                    words[index] = Varint.zigzag(Int64(bitPattern: words[index]))
                }
            }
            var union: UInt64 = 0
            for index in 0..<stored { union |= words[index] }
            let width = (IntegerRun.bitWidth(union) + 7) / 8
            writer.append(UInt8(truncatingIfNeeded: width))
            withUnsafeTemporaryAllocation(byteCount: max(1, stored), alignment: 8) { plane in
                for byte in 0..<width {
                    let shift = UInt64(8 * byte)
                    for index in 0..<stored {
                        plane[index] = UInt8(truncatingIfNeeded: words[index] &>> shift)
                    }
                    writer.append(contentsOf: UnsafeRawBufferPointer(rebasing: plane[..<stored]))
                }
            }
        }
    }

    /// Reads `count` residuals into `out`.
    @inline(__always)
    static func decode<T: FixedWidthInteger>(
        from reader: inout ByteReader, count: Int, order: Int, into out: UnsafeMutablePointer<T>
    ) throws(ColumnDecodeError) {
        let base = order == 0 ? T(truncatingIfNeeded: try reader.readSignedVarint()) : 0
        let width = Int(try reader.readByte())
        guard width <= 8 else { throw reader.corrupt("integers of \(width) bytes") }
        let (size, overflow) = count.multipliedReportingOverflow(by: width)
        guard !overflow else { throw reader.corrupt("too many integers") }
        let planes = try reader.read(size)
        guard let start = planes.baseAddress, width > 0 else {
            for index in 0..<count { out[index] = base }
            return
        }
        if order == 0, width == 1 {
            for index in 0..<count {
                out[index] =
                    T(truncatingIfNeeded: start.load(fromByteOffset: index, as: UInt8.self))
                    &+ base
            }
            return
        }
        if width * 8 < T.bitWidth {
            return join(start, width, count, isZigzag: order != 0, base, out)
        }
        for index in 0..<count {
            var word: UInt64 = 0
            var offset = index
            var shift: UInt64 = 0
            for _ in 0..<width {
                word |= UInt64(start.load(fromByteOffset: offset, as: UInt8.self)) &<< shift
                offset &+= count
                shift &+= 8
            }
            out[index] =
                order == 0
                ? T(truncatingIfNeeded: word) &+ base
                : T(truncatingIfNeeded: Varint.unzigzag(word))
        }
    }

    /// The same for words that leave bits of `T` free: plane by plane, many words at once.
    @inline(__always)
    private static func join<T: FixedWidthInteger>(
        _ start: UnsafeRawPointer, _ width: Int, _ count: Int, isZigzag: Bool, _ base: T,
        _ out: UnsafeMutablePointer<T>
    ) {
        for index in 0..<count {
            out[index] = T(truncatingIfNeeded: start.load(fromByteOffset: index, as: UInt8.self))
        }
        for plane in 1..<max(width, 1) {
            let bytes = start + plane &* count
            let shift = T(truncatingIfNeeded: plane &* 8)
            for index in 0..<count {
                let byte = bytes.load(fromByteOffset: index, as: UInt8.self)
                out[index] |= T(truncatingIfNeeded: byte) &<< shift
            }
        }
        if isZigzag {
            for index in 0..<count { out[index] = out[index] &>> 1 ^ (0 &- (out[index] & 1)) }
        } else {
            for index in 0..<count { out[index] = out[index] &+ base }
        }
    }
}
