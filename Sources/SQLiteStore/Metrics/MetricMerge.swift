import ColumnEncoding
import Store
import Telemetry

/// Merges the blocks of several parts: samples of a series side by side, a time in the highest part
/// winning over the same time in lower ones.
struct MetricMerge {
    private let sources: [MetricBlockInfo]
    private let reader: MetricEngine

    init(_ blocks: [MetricBlockInfo], reader: MetricEngine) {
        sources = blocks.sorted { $0.part < $1.part }
        self.reader = reader
    }

    /// The merged samples in blocks.
    func blocks() throws(StoreError) -> [SeriesBlock] {
        var samples = DaySamples()
        for info in sources {
            guard let block = try reader.block(info) else {
                throw .damaged(
                    path: "\(info.partition.path)#\(info.id)", reason: "cannot be merged")
            }
            var start = 0
            for (series, count) in zip(block.series, block.counts) {
                for index in start..<(start + Int(count)) {
                    samples.append(
                        series: series, time: block.times[index], value: block.values[index])
                }
                start += Int(count)
            }
        }
        samples.sort()
        var merged = SeriesBlock()
        merged.times = samples.times
        merged.values = samples.values
        for series in samples.series {
            if merged.series.last == series {
                merged.counts[merged.counts.count - 1] += 1
            } else {
                merged.series.append(series)
                merged.counts.append(1)
            }
        }
        return MetricEngine.blocks(merged)
    }
}
