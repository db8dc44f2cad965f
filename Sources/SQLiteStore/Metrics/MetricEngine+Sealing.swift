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
        let (batches, metadata) = state.withLock { state in
            if state.sealing.isEmpty { state.beginSealing() }
            return (state.sealing, state.unsavedMetadata)
        }
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
        let numbered = MetricEngine.renumber(samples, labels, into: &content.series)
        let numberedStarts = MetricEngine.renumber(starts, labels, into: &content.series)
        let newSeries = firstNew..<content.series.count
        let blocks = MetricEngine.blocks(numbered, part: sequence)
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

    /// Replaces the head's series numbers by the partition's, adding what is new, and sorts by them.
    private static func renumber(
        _ samples: DaySamples, _ labels: SeriesIndex, into index: inout NumberedSeries
    ) -> SeriesBlock {
        var runs: [(number: UInt32, start: UInt32, count: UInt32)] = []
        var position = 0
        while position < samples.series.count {
            let series = samples.series[position]
            var end = position + 1
            while end < samples.series.count, samples.series[end] == series { end += 1 }
            let id = labels.id(series)
            let number =
                index.find(id)
                ?? labels.labels(series).bytes.withUnsafeBytes { index.add(id, labels: $0) }
            runs.append((number, UInt32(position), UInt32(end - position)))
            position = end
        }
        runs.sort { $0.number < $1.number }
        var block = SeriesBlock()
        block.times.reserveCapacity(samples.times.count)
        block.values.reserveCapacity(samples.times.count)
        for run in runs {
            let range = Int(run.start)..<Int(run.start + run.count)
            block.series.append(run.number)
            block.counts.append(run.count)
            block.times += samples.times[range]
            block.values += samples.values[range]
        }
        return block
    }

    static func labels(of series: Range<Int>, _ index: SeriesIndex) -> MetricBatch {
        var batch = MetricBatch()
        for number in series { _ = batch.append(index.labels(UInt32(number))) }
        return batch
    }

    /// Cuts sorted samples into encoded blocks of whole series.
    private static func blocks(_ all: SeriesBlock, part: UInt64) -> [NewMetricBlock] {
        var cutter = BlockCutter { NewMetricBlock($0, part: part, tier: 0, effort: .sealed) }
        var start = 0
        for (series, count) in zip(all.series, all.counts) {
            let run = start..<(start + Int(count))
            cutter.append(series, all.times[run], all.values[run])
            start = run.upperBound
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
        if !days.isEmpty || !thinned.isEmpty { listings.removeAll() }
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
