import Telemetry

/// Cuts a block into chunks and encodes them; see `SeriesBlockCodec`.
struct SeriesBlockEncoder {
    private let block: SeriesBlock
    private let effort: EncodingEffort
    private var values: ChunkValueEncoder
    private var series: [UInt32] = []
    private var counts: [UInt32] = []
    private var streams: [UInt32] = []
    private var summaries = ChunkSummaries()
    private var times = TimeStreams()

    init(_ block: SeriesBlock, effort: EncodingEffort) {
        self.block = block
        self.effort = effort
        values = ChunkValueEncoder()
    }

    mutating func run() {
        var start = 0
        block.times.withUnsafeBufferPointer { times in
            block.values.withUnsafeBufferPointer { values in
                for (series, count) in zip(block.series, block.counts) {
                    append(series, start..<(start + Int(count)), times, values)
                    start += Int(count)
                }
            }
        }
    }

    /// Cuts the samples of one series into chunks of about equal length.
    private mutating func append(
        _ series: UInt32, _ samples: Range<Int>, _ times: UnsafeBufferPointer<Int64>,
        _ values: UnsafeBufferPointer<Double>
    ) {
        let pieces =
            (samples.count + SeriesBlockCodec.chunkSamplesMax - 1)
            / SeriesBlockCodec.chunkSamplesMax
        for piece in 0..<pieces {
            let start = samples.lowerBound + samples.count * piece / pieces
            let end = samples.lowerBound + samples.count * (piece + 1) / pieces
            let chunk = start..<end
            append(
                series, UnsafeBufferPointer(rebasing: times[chunk]),
                UnsafeBufferPointer(rebasing: values[chunk]))
        }
    }

    private mutating func append(
        _ number: UInt32, _ chunkTimes: UnsafeBufferPointer<Int64>,
        _ chunkValues: UnsafeBufferPointer<Double>
    ) {
        let stream = times.intern(chunkTimes)
        series.append(number)
        counts.append(UInt32(chunkValues.count))
        streams.append(stream)
        let hasSummary = summaries.append(chunkTimes, chunkValues)
        values.append(chunkValues, stream: stream, hasSummary: hasSummary)
    }

    /// Everything in one container.
    func finish() -> [UInt8] {
        var writer = ColumnContainerWriter(
            kind: .series, effort: effort, rows: block.sampleCount,
            bytesExpected: block.sampleCount * 2 + 512)
        writeDescriptions(to: &writer)
        writePayloads(to: &writer)
        return writer.finish()
    }

    /// What describes the chunks and what is in them, each in a container of its own.
    func finishApart() -> SeparateSeriesBlock {
        var descriptions = ColumnContainerWriter(
            kind: .series, effort: effort, rows: block.sampleCount,
            bytesExpected: counts.count * 64 + 512)
        writeDescriptions(to: &descriptions)
        var payloads = ColumnContainerWriter(
            kind: .series, effort: effort, rows: block.sampleCount,
            bytesExpected: block.sampleCount * 2 + 512)
        writePayloads(to: &payloads)
        return SeparateSeriesBlock(
            descriptions: descriptions.finish(), payloads: payloads.finish())
    }

    private func writeDescriptions(to writer: inout ColumnContainerWriter) {
        writer.add(1) { out, layout in
            out.appendVarint(series.count)
            IntegerCodec.encode(series, into: &out, layout: layout)
        }
        writer.add(2) { IntegerCodec.encode(counts, into: &$0, layout: $1) }
        writer.add(3) { IntegerCodec.encode(streams, into: &$0, layout: $1) }
        writer.add(4) { IntegerCodec.encode(values.layouts, into: &$0, layout: $1) }
        writer.add(5) { IntegerCodec.encode(values.shifts, into: &$0, layout: $1) }
        writer.add(6) { IntegerCodec.encode(values.firsts, into: &$0, layout: $1) }
        writer.add(7) { IntegerCodec.encode(values.lengths, into: &$0, layout: $1) }
        writer.add(8) { IntegerCodec.encode(values.distances, into: &$0, layout: $1) }
        writer.add(9) { IntegerCodec.encode(values.factors, into: &$0, layout: $1) }
        writer.add(10) { out, layout in
            out.appendVarint(times.firsts.count)
            IntegerCodec.encode(times.firsts, into: &out, layout: layout)
        }
        writer.add(11) { IntegerCodec.encode(times.lasts, into: &$0, layout: $1) }
        writer.add(12) { IntegerCodec.encode(times.lengths, into: &$0, layout: $1) }
        summaries.write(to: &writer)
    }

    private func writePayloads(to writer: inout ColumnContainerWriter) {
        if block.sampleCount < counts.count * SeriesBlockCodec.separateSamplesMin {
            writer.addPacked(30) { $0.append(contentsOf: times.payloads.bytes) }
            writer.addPacked(31) { $0.append(contentsOf: values.payloads.bytes) }
        } else {
            writer.addStored(30, times.payloads)
            writer.addStored(31, values.payloads)
        }
    }
}

/// Distinct columns of times, each kept once.
struct TimeStreams {
    private(set) var firsts: [Int64] = []
    private(set) var lasts: [Int64] = []
    private(set) var lengths: [UInt32] = []
    private(set) var payloads = ByteWriter()
    private var known: [ContentHash: UInt32] = [:]

    /// The number of the stream with these times. Equal 128-bit hashes are taken for equal times, as
    /// series ids are.
    mutating func intern(_ times: UnsafeBufferPointer<Int64>) -> UInt32 {
        let hash = ContentHash(UnsafeRawBufferPointer(times))
        if let number = known[hash] { return number }
        let number = UInt32(firsts.count)
        known[hash] = number
        let start = payloads.count
        IntegerCodec.encode(UnsafeBufferPointer(rebasing: times.dropFirst()), into: &payloads)
        firsts.append(times[0])
        lasts.append(times[times.count - 1])
        lengths.append(UInt32(payloads.count - start))
        return number
    }
}
