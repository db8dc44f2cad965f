import ColumnEncoding
import Store
import Telemetry

/// Merges the blocks of several parts series by series, so that memory holds one output block and no
/// more: samples of a series side by side, a time in the highest part winning over the same time in
/// lower ones.
struct MetricMerge {
    /// The blocks of one part, by series.
    private struct Part {
        var blocks: [MetricBlockInfo]
        var reader: SeriesBlockReader?
        /// The next chunk of `reader`.
        var chunk = 0

        /// The series that comes next, after its block has been opened.
        var series: UInt32? { reader.map { $0.series(chunk) } }
    }

    private var parts: [Part]
    private let engine: MetricEngine
    private var scratch = SeriesScratch()

    init(_ blocks: [MetricBlockInfo], engine: MetricEngine) {
        let grouped = Dictionary(grouping: blocks, by: \.part)
        parts = grouped.keys.sorted().map { part in
            Part(
                blocks: grouped[part, default: []].sorted {
                    $0.series.lowerBound > $1.series.lowerBound
                })
        }
        self.engine = engine
    }

    /// The merged samples in encoded blocks.
    mutating func blocks(part: UInt64, tier: Int) throws(StoreError) -> [NewMetricBlock] {
        var cutter = BlockCutter { NewMetricBlock($0, part: part, tier: tier, effort: .compacted) }
        try forEachSeries { series, columns in
            cutter.append(series, columns.times[...], columns.values[...])
        }
        return cutter.finish()
    }

    /// Calls `body` with the merged samples of one series after the other.
    mutating func forEachSeries(
        _ body: (_ series: UInt32, _ columns: SampleColumns) -> Void
    ) throws(StoreError) {
        for index in parts.indices { try open(index) }
        var columns = SampleColumns()
        while let series = parts.compactMap(\.series).min() {
            columns.removeAll()
            for index in parts.indices where parts[index].series == series {
                try append(series, of: index, to: &columns)
            }
            MetricSelection.order(&columns)
            body(series, columns)
        }
    }

    /// Opens the next block of a part whose chunks are used up.
    private mutating func open(_ index: Int) throws(StoreError) {
        if let reader = parts[index].reader, parts[index].chunk < reader.chunkCount { return }
        parts[index].reader = nil
        parts[index].chunk = 0
        guard let info = parts[index].blocks.popLast() else { return }
        guard let reader = try engine.open(info), reader.chunkCount > 0,
            try engine.readSamples(of: reader, info)
        else {
            throw .damaged(path: "\(info.partition.path)#\(info.id)", reason: "cannot be merged")
        }
        parts[index].reader = reader
    }

    private mutating func append(
        _ series: UInt32, of index: Int, to columns: inout SampleColumns
    ) throws(StoreError) {
        // A long series goes on in the next block.
        while let reader = parts[index].reader, reader.series(parts[index].chunk) == series {
            do throws(ColumnDecodeError) {
                try reader.decode(parts[index].chunk, &scratch)
            } catch {
                throw .damaged(path: "metrics block", reason: error.description)
            }
            columns.times += scratch.times
            columns.values += scratch.values
            parts[index].chunk += 1
            try open(index)
        }
    }
}

/// Gathers whole series, in ascending order, into blocks.
struct BlockCutter {
    /// Large enough that the series of a target share their times, small enough that a query for one
    /// series reads little: about 100 KiB on disk.
    private static let samplesMax = 131_072
    /// Where series are short: a query for one series reads the descriptions of all.
    private static let seriesMax = 4_096

    private let encode: (SeriesBlock) -> NewMetricBlock
    private var current = SeriesBlock()
    private var blocks: [NewMetricBlock] = []

    init(_ encode: @escaping (SeriesBlock) -> NewMetricBlock) { self.encode = encode }

    /// Adds a series; one of more than a block's samples lies in several blocks by itself.
    mutating func append(
        _ series: UInt32, _ times: ArraySlice<Int64>, _ values: ArraySlice<Double>
    ) {
        var times = times
        var values = values
        if current.sampleCount + times.count > Self.samplesMax
            || current.series.count == Self.seriesMax
        {
            cut()
        }
        while !times.isEmpty {
            let count = min(times.count, Self.samplesMax)
            current.series.append(series)
            current.counts.append(UInt32(count))
            current.times += times.prefix(count)
            current.values += values.prefix(count)
            times = times.dropFirst(count)
            values = values.dropFirst(count)
            if !times.isEmpty { cut() }
        }
    }

    private mutating func cut() {
        guard current.sampleCount > 0 else { return }
        blocks.append(encode(current))
        current = SeriesBlock()
    }

    mutating func finish() -> [NewMetricBlock] {
        cut()
        defer { blocks = [] }
        return blocks
    }
}
