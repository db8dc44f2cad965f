import ColumnEncoding
import Foundation
import Store
import Synchronization
import Telemetry

/// Series found in head and partitions, with where their samples are. Samples of all series are read
/// together when the first is asked for: blocks hold many series, and each is decoded once.
///
/// `@unchecked Sendable`: `columns` is touched only under `lock`.
final class MetricSelection: SeriesSelection, @unchecked Sendable {
    /// A day's series numbers and which series of the selection each is.
    struct DayPart {
        var blocks: [MetricBlockInfo]
        var slots: [UInt32: Int]
    }

    let labels: [Labels]
    private let days: [DayPart]
    private let head: [HeadSamples]
    /// By the head's series number; -1 if the series is not selected.
    private let headSlots: [Int32]
    private let extras: [MetricBatch]
    private let range: ClosedRange<Int64>
    private let engine: MetricEngine
    private let generation: UInt64
    private let lock = Mutex(())
    private var columns: [SampleColumns]?

    init(
        labels: [Labels], days: [DayPart], head: [HeadSamples], headSlots: [Int32],
        extras: [MetricBatch], range: ClosedRange<Int64>, engine: MetricEngine, generation: UInt64
    ) {
        self.labels = labels
        self.days = days
        self.head = head
        self.headSlots = headSlots
        self.extras = extras
        self.range = range
        self.engine = engine
        self.generation = generation
    }

    deinit { engine.release(generation) }

    var count: Int { labels.count }

    func labels(_ index: Int) -> Labels { labels[index] }

    func samples(_ index: Int, into target: inout SampleColumns) throws(StoreError) {
        target.removeAll()
        let found = try lock.withLock { _ throws(StoreError) in
            if columns == nil { columns = try load() }
            return columns?[index] ?? SampleColumns()
        }
        target.times += found.times
        target.values += found.values
        target.histograms += found.histograms
    }

    private func load() throws(StoreError) -> [SampleColumns] {
        var loaded = [SampleColumns](repeating: SampleColumns(), count: labels.count)
        for day in days {
            for info in day.blocks {
                guard let block = try engine.block(info) else { continue }
                copy(block, day.slots, into: &loaded)
            }
        }
        for samples in head { copy(samples, into: &loaded) }
        for index in loaded.indices { MetricSelection.order(&loaded[index]) }
        copyExtras(into: &loaded)
        return loaded
    }

    private func copy(
        _ block: SeriesBlock, _ slots: [UInt32: Int], into loaded: inout [SampleColumns]
    ) {
        var start = 0
        for (series, count) in zip(block.series, block.counts) {
            let run = start..<(start + Int(count))
            start = run.upperBound
            guard let slot = slots[series] else { continue }
            let first = MetricSelection.lowerBound(block.times, run, range.lowerBound)
            let last =
                range.upperBound == .max
                ? run.upperBound
                : MetricSelection.lowerBound(block.times, run, range.upperBound + 1)
            loaded[slot].times += block.times[first..<last]
            loaded[slot].values += block.values[first..<last]
        }
    }

    private func copy(_ samples: HeadSamples, into loaded: inout [SampleColumns]) {
        for (index, series) in samples.series.enumerated() {
            let slot = Int(headSlots[Int(series)])
            guard slot >= 0, range.contains(samples.times[index]) else { continue }
            loaded[slot].times.append(samples.times[index])
            loaded[slot].values.append(samples.values[index])
        }
    }

    private func copyExtras(into loaded: inout [SampleColumns]) {
        guard !extras.isEmpty else { return }
        let slots = Dictionary(
            labels.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { a, _ in a })
        for batch in extras {
            for histogram in batch.histograms where range.contains(histogram.time) {
                guard let slot = slots[batch.labels(Int(histogram.series))] else { continue }
                loaded[slot].histograms.removeAll { $0.time == histogram.time }
                loaded[slot].histograms.append(histogram)
            }
        }
        for index in loaded.indices { loaded[index].histograms.sort { $0.time < $1.time } }
    }

    /// Sorts by time where parts overlap; of equal times the last written stays.
    private static func order(_ columns: inout SampleColumns) {
        var isAscending = true
        for index in 1..<max(1, columns.times.count)
        where columns.times[index] <= columns.times[index - 1] {
            isAscending = false
            break
        }
        if isAscending { return }
        let order = columns.times.indices.sorted { a, b in
            columns.times[a] != columns.times[b] ? columns.times[a] < columns.times[b] : a < b
        }
        var sorted = SampleColumns()
        for (position, index) in order.enumerated() {
            if position + 1 < order.count,
                columns.times[order[position + 1]] == columns.times[index]
            {
                continue
            }
            sorted.times.append(columns.times[index])
            sorted.values.append(columns.values[index])
        }
        columns = sorted
    }

    private static func lowerBound(_ times: [Int64], _ run: Range<Int>, _ wanted: Int64) -> Int {
        var low = run.lowerBound
        var high = run.upperBound
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
