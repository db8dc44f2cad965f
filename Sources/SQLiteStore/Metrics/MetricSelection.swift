import ColumnEncoding
import Store
import Synchronization
import Telemetry

/// Series found in head and partitions, with where their samples are. Samples are decoded when a series
/// is asked for, straight into the caller's columns, on the caller's thread.
final class MetricSelection: SeriesSelection {
    /// A day's blocks and the numbers that the selection's series have there.
    struct DayPart: Sendable {
        /// By part, the oldest first; within one by series.
        var parts: [[MetricBlockInfo]]
        /// By series of the selection; `missing` if the day does not know it.
        var numbers: [UInt32]
        /// Milliseconds; the first after the day.
        var end: Int64
        /// Summaries of all samples of the day, the finest first.
        var rollups: [RollupDay] = []
        /// Whether only summaries are left.
        var isThinned = false

        static let missing = UInt32.max
    }

    let list: SeriesList
    let days: [DayPart]
    private let head: HeadPart
    let extras: [MetricBatch]
    let range: ClosedRange<Int64>
    let engine: MetricEngine
    private let lease: ReadLease
    /// Of no day, for windows that summaries do not help.
    let noRollups: [Int?]
    let hasRollups: Bool
    /// Where the parts of each day begin in the scratch's blocks read last, then its rollups.
    private let places: [Int]
    private let histogramSlots = Mutex<[Labels: [HistogramSample]]?>(nil)
    private let scratches = Mutex<[SelectionScratch]>([])

    init(
        list: SeriesList, days: [DayPart], head: HeadPart, extras: [MetricBatch],
        range: ClosedRange<Int64>, engine: MetricEngine, lease: ReadLease
    ) {
        self.list = list
        self.days = days
        self.head = head
        self.extras = extras
        self.range = range
        self.engine = engine
        self.lease = lease
        var places: [Int] = []
        var place = 0
        for day in days {
            places.append(place)
            place += day.parts.count + day.rollups.count
        }
        self.places = places
        noRollups = [Int?](repeating: nil, count: days.count)
        hasRollups = days.contains { !$0.rollups.isEmpty }
    }

    var labels: [Labels] { list.labels }
    var count: Int { list.labels.count }

    func labels(_ index: Int) -> Labels { list.labels[index] }

    func samples(_ index: Int, into target: inout SampleColumns) throws(StoreError) {
        target.removeAll()
        var isOrdered = true
        try withScratch { (scratch) throws(StoreError) in
            for day in days.indices {
                if days[day].isThinned {
                    try appendThinned(index, day, &scratch, to: &target)
                    isOrdered = false
                }
                try forEachChunk(of: index, on: day, &scratch) {
                    reader, info, chunk, scratch throws(StoreError) in
                    if let last = target.times.last, last >= reader.firstTime(chunk) {
                        isOrdered = false
                    }
                    let isAscending = try append(chunk, of: reader, info, &scratch, to: &target)
                    isOrdered = isOrdered && isAscending
                }
            }
        }
        let stored = target.times.count
        appendHead(index, to: &target)
        // Chunks are in order by themselves, and nearly always follow each other.
        if !isOrdered || !MetricSelection.isAscending(target.times, from: stored) {
            MetricSelection.order(&target)
        }
        if !extras.isEmpty { target.histograms = histograms(index) }
    }

    /// Calls `body` with the chunks of a series of a day that overlap the range, in the order of writing.
    @inline(__always)
    func forEachChunk(
        of index: Int, on day: Int, _ scratch: inout SelectionScratch,
        _ body: (SeriesBlockReader, MetricBlockInfo, Int, inout SeriesScratch) throws(StoreError)
            -> Void
    ) throws(StoreError) {
        let number = days[day].numbers[index]
        if number == DayPart.missing { return }
        // Parts of all days are numbered through: neighbouring series lie in the same block of each.
        var place = places[day]
        for part in days[day].parts {
            for info in MetricSelection.blocks(part, of: number) {
                guard let reader = try scratch.reader(info, at: place, engine) else { continue }
                for chunk in reader.chunks(of: number)
                where reader.firstTime(chunk) <= range.upperBound
                    && reader.lastTime(chunk) >= range.lowerBound
                {
                    try body(reader, info, chunk, &scratch.series)
                }
            }
            place += 1
        }
    }

    /// Of a rollup of a day, in the scratch.
    func place(_ day: Int, rollup: Int) -> Int { places[day] + days[day].parts.count + rollup }

    /// Of the earliest sample of the head, in milliseconds.
    var headStart: Int64 { head.firstTime }

    /// The blocks of a part that may hold a series; more than one only if it is very long.
    static func blocks(
        _ part: [MetricBlockInfo], of series: UInt32
    ) -> ArraySlice<MetricBlockInfo> {
        var low = 0
        var high = part.count
        while low < high {
            let middle = (low + high) / 2
            if part[middle].series.upperBound < series { low = middle + 1 } else { high = middle }
        }
        var end = low
        while end < part.count, part[end].series.lowerBound <= series { end += 1 }
        return part[low..<end]
    }

