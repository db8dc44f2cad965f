import Synchronization
import Telemetry

/// An encoded block whose chunks are decoded one by one, in any order and from any thread. The columns
/// that describe the chunks are decoded once; payloads stay encoded.
package final class SeriesBlockReader: Sendable {
    private let directory: ChunkDirectory
    /// None at all where every chunk is short.
    private let summaries: [ChunkSummary?]
    private let samples: Mutex<Samples?>
    package let sampleCount: Int

    /// What is in the chunks.
    private final class Samples: Sendable {
        let times: Payloads
        let values: Payloads

        init(
            _ container: ColumnContainerReader, _ directory: ChunkDirectory
        ) throws(ColumnDecodeError) {
            times = try SeriesBlockReader.payloads(30, "times", directory.timeLengths, container)
            values = try SeriesBlockReader.payloads(31, "values", directory.lengths, container)
        }

        var byteCount: Int {
            times.bytes.count + values.bytes.count + values.starts.count * 8
                + times.starts.count * 8
        }
    }

    /// Pieces of one run of bytes.
    struct Payloads: Sendable {
        var bytes: [UInt8]
        /// One more than there are pieces; the last is the end.
        var starts: [Int]
    }

    /// - Parameter bytes: with or without what is in the chunks.
    /// - Throws: if the block is damaged; what chunks hold is checked as they are decoded.
    package init(_ bytes: [UInt8]) throws(ColumnDecodeError) {
        let samples: Samples?
        (directory, summaries, samples, sampleCount) =
            try bytes
            .withUnsafeBufferPointer { (buffer) throws(ColumnDecodeError) in
                let container = try ColumnContainerReader(
                    UnsafeRawBufferPointer(buffer), expecting: .series)
                let directory = try ChunkDirectory(container)
                // A column that is absent is an empty one.
                let isWhole =
                    container.has(30) || container.has(31)
                    || directory.timeLengths.allSatisfy { $0 == 0 }
                        && directory.lengths.allSatisfy { $0 == 0 }
                return (
                    directory, try SeriesBlockReader.summaries(container, directory),
                    isWhole ? try Samples(container, directory) : nil, container.rows
                )
            }
        self.samples = Mutex(samples)
    }

    /// Whether chunks can be decoded.
    package var hasSamples: Bool { samples.withLock { $0 != nil } }

    /// Takes what is in the chunks, so that they can be decoded.
    /// - Returns: by how many bytes the block grew in memory.
    package func attach(_ bytes: [UInt8]) throws(ColumnDecodeError) -> Int {
        let attached = try bytes.withUnsafeBufferPointer {
            (buffer) throws(ColumnDecodeError) in
            try Samples(
                try ColumnContainerReader(UnsafeRawBufferPointer(buffer), expecting: .series),
                directory)
        }
        return samples.withLock { samples in
            if samples != nil { return 0 }
            samples = attached
            return attached.byteCount
        }
    }

    private static func payloads(
        _ id: UInt32, _ name: String, _ lengths: [UInt32], _ container: ColumnContainerReader
    ) throws(ColumnDecodeError) -> Payloads {
        let bytes =
            try container.read(id, name) { (reader) throws(ColumnDecodeError) in
                Array(try reader.read(reader.remaining))
            } ?? []
        var starts = [0]
        starts.reserveCapacity(lengths.count + 1)
        for length in lengths { starts.append(starts[starts.count - 1] + Int(length)) }
        guard starts[starts.count - 1] == bytes.count else {
            throw .corrupt(column: name, offset: 0, reason: "lengths do not add up")
        }
        return Payloads(bytes: bytes, starts: starts)
    }

    private static func summaries(
        _ container: ColumnContainerReader, _ directory: ChunkDirectory
    ) throws(ColumnDecodeError) -> [ChunkSummary?] {
        let chunks = directory.layouts.indices.filter {
            ChunkLayout(rawValue: directory.layouts[$0]).contains(.summary)
        }
        if chunks.isEmpty { return [] }
        let columns = try ChunkSummaries(from: container, count: chunks.count)
        var summaries = [ChunkSummary?](repeating: nil, count: directory.layouts.count)
        columns.forEach { number in
            let chunk = chunks[number]
            let stream = Int(directory.streams[chunk])
            var frame = ChunkSummary(
                first: directory.firstValue(chunk), time: directory.firstTimes[stream])
            frame.count = Int(directory.counts[chunk])
            frame.lastTime = directory.lastTimes[stream]
            return frame
        } _: { number, summary in
            summaries[chunks[number]] = summary
        }
        return summaries
    }

    // MARK: Chunks

    package var chunkCount: Int { directory.series.count }
    /// About the memory it takes.
    package var byteCount: Int {
        chunkCount * 200 + directory.firstTimes.count * 32
            + (samples.withLock { $0 }?.byteCount ?? 0)
    }

    package func series(_ chunk: Int) -> UInt32 { directory.series[chunk] }
    package func count(_ chunk: Int) -> Int { Int(directory.counts[chunk]) }
    package func firstTime(_ chunk: Int) -> Int64 {
        directory.firstTimes[Int(directory.streams[chunk])]
    }
    package func lastTime(_ chunk: Int) -> Int64 {
        directory.lastTimes[Int(directory.streams[chunk])]
    }
    /// `nil` if the chunk must be decoded to know.
    package func summary(_ chunk: Int) -> ChunkSummary? {
        summaries.isEmpty ? nil : summaries[chunk]
    }

    /// The chunks of one series, which lie side by side.
    package func chunks(of series: UInt32) -> Range<Int> {
        let ids = directory.series
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < series { low = middle + 1 } else { high = middle }
        }
        var end = low
        while end < ids.count, ids[end] == series { end += 1 }
        return low..<end
    }

    // MARK: Decoding

    /// Puts all samples of a chunk into `scratch.times` and `scratch.values`.
    package func decode(
        _ chunk: Int, _ scratch: inout SeriesScratch
    ) throws(ColumnDecodeError) {
        var times: [Int64] = []
        var values: [Double] = []
        swap(&times, &scratch.times)
        swap(&values, &scratch.values)
        defer {
            swap(&times, &scratch.times)
            swap(&values, &scratch.values)
        }
        times.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        _ = try append(chunk, &scratch, to: &times, &values)
    }

    /// Appends all samples of a chunk.
    /// - Returns: whether its times are in strict order.
    package func append(
        _ chunk: Int, _ scratch: inout SeriesScratch, to times: inout [Int64],
        _ values: inout [Double]
    ) throws(ColumnDecodeError) -> Bool {
        guard let samples = samples.withLock({ $0 }) else {
            throw .corrupt(column: "values", offset: 0, reason: "are not at hand")
        }
        let stream = try decodeTimes(
            Int(directory.streams[chunk]), count(chunk), samples, &scratch)
        let slot = try decodeIntegers(chunk, samples, &scratch)
        let layout = ChunkLayout(rawValue: directory.layouts[chunk])
        let start = values.count
        if layout.contains(.patterns) {
            for integer in scratch.slots[slot].integers {
                values.append(Double(bitPattern: UInt64(bitPattern: integer)))
            }
        } else {
            DecimalScaling.append(
                scratch.slots[slot].integers, exponent: layout.exponent, to: &values)
        }
        if layout.contains(.exceptions) {
            do throws(ColumnDecodeError) {
                try putExceptions(chunk, samples, &values, from: start)
            } catch {
                values.removeLast(values.count - start)
                throw error
            }
        }
        times.append(contentsOf: scratch.streams[stream].integers)
        return scratch.streams[stream].isAscending
    }

    /// The slot of the scratch that holds the stream's times afterwards.
    private func decodeTimes(
        _ stream: Int, _ count: Int, _ samples: Samples, _ scratch: inout SeriesScratch
    ) throws(ColumnDecodeError) -> Int {
        let slot = stream & (SeriesScratch.streamSlots - 1)
        if scratch.streams[slot].holds(self, stream) { return slot }
        scratch.streams[slot].reader = nil
        try samples.times.read(stream, "times") { (reader) throws(ColumnDecodeError) in
            try SeriesBlockReader.fill(
                &scratch.streams[slot].integers, count: count,
                first: directory.firstTimes[stream], from: &reader)
        }
        guard scratch.streams[slot].integers.last == directory.lastTimes[stream] else {
            throw .corrupt(column: "times", offset: 0, reason: "do not end where they should")
        }
        scratch.streams[slot].isAscending = SeriesBlockReader.isAscending(
            scratch.streams[slot].integers)
        scratch.streams[slot].reader = self
        scratch.streams[slot].number = stream
        return slot
    }

    private static func isAscending(_ times: [Int64]) -> Bool {
        times.withUnsafeBufferPointer { times in
            for index in 1..<max(1, times.count) where times[index] <= times[index - 1] {
                return false
            }
            return true
        }
    }

    /// Makes `out` as long as `count`, with `first` and then the values of a column.
    private static func fill(
        _ out: inout [Int64], count: Int, first: Int64, from reader: inout ByteReader
    ) throws(ColumnDecodeError) {
        if out.count > count { out.removeLast(out.count - count) }
        if out.count < count {
            out.append(contentsOf: repeatElement(0, count: count - out.count))
        }
        try out.withUnsafeMutableBufferPointer { (buffer) throws(ColumnDecodeError) in
            buffer[0] = first
            try IntegerCodec.decode(
                from: &reader, into: UnsafeMutableBufferPointer(rebasing: buffer.dropFirst()))
        }
    }

    /// The slot of the scratch that holds the chunk's integers afterwards.
    private func decodeIntegers(
        _ chunk: Int, _ samples: Samples, _ scratch: inout SeriesScratch
    ) throws(ColumnDecodeError) -> Int {
        let slot = chunk & (SeriesScratch.chunkSlots - 1)
        if scratch.slots[slot].holds(self, chunk) { return slot }
        let layout = ChunkLayout(rawValue: directory.layouts[chunk])
        let source = directory.sources[chunk]
        // At most `depthMax` deep, as the directory has checked; a source is never in the same slot.
        let sourceSlot =
            layout.contains(.predicted) ? try decodeIntegers(source, samples, &scratch) : slot
        let count = count(chunk)
        let first = directory.firsts[chunk]
        let shift = Int64(directory.shifts[chunk])
        scratch.slots[slot].reader = nil
        var integers: [Int64] = []
        swap(&integers, &scratch.slots[slot].integers)
        if shift >= 64 {
            integers.removeAll(keepingCapacity: true)
            integers.append(contentsOf: repeatElement(first, count: count))
        } else {
            try samples.values.read(chunk, "values") { (reader) throws(ColumnDecodeError) in
                if layout.contains(.exceptions) {
                    try SeriesBlockReader.readExceptions(&reader, count) { _, _ in }
                }
                try SeriesBlockReader.fill(&integers, count: count, first: first, from: &reader)
            }
            if layout.contains(.predicted) {
                SeriesBlockReader.addPrediction(
                    &integers, from: scratch.slots[sourceSlot].integers,
                    factor: directory.factors[chunk], shift: shift)
            } else {
                SeriesBlockReader.addFirst(&integers, shift: shift)
            }
        }
        swap(&integers, &scratch.slots[slot].integers)
        scratch.slots[slot].reader = self
        scratch.slots[slot].number = chunk
        return slot
    }

    /// Turns offsets from the first integer into integers.
    private static func addFirst(_ integers: inout [Int64], shift: Int64) {
        integers.withUnsafeMutableBufferPointer { out in
            let first = out[0]
            for index in 1..<max(1, out.count) { out[index] = first &+ out[index] &<< shift }
        }
    }

    /// Turns what a prediction left over into integers.
    private static func addPrediction(
        _ integers: inout [Int64], from source: [Int64], factor: Int64, shift: Int64
    ) {
        integers.withUnsafeMutableBufferPointer { out in
            source.withUnsafeBufferPointer { source in
                var value = out[0]
                for index in 1..<max(1, min(out.count, source.count)) {
                    let predicted = DeltaPrediction.predict(
                        source[index] &- source[index - 1], factor: factor)
                    value &+= (out[index] &+ predicted) &<< shift
                    out[index] = value
                }
            }
        }
    }

    private func putExceptions(
        _ chunk: Int, _ samples: Samples, _ out: inout [Double], from start: Int
    ) throws(ColumnDecodeError) {
        try samples.values.read(chunk, "values", isWhole: false) {
            (reader) throws(ColumnDecodeError) in
            try SeriesBlockReader.readExceptions(&reader, out.count - start) { index, pattern in
                out[start + index] = Double(bitPattern: pattern)
            }
        }
    }

    private static func readExceptions(
        _ reader: inout ByteReader, _ count: Int, _ body: (Int, UInt64) -> Void
    ) throws(ColumnDecodeError) {
        let exceptions = try reader.readCount(atMost: count)
        for _ in 0..<exceptions {
            let index = try reader.readCount(atMost: count - 1)
            body(index, try reader.readUInt64())
        }
    }
}

