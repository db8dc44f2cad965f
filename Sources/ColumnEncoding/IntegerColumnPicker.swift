import Telemetry

/// Reads a few values of a column of integers; what can be passed over is not expanded.
///
/// Values come as 64-bit words: of columns of narrower integers the low bits count.
package enum IntegerColumnPicker {
    /// The values at `places` of the column of `count` values that begins here; moves past the column.
    /// - Parameter places: ascending, each below `count`; repeats are allowed.
    /// - Complexity: O(places) for constants and planes of values, O(count / 128 + places) for packed ones,
    ///   O(count) for columns of differences.
    package static func pick(
        from reader: inout ByteReader, count: Int, at places: [Int]
    ) throws(ColumnDecodeError) -> [UInt64] {
        guard count > 0 else { return [] }
        guard !places.isEmpty else {
            try skip(in: &reader, count: count)
            return []
        }
        var ahead = reader
        let header = try header(&ahead, count)
        switch header.kind {
        case .constant where header.order < 2:
            reader = ahead
            let value = UInt64(bitPattern: try reader.readSignedVarint())
            let step =
                header.order == 0 ? 0 : UInt64(bitPattern: try reader.readSignedVarint())
            return places.map { value &+ UInt64(truncatingIfNeeded: $0) &* step }
        case .planes where header.order == 0:
            reader = ahead
            return try planes(from: &reader, count, places)
        case .packed where header.order == 0:
            reader = ahead
            return try packed(from: &reader, count, places)
        default:
            let all: [UInt64] = try IntegerCodec.decode(from: &reader, count: count)
            return places.map { all[$0] }
        }
    }

    /// Moves past the column of `count` values that begins here.
    static func skip(
        in reader: inout ByteReader, count: Int, mayUseLengths: Bool = true
    ) throws(ColumnDecodeError) {
        guard count > 0 else { return }
        let header = try header(&reader, count)
        switch header.kind {
        case .constant: for _ in 0...header.order { _ = try reader.readSignedVarint() }
        case .planes:
            for _ in 0..<max(header.order, 1) { _ = try reader.readSignedVarint() }
            let width = Int(try reader.readByte())
            let (size, overflow) = (count - header.order).multipliedReportingOverflow(by: width)
            guard width <= 8, !overflow else { throw reader.corrupt("integers of \(width) bytes") }
            _ = try reader.read(size)
        case .packed:
            for _ in 0..<header.order { _ = try reader.readSignedVarint() }
            var base: UInt64 = 0
            for start in stride(from: header.order, to: count, by: IntegerRun.length) {
                let length = min(IntegerRun.length, count - start)
                try IntegerRun.skip(in: &reader, count: length, base: &base)
            }
        case .lengths:
            guard mayUseLengths else { throw reader.corrupt("run lengths of run lengths") }
            let runs = try reader.readCount(atMost: count)
            try skip(in: &reader, count: runs, mayUseLengths: false)
            try skip(in: &reader, count: runs, mayUseLengths: false)
        }
    }

    private static func header(
        _ reader: inout ByteReader, _ count: Int
    ) throws(ColumnDecodeError) -> IntegerHeader {
        let byte = try reader.readByte()
        guard let header = IntegerHeader(byte), header.order < count else {
            throw reader.corrupt("integer column header \(byte)")
        }
        return header
    }

    private static func planes(
        from reader: inout ByteReader, _ count: Int, _ places: [Int]
    ) throws(ColumnDecodeError) -> [UInt64] {
        let base = UInt64(bitPattern: try reader.readSignedVarint())
        let width = Int(try reader.readByte())
        guard width <= 8 else { throw reader.corrupt("integers of \(width) bytes") }
        let (size, overflow) = count.multipliedReportingOverflow(by: width)
        guard !overflow else { throw reader.corrupt("too many integers") }
        let planes = try reader.read(size)
        return places.map { place in
            var word: UInt64 = 0
            for plane in 0..<width {
                word |= UInt64(planes[plane &* count &+ place]) &<< UInt64(8 &* plane)
            }
            return word &+ base
        }
    }

    private static func packed(
        from reader: inout ByteReader, _ count: Int, _ places: [Int]
    ) throws(ColumnDecodeError) -> [UInt64] {
        var values: [UInt64] = []
        values.reserveCapacity(places.count)
        var run = [UInt64](repeating: 0, count: IntegerRun.length)
        var base: UInt64 = 0
        var start = 0
        while start < count {
            let length = min(IntegerRun.length, count - start)
            if values.count < places.count, places[values.count] < start + length {
                try decode(from: &reader, length, &base, into: &run)
                while values.count < places.count, places[values.count] < start + length {
                    values.append(run[places[values.count] - start])
                }
            } else {
                try IntegerRun.skip(in: &reader, count: length, base: &base)
            }
            start += length
        }
        return values
    }

    private static func decode(
        from reader: inout ByteReader, _ length: Int, _ base: inout UInt64, into run: inout [UInt64]
    ) throws(ColumnDecodeError) {
        try run.withUnsafeMutableBufferPointer { (run) throws(ColumnDecodeError) in
            guard let out = run.baseAddress else { return }
            try IntegerRun.decode(from: &reader, count: length, base: &base, into: out)
        }
    }
}

extension IntegerRun {
    /// Moves past a run of `count` residuals.
    fileprivate static func skip(
        in reader: inout ByteReader, count: Int, base: inout UInt64
    ) throws(ColumnDecodeError) {
        let header = try reader.readByte()
        let width = Int(header & 0x7F)
        guard width <= 64 else { throw reader.corrupt("run of \(width)-bit integers") }
        base &+= UInt64(bitPattern: try reader.readSignedVarint())
        let patches = header < 0x80 ? 0 : Int(try reader.readByte())
        _ = try reader.read(patches + BitPacking.byteCount(count, width: width))
        for _ in 0..<patches { _ = try reader.readVarint() }
    }
}

extension FloatCodec {
    /// The bit patterns at `places`, ascending, of a column of `count` doubles; moves past the column.
    package static func pick(
        from reader: inout ByteReader, count: Int, at places: [Int]
    ) throws(ColumnDecodeError) -> [UInt64] {
        guard count > 0 else { return [] }
        let scale = try readScale(&reader)
        let words = try IntegerColumnPicker.pick(from: &reader, count: count, at: places)
        guard let scale else { return words }
        return words.map { (Double(Int64(bitPattern: $0)) / scale).bitPattern }
    }
}
