/// The columns of a block that describe its chunks, checked.
struct ChunkDirectory: Sendable {
    let series: [UInt32]
    let counts: [UInt32]
    let streams: [UInt32]
    let layouts: [UInt8]
    let shifts: [UInt8]
    let firsts: [Int64]
    let lengths: [UInt32]
    /// The chunk that each is predicted from; itself where there is none.
    private(set) var sources: [Int] = []
    private(set) var factors: [Int64] = []
    let firstTimes: [Int64]
    let lastTimes: [Int64]
    let timeLengths: [UInt32]

    init(_ container: ColumnContainerReader) throws(ColumnDecodeError) {
        series =
            try container.read(1, "series ids") { (reader) throws(ColumnDecodeError) in
                let count = try reader.readCount(atMost: container.rows)
                return try IntegerCodec.decode(from: &reader, count: count)
            } ?? []
        let count = series.count
        counts = try container.integers(2, "counts", count)
        streams = try container.integers(3, "streams", count)
        layouts = try container.integers(4, "layouts", count)
        shifts = try container.integers(5, "shifts", count)
        firsts = try container.integers(6, "first values", count)
        lengths = try container.integers(7, "lengths", count)
        firstTimes =
            try container.read(10, "first times") { (reader) throws(ColumnDecodeError) in
                let streams = try reader.readCount(atMost: count)
                return try IntegerCodec.decode(from: &reader, count: streams)
            } ?? []
        lastTimes = try container.integers(11, "last times", firstTimes.count)
        timeLengths = try container.integers(12, "time lengths", firstTimes.count)
        try checkCounts(rows: container.rows)
        try readSources(container)
    }

    func firstValue(_ chunk: Int) -> Double {
        let layout = ChunkLayout(rawValue: layouts[chunk])
        if layout.contains(.patterns) {
            return Double(bitPattern: UInt64(bitPattern: firsts[chunk]))
        }
        return Double(firsts[chunk]) / DecimalScaling.powers[layout.exponent]
    }

    private func checkCounts(rows: Int) throws(ColumnDecodeError) {
        let total = counts.reduce(UInt64(0)) { $0 + UInt64($1) }
        guard total == UInt64(rows), !counts.contains(0) else {
            throw .corrupt(column: "counts", offset: 0, reason: "do not add up to the rows")
        }
        var ofStream = [UInt32](repeating: 0, count: firstTimes.count)
        for (stream, count) in zip(streams, counts) {
            guard Int(stream) < ofStream.count,
                ofStream[Int(stream)] == 0 || ofStream[Int(stream)] == count
            else {
                throw .corrupt(
                    column: "streams", offset: 0, reason: "stream \(stream) does not fit")
            }
            ofStream[Int(stream)] = count
        }
        for layout in layouts
        where ChunkLayout(rawValue: layout).exponent > DecimalScaling.exponentMax {
            throw .corrupt(column: "layouts", offset: 0, reason: "unknown layout \(layout)")
        }
        for index in 1..<max(1, series.count) where series[index] < series[index - 1] {
            throw .corrupt(column: "series ids", offset: 0, reason: "are not ascending")
        }
    }

    /// Where predicted chunks come from: a short way back, of equal length, and no long chain.
    private mutating func readSources(
        _ container: ColumnContainerReader
    ) throws(ColumnDecodeError) {
        let predicted = layouts.count { ChunkLayout(rawValue: $0).contains(.predicted) }
        let distances: [UInt32] = try container.integers(8, "distances", predicted)
        let ownFactors: [Int64] = try container.integers(9, "factors", predicted)
        sources = Array(layouts.indices)
        factors = [Int64](repeating: 0, count: layouts.count)
        var depths = [UInt8](repeating: 0, count: layouts.count)
        var next = 0
        for chunk in layouts.indices
        where ChunkLayout(rawValue: layouts[chunk]).contains(.predicted) {
            let distance = Int(distances[next])
            guard (1...min(ChunkValueEncoder.distanceMax, max(1, chunk))).contains(distance),
                distance <= chunk, counts[chunk - distance] == counts[chunk],
                Int(depths[chunk - distance]) < ChunkValueEncoder.depthMax
            else {
                throw .corrupt(column: "distances", offset: 0, reason: "\(distance) does not fit")
            }
            sources[chunk] = chunk - distance
            factors[chunk] = ownFactors[next]
            depths[chunk] = depths[chunk - distance] + 1
            next += 1
        }
    }
}

extension ColumnContainerReader {
    /// A column of `count` integers; a missing one is damage unless there are none.
    func integers<T: FixedWidthInteger>(
        _ id: UInt32, _ name: String, _ count: Int
    ) throws(ColumnDecodeError) -> [T] {
        let found: [T] =
            try read(id, name) { (reader) throws(ColumnDecodeError) in
                try IntegerColumnDecoder.array(from: &reader, count: count) {
                    (reader, out) throws(ColumnDecodeError) in
                    try IntegerColumnDecoder.decode(from: &reader, into: out)
                }
            } ?? []
        guard found.count == count else {
            throw .corrupt(column: name, offset: 0, reason: "is missing")
        }
        return found
    }
}
