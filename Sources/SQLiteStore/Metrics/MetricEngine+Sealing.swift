import ColumnEncoding
import GRDB
import Platform
import Store
import Synchronization
import Telemetry

extension MetricEngine {
    /// Writes the whole head into the partitions of its samples' days.
    func seal() throws(StoreError) {
        try sealLock.withLock { _ throws(StoreError) in
            repeat { try sealRun() } while state.withLock { $0.headIsMixed }
        }
    }

    /// Writes the batches at the head's beginning that one registry numbered: nearly always all.
    private func sealRun() throws(StoreError) {
        state.withLock { if $0.sealing.isEmpty { $0.beginSealing() } }
        gatherSealing()
        let (batches, metadata) = state.withLock { ($0.sealing, $0.unsavedMetadata) }
        guard let last = batches.last else { return }
        let registry = last.registry
        let labels = registry.index
        var extras: [UTCDay: [MetricBatch]] = [:]
        for batch in batches.flatMap(\.extras) {
            let times = batch.histograms.map(\.time) + batch.exemplars.map(\.time)
            for day in Set(times.map(UTCDay.init(containingMilliseconds:))) {
                let part = batch.extras { UTCDay(containingMilliseconds: $0) == day }
                if let part { extras[day, default: []].append(part) }
            }
        }
        let samples = DaySamples.split(batches)
        let starts = DaySamples.starts(batches)
        let days = Set(samples.keys).union(extras.keys).union(starts.keys).sorted()
        try partitionLock.withLock { _ throws(StoreError) in
            var written: [UTCDay: MetricDay] = [:]
            for day in days {
                written[day] = try write(
                    samples[day] ?? DaySamples(), extras: extras[day, default: []],
                    starts: starts[day] ?? DaySamples(),
                    metadata: day == days.last ? metadata : [],
                    overflows: day == days.last ? seriesOverflows : [], labels: labels,
                    through: last.sequence, to: day)
            }
            state.withLock { state in
                for (day, content) in written {
                    state.days[day] = content
                    state.rollups.isDone.remove(day)
                }
                state.sealing = []
                state.sealingBytes = 0
                state.definitionFloor = last.sequence + 1
                state.unsavedMetadata.removeAll { metadata.contains($0) }
                state.generation += 1
            }
        }
        for part in samples.values { registry.use(part.series, at: last.arrival) }
        registry.freePlaces(at: last.arrival)
        if registry.isMostlyIdle(at: last.arrival) {
            state.withLock { state in
                if state.registry === registry {
                    state.earlierOverflows = SeriesOverflow.adding(
                        registry.overflows, to: state.earlierOverflows)
                    state.registry = SeriesRegistry(
                        beganAt: last.arrival, countMin: configuration.registeredSeriesMin,
                        seriesPerTargetMax: configuration.seriesPerTargetMax)
                }
            }
        }
        events.emit(
            StoreSealed(signal: signalName, items: batches.reduce(0) { $0 + $1.times.count }))
    }

    /// Makes one piece of the batches being sealed, sorted by series, so that their samples are in memory
    /// once while they are written.
    private func gatherSealing() {
        let batches = state.withLock { $0.sealing }
        guard batches.count > 1 || batches.first?.runs == nil,
            let gathered = HeadSamples.gathering(batches[...])
        else { return }
        state.withLock { state in
            state.sealing = [gathered]
            state.sealingBytes = gathered.bytes
        }
    }

