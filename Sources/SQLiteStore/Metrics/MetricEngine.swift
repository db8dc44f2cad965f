import ColumnEncoding
import Platform
import Store
import Synchronization
import Telemetry

/// Head, index and partitions of the metrics.
///
/// Samples live in the head by the number that a registry gave their series, in the partitions by a
/// number of the partition's own; the 128-bit series id joins the two. A partition's index and block
/// list are read when they are needed, and let go again when there are too many.
///
/// The journal holds a series' labels once: a later record names the series by id alone as long as the
/// record with the labels is durable and still needed (at or above `definitionFloor`).
/// Should that record be released in between, its samples have been sealed, and with them the labels
/// into a partition, where replay finds them.
final class MetricEngine: MaintainedSignal {
    struct State {
        /// Numbers the series of new batches.
        var registry: SeriesRegistry
        var definitionFloor: UInt64 = 1
        var head: [HeadSamples] = []
        var headBytes = 0
        var sealing: [HeadSamples] = []
        var sealingBytes = 0
        var days: [UTCDay: MetricDay] = [:]
        var dayUses: UInt64 = 0
        /// Days that a query is about to look at.
        var pins: [UTCDay: Int] = [:]
        var metadata: [String: MetricMetadata] = [:]
        var unsavedMetadata: [MetricMetadata] = []
        var generation: UInt64 = 0
        var readers: [UInt64: Int] = [:]
        var retired: [(generation: UInt64, block: MetricBlockInfo)] = []
        /// Counted before the program started, or by registries that are gone.
        var earlierOverflows: [SeriesOverflow] = []
        var rollups = RollupProgress()
    }

    let signalName = "metrics"
    let partitions: PartitionDirectory
    /// The finest first.
    let rollups: [RollupFiles]
    let configuration: StoreConfiguration
    let events: EventLog
    let state: Mutex<State>
    /// Held while a partition's lists are read from its file or changed in it, so that no change falls
    /// between reading and remembering.
    let partitionLock = Mutex(())
    let readers: BlockReaders
    /// Held while batches of the head are put together.
    let gatherLock = Mutex(())
    /// Held while the head is written.
    let sealLock = Mutex(())
    /// Held while days go: who asks for it meanwhile finds them gone.
    let expiryLock = Mutex(())
    let listings = LabelListings()
    let selections = SelectedSeriesCache()
    private let pending = Mutex<[PendingRecord]>([])
    private let sealedDays = Mutex<[UTCDay: UInt64]>([:])

    /// A record replayed from the journal whose series ids are not all resolved yet.
    private struct PendingRecord {
        var batch: MetricBatch
        var sequence: UInt64
        var arrival: Timestamp
    }

    init(configuration: StoreConfiguration, events: EventLog) throws(StoreError) {
        self.configuration = configuration
        self.events = events
        state = Mutex(
            State(
                registry: SeriesRegistry(
                    beganAt: .zero, countMin: configuration.registeredSeriesMin,
                    seriesPerTargetMax: configuration.seriesPerTargetMax)))
        readers = BlockReaders(bytesMax: configuration.openBlockBytesMax)
        partitions = try PartitionDirectory(
            directory: "\(configuration.directory)/metrics", signal: "metrics",
            schema: MetricTables.schema, configuration: configuration, checksFiles: false,
            events: events)
        rollups = try RollupFiles.all(configuration: configuration, events: events)
        for day in partitions.days {
            // All that is asked of a file at once: few can be open at a time.
            try partitions.adopt(day)
            guard partitions.contains(day) else { continue }
            let partition = partitions.partition(for: day)
            do {
                try readMetadata(of: partition)
                let through = try partition.sealedThrough()
                sealedDays.withLock { $0[day] = through }
            } catch .damaged(let path, let reason) {
                try partitions.setAside(partition, path: path, reason: reason)
            }
        }
    }

    private func readMetadata(of partition: Partition) throws(StoreError) {
        if try partition.read({ try MetricTables.holdsSuperseded($0) }) {
            try partition.write { try MetricTables.deleteSuperseded($0) }
        }
        let (known, overflows) = try partition.read {
            (try MetricTables.loadMetadata($0), try MetricTables.loadOverflows($0))
        }
        state.withLock { state in
            for entry in known { state.metadata[entry.family] = entry }
            // A later day counts what an earlier one does.
            if !overflows.isEmpty { state.earlierOverflows = overflows }
        }
    }

    // MARK: Appending

    func hasRoom(for prepared: PreparedMetrics) -> Bool {
        state.withLock {
            $0.headBytes + $0.sealingBytes + prepared.samples.bytes
                <= configuration.headBytesLimit
        }
    }