extension SeriesBlockReader.Payloads {
    /// Lends the piece with number `index`.
    @inline(__always)
    func read(
        _ index: Int, _ name: String, isWhole: Bool = true,
        _ body: (inout ByteReader) throws(ColumnDecodeError) -> Void
    ) throws(ColumnDecodeError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(ColumnDecodeError) in
            var reader = ByteReader(
                UnsafeRawBufferPointer(
                    UnsafeBufferPointer(rebasing: buffer[starts[index]..<starts[index + 1]])),
                column: name)
            try body(&reader)
            guard reader.isAtEnd || !isWhole else {
                throw reader.corrupt("\(reader.remaining) bytes left over")
            }
        }
    }
}

/// Buffers that decoding reuses, and what was decoded last: series of one histogram share times and
/// are predicted from each other. Belongs to one thread at a time.
package struct SeriesScratch: Sendable {
    struct Slot: Sendable {
        var reader: SeriesBlockReader?
        var number = 0
        var integers: [Int64] = []
        /// Of times: whether each is above the one before.
        var isAscending = false

        func holds(_ reader: SeriesBlockReader, _ number: Int) -> Bool {
            self.reader === reader && self.number == number
        }
    }

    static let streamSlots = 8
    /// More than `ChunkValueEncoder.distanceMax`, so that no source takes the place of what it predicts.
    static let chunkSlots = 64

    /// The samples of the chunk that was decoded last.
    package var times: [Int64] = []
    package var values: [Double] = []
    var streams = [Slot](repeating: Slot(), count: streamSlots)
    var slots = [Slot](repeating: Slot(), count: chunkSlots)

    package init() {}

    /// Lets go of the blocks it has decoded from, so that keeping it keeps no block.
    package mutating func forgetBlocks() {
        for slot in streams.indices { streams[slot].reader = nil }
        for slot in slots.indices { slots[slot].reader = nil }
    }
}