    /// - Returns: the day as it is in the file afterwards. A day that holds these samples already (a
    ///   seal that failed on a later day) is left alone.
    private func write(
        _ samples: DaySamples, extras: [MetricBatch], starts: DaySamples,
        metadata: [MetricMetadata],
        overflows: [SeriesOverflow], labels: SeriesIndex, through sequence: UInt64, to day: UTCDay
    ) throws(StoreError) -> MetricDay {
        let partition = partitions.partition(for: day)
        guard try partition.sealedThrough() < sequence else {
            return try partition.read { db in
                MetricDay(
                    partition: partition,
                    series: try MetricTables.loadSeries(db, path: partition.path),
                    blocks: try MetricTables.loadBlocks(db, partition: partition))
            }
        }
        var content = try loadSamplesHoldingLock(day)
        let firstNew = content.series.count
        let runs = MetricEngine.renumber(samples, labels, into: &content.series)
        let startRuns = MetricEngine.renumber(starts, labels, into: &content.series)
        let newSeries = firstNew..<content.series.count
        let blocks = MetricEngine.blocks(runs, of: samples, part: sequence)
        let numberedStarts = SeriesBlock(startRuns, of: starts)
        let ids = try partition.write { db in
            try MetricTables.insertSeries(newSeries, of: content.series.index, db)
            for batch in extras {
                let times = batch.histograms.map(\.time) + batch.exemplars.map(\.time)
                if let first = times.min(), let last = times.max() {
                    try MetricTables.insertExtra(batch, times: first...last, db)
                }
            }
            if !numberedStarts.series.isEmpty { try MetricTables.insertStarts(numberedStarts, db) }
            try MetricTables.upsert(metadata, db)
            try MetricTables.upsert(overflows, db)
            let ids = try blocks.map { try MetricTables.insert($0, db) }
            try Partition.setSealedThrough(sequence, db)
            return ids
        }
        if !blocks.isEmpty { content.rollups = [] }
        content.hasExtras = content.hasExtras || !extras.isEmpty
        content.blocks += zip(ids, blocks).map { id, block in
            MetricBlockInfo(
                id: id, partition: partition, part: block.part, tier: block.tier,
                samples: block.samples, times: block.times, series: block.series)
        }
        return content
    }

    /// Where the samples of a series stand, and its number in the partition.
    fileprivate struct Run {
        var number: UInt32
        var start: UInt32
        var count: UInt32

        var rows: Range<Int> { Int(start)..<(Int(start) + Int(count)) }
    }

    /// The runs of the series by their numbers in the partition, which new ones get.
    private static func renumber(
        _ samples: DaySamples, _ labels: SeriesIndex, into index: inout NumberedSeries
    ) -> [Run] {
        var runs: [Run] = []
        var position = 0
        while position < samples.series.count {
            let series = samples.series[position]
            var end = position + 1
            while end < samples.series.count, samples.series[end] == series { end += 1 }
            let id = labels.id(series)
            let number =
                index.find(id)
                ?? labels.labels(series).bytes.withUnsafeBytes { index.add(id, labels: $0) }
            runs.append(
                Run(number: number, start: UInt32(position), count: UInt32(end - position)))
            position = end
        }
        runs.sort { $0.number < $1.number }
        return runs
    }

    static func labels(of series: Range<Int>, _ index: SeriesIndex) -> MetricBatch {
        var batch = MetricBatch()
        for number in series { _ = batch.append(index.labels(UInt32(number))) }
        return batch
    }

    /// Cuts samples, series by series, into encoded blocks of whole series.
    private static func blocks(
        _ runs: [Run], of samples: DaySamples, part: UInt64
    ) -> [NewMetricBlock] {
        var cutter = BlockCutter { NewMetricBlock($0, part: part, tier: 0, effort: .sealed) }
        for run in runs {
            cutter.append(run.number, samples.times[run.rows], samples.values[run.rows])
        }
        return cutter.finish()
    }

    // MARK: Merging and retention

    /// Merges the oldest run of neighbouring parts of a tier once `mergeFanIn` have gathered; sums up a day
    /// where there is nothing to merge.
    func mergeStep() throws(StoreError) -> Bool {
        try deleteRetired()
        guard let (day, parts) = mergeCandidates() else { return try rollupStep() }
        return try partitionLock.withLock { _ throws(StoreError) in
            var content = try loadSamplesHoldingLock(day)
            let wanted = Set(parts)
            let sources = content.blocks.filter { wanted.contains($0.part) }
            guard let tier = sources.map(\.tier).max(), let part = parts.max() else { return false }
            var merge = MetricMerge(sources, engine: self)
            let merged = try merge.blocks(part: part, tier: tier + 1)
            let ids = try content.partition.write { db in
                try MetricTables.supersede(sources.map(\.id), db)
                return try merged.map { try MetricTables.insert($0, db) }
            }
            let replacements = zip(ids, merged).map { id, block in
                MetricBlockInfo(
                    id: id, partition: content.partition, part: block.part, tier: block.tier,
                    samples: block.samples, times: block.times, series: block.series)
            }
            content.blocks.removeAll { wanted.contains($0.part) }
            content.blocks += replacements
            content.blocks.sort {
                ($0.part, $0.series.lowerBound) < ($1.part, $1.series.lowerBound)
            }
            readers.forget(sources)
            state.withLock { state in
                state.days[day] = content
                state.retired += sources.map { (generation: state.generation, block: $0) }
                state.generation += 1
            }
            events.emit(StoreMerged(signal: signalName, blocks: sources.count))
            return true
        }
    }

