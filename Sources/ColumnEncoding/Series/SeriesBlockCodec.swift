/// Blocks of samples, bit-exact: every double comes back with its bits, NaN payloads and negative zero
/// included.
///
/// Columns of a container of kind `series`, all over the whole block so that short series cost no
/// headers of their own:
/// ```
/// 1 series ids (UInt32)      2 counts (UInt32)
/// 3 first times              4 first intervals and differences of intervals, per series
/// 5 layout │ exponent << 2 (UInt8, per series)
/// 6 first values: mantissa or bit pattern     7 mantissa offsets or deltas, in series order
/// 8 exclusive ors of bit patterns             9 exceptions: sample index, bit pattern (UInt64 pairs)
/// ```
/// An exception is a value that its series' exponent does not represent (a stale marker, an infinity);
/// its place in column 7 repeats the value before.
package enum SeriesBlockCodec {
    package static func encode(_ block: SeriesBlock, effort: EncodingEffort) -> [UInt8] {
        var encoder = SeriesBlockEncoder(block)
        encoder.run()
        var writer = ColumnContainerWriter(
            kind: .series, effort: effort, rows: block.sampleCount,
            bytesExpected: block.sampleCount * 3 + 256)
        writer.add(1) { out, layout in
            out.appendVarint(block.series.count)
            IntegerCodec.encode(block.series, into: &out, layout: layout)
        }
        writer.add(2) { IntegerCodec.encode(block.counts, into: &$0, layout: $1) }
        writer.add(3) { IntegerCodec.encode(encoder.firstTimes, into: &$0, layout: $1) }
        writer.add(4) { IntegerCodec.encode(encoder.timeSteps, into: &$0, layout: $1) }
        writer.add(5) { IntegerCodec.encode(encoder.layouts, into: &$0, layout: $1) }
        writer.add(6) { IntegerCodec.encode(encoder.firstValues, into: &$0, layout: $1) }
        writer.add(7) { IntegerCodec.encode(encoder.mantissas, into: &$0, layout: $1) }
        writer.add(8) { IntegerCodec.encode(encoder.patterns, into: &$0, layout: $1) }
        writer.add(9) { out, layout in
            out.appendVarint(encoder.exceptionIndices.count)
            IntegerCodec.encode(encoder.exceptionIndices, into: &out, layout: layout)
            IntegerCodec.encode(encoder.exceptionPatterns, into: &out, layout: layout)
        }
        return writer.finish()
    }

    package static func decode(
        _ bytes: UnsafeRawBufferPointer
    ) throws(ColumnDecodeError) -> SeriesBlock {
        let container = try ColumnContainerReader(bytes, expecting: .series)
        var block = SeriesBlock()
        block.series =
            try container.read(1, "series") { (reader) throws(ColumnDecodeError) in
                let count = try reader.readCount(atMost: container.rows)
                return try IntegerCodec.decode(from: &reader, count: count)
            } ?? []
        let count = block.series.count
        func column<T>(
            _ id: UInt32, _ body: (inout ByteReader) throws(ColumnDecodeError) -> [T]
        ) throws(ColumnDecodeError) -> [T] {
            try container.read(id, "column \(id)", body) ?? []
        }
        block.counts = try column(2) { (reader) throws(ColumnDecodeError) in
            try IntegerCodec.decode(from: &reader, count: count)
        }
        let total = block.counts.reduce(UInt64(0)) { $0 + UInt64($1) }
        guard block.counts.count == count, total == UInt64(container.rows),
            !block.counts.contains(0)
        else {
            throw .corrupt(column: "counts", offset: 0, reason: "do not add up to the rows")
        }
        var decoder = SeriesBlockDecoder(block, rows: container.rows)
        let rows = container.rows
        decoder.firstTimes = try column(3) { (reader) throws(ColumnDecodeError) in
            try IntegerCodec.decode(from: &reader, count: count)
        }
        decoder.timeSteps = try column(4) { (reader) throws(ColumnDecodeError) in
            try IntegerCodec.decode(from: &reader, count: rows - count)
        }
        decoder.layouts = try column(5) { (reader) throws(ColumnDecodeError) in
            try IntegerCodec.decode(from: &reader, count: count)
        }
        decoder.firstValues = try column(6) { (reader) throws(ColumnDecodeError) in
            try IntegerCodec.decode(from: &reader, count: count)
        }
        let patternRows = try decoder.patternRows()
        decoder.mantissas = try column(7) { (reader) throws(ColumnDecodeError) in
            try IntegerCodec.decode(from: &reader, count: rows - count - patternRows)
        }
        decoder.patterns = try column(8) { (reader) throws(ColumnDecodeError) in
            try IntegerCodec.decode(from: &reader, count: patternRows)
        }
        try container.read(9, "exceptions") { (reader) throws(ColumnDecodeError) in
            let exceptions = try reader.readCount(atMost: rows)
            decoder.exceptionIndices = try IntegerCodec.decode(from: &reader, count: exceptions)
            decoder.exceptionPatterns = try IntegerCodec.decode(from: &reader, count: exceptions)
        }
        return try decoder.run()
    }
}
