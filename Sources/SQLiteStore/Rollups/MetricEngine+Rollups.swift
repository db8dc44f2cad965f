import ColumnEncoding
import Platform
import Store
import Synchronization
import Telemetry

extension MetricEngine {
    /// Samples of a day come until about this long after it.
    private static let settlingTime: Int64 = 3_600 * 1_000_000_000
    /// At least between summing up a day and doing so again.
    private static let repetitionTime: Int64 = 3_600 * 1_000_000_000

    /// Days of which samples or summaries are there, ascending.
    var daysKept: [UTCDay] {
        if rollups.isEmpty { return partitions.days }
        var days = Set(partitions.days)
        for files in rollups { days.formUnion(files.partitions.days) }
        return days.sorted()
    }

    // MARK: Reading

    /// The summaries of a day, if they are those of its samples through `part`.
    func rolledUp(_ day: UTCDay, through part: UInt64?) throws(StoreError) -> [RollupDay] {
        var found: [RollupDay] = []
        for files in rollups {
            guard let (content, through) = try files.day(day), through == part else { continue }
            found.append(content)
        }
        return found
    }

    /// What is left of a day without its samples; `nil` if nothing is.
    func thinned(_ day: UTCDay) throws(StoreError) -> MetricDay? {
        for files in rollups {
            guard let (_, through) = try files.day(day) else { continue }
            return MetricDay(
                partition: files.partitions.partition(for: day), series: try files.series(day),
                blocks: [], hasExtras: false,
                rollups: try rolledUp(day, through: through), isThinned: true)
        }
        return nil
    }

    // MARK: Writing

    /// Sums up one day that is over.
    /// - Returns: whether there may be more to do.
    func rollupStep() throws(StoreError) -> Bool {
        let progress = state.withLock { $0.rollups }
        guard !rollups.isEmpty, let now = progress.now else { return false }
        let today = UTCDay(containing: now.advanced(byNanoseconds: -Self.settlingTime))
        for day in partitions.days where day < today && !progress.isDone.contains(day) {
            if let due = progress.due[day], now < due { continue }
            if try rollUp(day, at: now) { return true }
        }
        return false
    }

    /// A full disk may keep a day from being summed up; after this many more it is deleted nevertheless.
    private static let patienceDays: Int64 = 2

    /// Sums up what will be deleted.
    /// - Returns: before which days may be deleted: those that could not be summed up wait a little.
    func rollUp(endedBefore horizon: UTCDay) -> UTCDay {
        let progress = state.withLock { $0.rollups }
        guard !rollups.isEmpty, let now = progress.now else { return horizon }
        for day in partitions.days where day < horizon && !progress.isDone.contains(day) {
            do throws(StoreError) {
                _ = try rollUp(day, at: now)
            } catch {
                events.emit(
                    StoreMaintenanceFailed(
                        signal: signalName, step: "downsampling", reason: error.description))
                let last = UTCDay(number: horizon.number - Self.patienceDays)
                return max(day, last)
            }
        }
        return horizon
    }

    /// Days that are damaged are reported and have no summaries.
    /// - Returns: false if there was nothing to do.
    private func rollUp(_ day: UTCDay, at now: Timestamp) throws(StoreError) -> Bool {
        do {
            return try sumUp(day, at: now)
        } catch .damaged(let path, let reason) {
            events.emit(StoreDamage(kind: "block", path: path, reason: reason))
            state.withLock { _ = $0.rollups.isDone.insert(day) }
            return true
        }
    }

    private func sumUp(_ day: UTCDay, at now: Timestamp) throws(StoreError) -> Bool {
        let content = try partitionLock.withLock { _ throws(StoreError) in
            try loadSamplesHoldingLock(day)
        }
        guard let part = content.lastPart, content.rollups.count < rollups.count else {
            state.withLock { _ = $0.rollups.isDone.insert(day) }
            return false
        }
        let lease = state.withLock { state in
            state.readers[state.generation, default: 0] += 1
            return ReadLease(self, generation: state.generation)
        }
        var builders = rollups.map { RollupBuilder(interval: $0.rollup.interval, part: part) }
        var merge = MetricMerge(content.blocks, engine: self)
        try merge.forEachSeries { series, columns in
            for index in builders.indices { builders[index].add(series, columns) }
        }
        withExtendedLifetime(lease) {}
        var replaced: [MetricBlockInfo] = []
        for (index, files) in rollups.enumerated() {
            replaced += try files.write(
                builders[index].finish(), content.series.index, through: part, to: day)
        }
        state.withLock { state in
            state.rollups.due[day] = now.advanced(byNanoseconds: Self.repetitionTime)
            // Samples that came in between are summed up the next time.
            if state.days[day].map({ $0.lastPart == part }) ?? true {
                state.rollups.isDone.insert(day)
            }
            // It is read again with its summaries.
            state.days[day] = nil
            state.retired += replaced.map { (generation: state.generation, block: $0) }
            state.generation += 1
        }
        events.emit(MetricsRolledUp(day: day.name, series: content.series.count))
        return true
    }

    /// Deletes summaries whose retention ended.
    /// - Returns: their days.
    func expireRollups(at now: Timestamp) throws(StoreError) -> [UTCDay] {
        var days: [UTCDay] = []
        for files in rollups {
            days += try files.partitions.removeDays(
                endedBefore: UTCDay(
                    containing: now.advanced(byNanoseconds: -files.rollup.retention)))
        }
        return days
    }
}

extension MetricDay {
    var endMilliseconds: Int64 { partition.day.end.nanoseconds / 1_000_000 }

    mutating func removeRollups(outside range: ClosedRange<Int64>) {
        for index in rollups.indices { rollups[index].blocks.removeAll { !$0.overlaps(range) } }
    }

    /// Lets go of blocks that hold none of these series.
    mutating func keepBlocks(of series: ClosedRange<UInt32>) {
        blocks.removeAll { !$0.series.overlaps(series) }
        for index in rollups.indices {
            rollups[index].blocks.removeAll { block in
                block.series.upperBound / RollupColumn.perSeries < series.lowerBound
                    || block.series.lowerBound / RollupColumn.perSeries > series.upperBound
            }
        }
    }
}

/// A day was summed up.
struct MetricsRolledUp: InternalEvent {
    static let counter = "sidelight_store_rolled_up_days_total"
    static let help = "Days of metrics that were summed up by intervals."
    var day: String
    var series: Int
}