    /// A day with `mergeFanIn` neighbouring parts of one tier, and those parts.
    private func mergeCandidates() -> (UTCDay, [UInt64])? {
        let days = state.withLock { $0.days.mapValues(\.blocks) }
        for (day, blocks) in days {
            var tiers: [UInt64: Int] = [:]
            for block in blocks {
                tiers[block.part] = max(tiers[block.part, default: 0], block.tier)
            }
            let parts = tiers.keys.sorted()
            var run: [UInt64] = []
            for part in parts {
                if let first = run.first, tiers[first] != tiers[part] { run = [] }
                run.append(part)
                if run.count == configuration.mergeFanIn { return (day, run) }
            }
        }
        return nil
    }

    private func deleteRetired() throws(StoreError) {
        let free = state.withLock { state in
            let oldestReader = state.readers.keys.min() ?? .max
            let free = state.retired.filter { $0.generation < oldestReader }.map(\.block)
            state.retired.removeAll { $0.generation < oldestReader }
            return free
        }
        for blocks in Dictionary(grouping: free, by: \.partition.path).values {
            try blocks[0].partition.write { try MetricTables.delete(blocks.map(\.id), $0) }
        }
    }

    func expire(at now: Timestamp) throws(StoreError) {
        try expiryLock.withLock { _ throws(StoreError) in try expireHoldingLock(at: now) }
    }

    private func expireHoldingLock(at now: Timestamp) throws(StoreError) {
        let horizon = max(
            UTCDay(containing: now.advanced(byNanoseconds: -configuration.metricRetention)),
            firstDayWithinBytes(at: now))
        state.withLock { $0.rollups.now = now }
        let days = try partitions.removeDays(endedBefore: rollUp(endedBefore: horizon))
        let thinned = try expireRollups(at: now)
        state.withLock { state in
            for day in days + thinned { state.days[day] = nil }
            state.retired.removeAll { (days + thinned).contains($0.block.partition.day) }
        }
        if !days.isEmpty || !thinned.isEmpty {
            listings.removeAll()
            selections.removeAll()
        }
    }
}

extension SeriesBlock {
    fileprivate init(_ runs: [MetricEngine.Run], of samples: DaySamples) {
        self.init()
        for run in runs {
            series.append(run.number)
            counts.append(run.count)
            times += samples.times[run.rows]
            values += samples.values[run.rows]
        }
    }
}

extension MetricEngine {
    /// The oldest day that may stay with the bound on bytes.
    private func firstDayWithinBytes(at now: Timestamp) -> UTCDay {
        let days = partitions.days
        guard let bytesMax = configuration.metricBytesMax, var first = days.first else {
            return UTCDay(number: .min)
        }
        let sizes = days.map(partitions.bytes)
        var total = sizes.reduce(0, +)
        let today = UTCDay(containing: now)
        for (day, size) in zip(days, sizes) where total > bytesMax && day < today {
            total -= size
            first = UTCDay(number: day.number + 1)
        }
        return first
    }
}

extension MetricEngine.State {
    /// Moves the batches of the first registry from the head to those being sealed.
    fileprivate mutating func beginSealing() {
        guard let registry = head.first?.registry else { return }
        if !headIsMixed {
            swap(&sealing, &head)
            swap(&sealingBytes, &headBytes)
            return
        }
        sealing = Array(head.prefix { $0.registry === registry })
        sealingBytes = sealing.reduce(0) { $0 + $1.bytes }
        head.removeFirst(sealing.count)
        headBytes -= sealingBytes
    }

    /// Whether batches of an older registry wait in the head.
    fileprivate var headIsMixed: Bool {
        guard let first = head.first?.registry else { return false }
        return head.contains { $0.registry !== first }
    }
}