    /// Numbers the series of a batch and encodes what the journal needs.
    func prepare(_ batch: MetricBatch) -> PreparedMetrics {
        let (registry, floor) = state.withLock { ($0.registry, $0.definitionFloor) }
        let numbered = registry.number(batch, definitionFloor: floor)
        let (batch, numbers, needs) = (numbered.batch, numbered.numbers, numbered.needsLabels)
        if numbered.foldedSamples > 0 {
            events.emit(SeriesFolded(increment: UInt64(numbered.foldedSamples)))
            for overflow in numbered.overflows { events.emit(SeriesBoundReached(overflow)) }
        }
        let starts = registry.newStarts(batch.starts, numbers)
        let defined = numbers.indices.filter { needs[$0] }.map { numbers[$0] }
        var journalled = batch.keepingLabels { needs[$0] }
        journalled.starts = starts
        var samples = MetricEngine.headSamples(batch, numbers, registry)
        samples.starts = DaySamples(starts, numbers)
        return PreparedMetrics(
            payload: MetricBatchCodec.encode(journalled, effort: .journal),
            samples: samples, defined: defined,
            metadata: batch.metadata)
    }

    /// Takes a journalled batch. Called in sequence order.
    func admit(_ prepared: PreparedMetrics, sequence: UInt64, arrival: Timestamp) {
        var samples = prepared.samples
        samples.firstSequence = sequence
        samples.sequence = sequence
        samples.firstArrival = arrival
        samples.arrival = arrival
        samples.registry.define(prepared.defined, at: sequence)
        samples.registry.keep(samples.starts)
        state.withLock { state in
            for entry in prepared.metadata where state.metadata[entry.family] != entry {
                state.metadata[entry.family] = entry
                state.unsavedMetadata.append(entry)
            }
            state.head.append(samples)
            state.headBytes += samples.bytes
        }
    }

    private static func headSamples(
        _ batch: MetricBatch, _ numbers: [UInt32], _ registry: SeriesRegistry
    ) -> HeadSamples {
        var first = Int64.max
        var last = Int64.min
        for time in batch.sampleTimes {
            first = min(first, time)
            last = max(last, time)
        }
        return HeadSamples(
            firstSequence: 0, sequence: 0, firstArrival: .zero, arrival: .zero,
            registry: registry, series: batch.sampleSeries.map { numbers[Int($0)] },
            times: batch.sampleTimes, values: batch.sampleValues, first: first, last: last,
            extras: batch.extras.map { [$0] } ?? [], starts: DaySamples())
    }

    // MARK: Replay

    /// The highest sequence that any partition held when the program started.
    func sealedThrough() -> UInt64 {
        sealedDays.withLock { $0.values.max() ?? 0 }
    }

    /// Takes a journal record again. Its series may be defined by a record still to come or by a
    /// partition: `finishReplay` resolves them.
    func replay(
        _ payload: UnsafeRawBufferPointer, sequence: UInt64, arrival: Timestamp
    ) throws(ColumnDecodeError) {
        let batch = try MetricBatchCodec.decode(payload)
        pending.withLock {
            $0.append(PendingRecord(batch: batch, sequence: sequence, arrival: arrival))
        }
    }

    func finishReplay() throws(StoreError) {
        let records = pending.withLock { records in
            defer { records = [] }
            return records
        }
        let sealed = sealedDays.withLock { $0 }
        var labels: [SeriesID: Labels] = [:]
        for record in records {
            for series in 0..<record.batch.seriesCount
            where !record.batch.labelRange(series).isEmpty {
                labels[record.batch.seriesIDs[series]] = record.batch.labels(series)
            }
        }
        try resolve(
            Set(records.flatMap(\.batch.seriesIDs)).filter { labels[$0] == nil }, into: &labels)
        for record in records {
            let whole = record.batch.completing(labels)
            if whole.missing > 0 {
                events.emit(
                    StoreDamage(
                        kind: "journal", path: partitions.directory,
                        reason: "labels of \(whole.missing) series are in no file"))
            }
            let kept = whole.batch.dropping { time in
                record.sequence <= sealed[UTCDay(containingMilliseconds: time), default: 0]
            }
            admit(prepare(kept), sequence: record.sequence, arrival: record.arrival)
        }
    }

    /// Finds labels of series that only partitions still know.
    private func resolve(
        _ wanted: Set<SeriesID>, into labels: inout [SeriesID: Labels]
    ) throws(StoreError) {
        var open = wanted
        for day in partitions.days.reversed() where !open.isEmpty {
            let series = try load(day).series
            for id in open {
                guard let number = series.find(id) else { continue }
                labels[id] = series.index.labels(number)
                open.remove(id)
            }
        }
    }

    // MARK: State

    func needsSeal(at now: Timestamp) -> Bool {
        state.withLock { state in
            guard let oldest = state.head.first else { return false }
            return state.headBytes >= configuration.headBytesMax
                || now.nanoseconds(since: oldest.firstArrival) >= configuration.headAgeMax
        }
    }

