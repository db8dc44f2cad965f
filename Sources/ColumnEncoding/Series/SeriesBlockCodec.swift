/// Blocks of samples in chunks that are decoded one by one, bit-exact: every double comes back with its
/// bits, NaN payloads and negative zero included.
///
/// A series' samples are cut into chunks of at most `chunkSamplesMax`. Times are kept once for all
/// chunks that have the same (one scrape gives all its series one time). Values become integers, by a
/// power of ten where that gives back every bit, else by bit pattern; then differences, offsets, or
/// what a sibling's differences leave unpredicted, whichever packs best.
///
/// Columns of a container of kind `series`; per chunk unless said otherwise:
/// ```
///  1 chunk count varint │ series id (UInt32)     2 samples (UInt32)
///  3 stream of times (UInt32)                    4 layout (UInt8, `ChunkLayout`)
///  5 trailing zero bits left out (UInt8)         6 first integer (Int64)
///  7 bytes in column 21 (UInt32)
///  8 distance back to the chunk that predicts, 9 factor (Int64, /2^16): of predicted chunks
/// 10 stream count varint │ first times; 11 last times; 12 bytes in column 20: per stream
/// 13 kind of summary (UInt8); 14–20 its fields, see `ChunkSummaries`: of chunks with one
/// 30 times after the first, per stream          31 payloads
/// payload = [count varint │ (index varint │ bit pattern u64) …, with exceptions]
///         │ integers after the first, nothing if all are equal
/// ```
/// Columns 30 and 31 may stand in a second container, so that long windows, which need the rest alone,
/// read little.
package enum SeriesBlockCodec {
    /// Six hours at the usual interval of 15 s: a header for each costs little, and the edge of a long
    /// window decodes little.
    package static let chunkSamplesMax = 1_536

    /// Below this many samples a chunk on average, payloads are too short to pack by themselves and
    /// are compressed as a whole.
    static let separateSamplesMin = 64

    package static func encode(_ block: SeriesBlock, effort: EncodingEffort) -> [UInt8] {
        var encoder = SeriesBlockEncoder(block, effort: effort)
        encoder.run()
        return encoder.finish()
    }

    /// As `encode`, but what describes the chunks can be read without what is in them.
    package static func encodeApart(
        _ block: SeriesBlock, effort: EncodingEffort
    ) -> SeparateSeriesBlock {
        var encoder = SeriesBlockEncoder(block, effort: effort)
        encoder.run()
        return encoder.finishApart()
    }

    /// All samples of a block.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer
    ) throws(ColumnDecodeError) -> SeriesBlock {
        let reader = try SeriesBlockReader(Array(bytes))
        var scratch = SeriesScratch()
        var block = SeriesBlock()
        block.times.reserveCapacity(reader.sampleCount)
        block.values.reserveCapacity(reader.sampleCount)
        for chunk in 0..<reader.chunkCount {
            let count = reader.count(chunk)
            if block.series.last == reader.series(chunk) {
                block.counts[block.counts.count - 1] += UInt32(count)
            } else {
                block.series.append(reader.series(chunk))
                block.counts.append(UInt32(count))
            }
            try reader.decode(chunk, &scratch)
            block.times += scratch.times
            block.values += scratch.values
        }
        return block
    }

    package static func decode(_ bytes: [UInt8]) throws(ColumnDecodeError) -> SeriesBlock {
        try bytes.withUnsafeBufferPointer { (bytes) throws(ColumnDecodeError) in
            try decode(UnsafeRawBufferPointer(bytes))
        }
    }
}

/// An encoded block in two parts.
package struct SeparateSeriesBlock: Sendable {
    /// Enough for `SeriesBlockReader` to tell which chunks there are, and their summaries.
    package var descriptions: [UInt8]
    /// What `SeriesBlockReader.attach` takes.
    package var payloads: [UInt8]
}