    /// - Returns: whether what was appended is in strict order of time.
    @discardableResult
    func append(
        _ chunk: Int, of reader: SeriesBlockReader, _ info: MetricBlockInfo,
        _ scratch: inout SeriesScratch, to target: inout SampleColumns
    ) throws(StoreError) -> Bool {
        let first = reader.firstTime(chunk)
        let last = reader.lastTime(chunk)
        if range.lowerBound <= first, last <= range.upperBound {
            return try engine.append(chunk, of: reader, info, &scratch, to: &target)
        }
        guard try engine.decode(chunk, of: reader, info, &scratch) else { return true }
        let kept = MetricSelection.indices(of: range, in: scratch.times)
        target.times += scratch.times[kept]
        target.values += scratch.values[kept]
        return MetricSelection.isAscending(target.times, from: target.times.count - kept.count + 1)
    }

    func appendHead(_ index: Int, to target: inout SampleColumns) {
        head.append(index, to: &target)
    }

    func withScratch<Result>(
        _ body: (inout SelectionScratch) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        var scratch = scratches.withLock { $0.popLast() } ?? SelectionScratch()
        defer { scratches.withLock { $0.append(scratch) } }
        return try body(&scratch)
    }

    // MARK: Histograms

    /// Exemplars alone do not count, nor do histograms of series that are not selected.
    var mayHoldHistograms: Bool { !extras.isEmpty && !gatheredHistograms().isEmpty }

    func histograms(_ index: Int) -> [HistogramSample] {
        gatheredHistograms()[labels[index]] ?? []
    }

    private func gatheredHistograms() -> [Labels: [HistogramSample]] {
        histogramSlots.withLock { slots in
            if let slots { return slots }
            let gathered = gatherHistograms()
            slots = gathered
            return gathered
        }
    }

    /// Histograms of the selected series by time, of equal times the last written.
    private func gatherHistograms() -> [Labels: [HistogramSample]] {
        let selected = Set(labels)
        var gathered: [Labels: [HistogramSample]] = [:]
        for batch in extras where !batch.histograms.isEmpty {
            let names = (0..<batch.seriesCount).map(batch.labels)
            for histogram in batch.histograms where range.contains(histogram.time) {
                let labels = names[Int(histogram.series)]
                guard selected.contains(labels) else { continue }
                gathered[labels, default: []].append(histogram)
            }
        }
        return gathered.mapValues(MetricSelection.ordered)
    }

    /// By time; what was written later comes later in `samples` and wins.
    private static func ordered(_ samples: [HistogramSample]) -> [HistogramSample] {
        let order = samples.indices.sorted {
            (samples[$0].time, $0) < (samples[$1].time, $1)
        }
        var kept: [HistogramSample] = []
        kept.reserveCapacity(samples.count)
        for index in order {
            if kept.last?.time == samples[index].time { kept.removeLast() }
            kept.append(samples[index])
        }
        return kept
    }

    // MARK: Order

    /// Sorts by time where parts overlap; of equal times the last written stays.
    static func order(_ columns: inout SampleColumns) {
        if isAscending(columns.times) || SampleOrder.merge(&columns) { return }
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
        columns.times = sorted.times
        columns.values = sorted.values
    }

    /// Whether each time from `start` on is above the one before it.
    private static func isAscending(_ times: [Int64], from start: Int = 1) -> Bool {
        times.withUnsafeBufferPointer { times in
            let first = max(1, start)
            for index in first..<max(first, times.count) where times[index] <= times[index - 1] {
                return false
            }
            return true
        }
    }

    /// Where the times of `range` stand in ascending `times`.
    static func indices(of range: ClosedRange<Int64>, in times: [Int64]) -> Range<Int> {
        let first = lowerBound(times, range.lowerBound)
        let end =
            range.upperBound == .max ? times.count : lowerBound(times, range.upperBound + 1)
        return first..<max(first, end)
    }

    private static func lowerBound(_ times: [Int64], _ wanted: Int64) -> Int {
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Keeps the blocks of a generation from being deleted while somebody reads them.
final class ReadLease: Sendable {
    private let engine: MetricEngine
    private let generation: UInt64

    /// - Parameter generation: already counted as read.
    init(_ engine: MetricEngine, generation: UInt64) {
        self.engine = engine
        self.generation = generation
    }

    deinit { engine.release(generation) }
}

/// What one thread keeps while it reads series after series of a selection.
struct SelectionScratch: Sendable {
    var series = SeriesScratch()
    /// By place: the block read there last.
    private var recent: [(info: MetricBlockInfo, reader: SeriesBlockReader)?] = []

    init() {}

    /// The block, opened; `nil` if it is damaged.
    /// - Parameter place: of the part that the block belongs to.
    mutating func reader(
        _ info: MetricBlockInfo, at place: Int, _ engine: MetricEngine
    ) throws(StoreError) -> SeriesBlockReader? {
        while recent.count <= place { recent.append(nil) }
        if let known = recent[place], known.info === info { return known.reader }
        guard let reader = try engine.reader(info) else { return nil }
        recent[place] = (info, reader)
        return reader
    }
}