    var oldestUnsealed: UInt64? {
        state.withLock { ($0.sealing.first ?? $0.head.first)?.firstSequence }
    }

    var headBytes: Int { state.withLock { $0.headBytes + $0.sealingBytes } }
    var seriesCount: Int { state.withLock { $0.registry }.count }

    /// The worst first, over restarts: a crash loses what was counted since the last seal.
    var seriesOverflows: [SeriesOverflow] {
        let (registry, earlier) = state.withLock { ($0.registry, $0.earlierOverflows) }
        return SeriesOverflow.adding(registry.overflows, to: earlier)
    }

    func metadata() throws(StoreError) -> [MetricMetadata] {
        state.withLock { $0.metadata.values.sorted { $0.family < $1.family } }
    }

    /// The index and blocks of a day, read from its file if they are not in memory.
    func load(_ day: UTCDay) throws(StoreError) -> MetricDay {
        if let known = state.withLock({ $0.use(day) }) { return known }
        return try partitionLock.withLock { _ throws(StoreError) in try loadHoldingLock(day) }
    }

    /// As `load`, for callers that hold `partitionLock`.
    private func loadHoldingLock(_ day: UTCDay) throws(StoreError) -> MetricDay {
        if let known = state.withLock({ $0.days[day] }) { return known }
        if !partitions.contains(day), let thinned = try thinned(day) {
            remember(thinned, of: day)
            return thinned
        }
        return try loadSamplesHoldingLock(day)
    }

    /// As `loadHoldingLock`, never what is left of a day without its samples. A damaged file is set aside,
    /// and the day goes on without it.
    func loadSamplesHoldingLock(_ day: UTCDay) throws(StoreError) -> MetricDay {
        if let known = state.withLock({ $0.days[day] }), !known.isThinned { return known }
        let partition = partitions.partition(for: day)
        do {
            return try read(day, from: partition)
        } catch .damaged(let path, let reason) {
            try partitions.setAside(partition, path: path, reason: reason)
            listings.removeAll()
            selections.removeAll()
            return try read(day, from: partitions.partition(for: day))
        }
    }

    private func read(_ day: UTCDay, from partition: Partition) throws(StoreError) -> MetricDay {
        var loaded = try partition.read { db in
            MetricDay(
                partition: partition, series: try MetricTables.loadSeries(db, path: partition.path),
                blocks: try MetricTables.loadBlocks(db, partition: partition),
                hasExtras: try MetricTables.holdsExtras(db))
        }
        loaded.rollups = try rolledUp(day, through: loaded.lastPart)
        remember(loaded, of: day)
        return loaded
    }

    private func remember(_ loaded: MetricDay, of day: UTCDay) {
        state.withLock { state in
            state.days[day] = loaded
            state.letGoOfDays(but: day, seriesMax: configuration.loadedSeriesMax)
        }
    }

    func close() throws(StoreError) {
        try partitions.close()
        for files in rollups { try files.partitions.close() }
    }
}

/// What is in memory of a partition.
struct MetricDay: Sendable {
    var partition: Partition
    var series: NumberedSeries
    /// Counts up with every use.
    var lastUse: UInt64 = 0
    /// By part, then by series.
    var blocks: [MetricBlockInfo]
    /// Whether native histograms or exemplars are in the file.
    var hasExtras = true
    /// Summaries of all these samples, the finest first.
    var rollups: [RollupDay] = []
    /// Whether the samples are gone and only summaries are left.
    var isThinned = false

    /// The journal sequence through which the samples reach; `nil` without any.
    var lastPart: UInt64? { blocks.map(\.part).max() }
}

extension MetricEngine.State {
    /// A day that is in memory.
    mutating func use(_ day: UTCDay) -> MetricDay? {
        dayUses &+= 1
        days[day]?.lastUse = dayUses
        return days[day]
    }

    /// Keeps days in memory until they are unpinned.
    mutating func pin(_ days: [UTCDay]) {
        for day in days { pins[day, default: 0] += 1 }
    }

    mutating func unpin(_ days: [UTCDay]) {
        for day in days {
            let left = pins[day, default: 1] - 1
            pins[day] = left == 0 ? nil : left
        }
    }

    /// Forgets the days longest not used while more than `seriesMax` series are in memory: their files
    /// say the same.
    mutating func letGoOfDays(but kept: UTCDay, seriesMax: Int) {
        dayUses &+= 1
        days[kept]?.lastUse = dayUses
        var total = days.values.reduce(0) { $0 + $1.series.count }
        for (day, content) in days.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
            if total <= seriesMax { return }
            guard day != kept, pins[day] == nil else { continue }
            days[day] = nil
            total -= content.series.count
        }
    }
}
