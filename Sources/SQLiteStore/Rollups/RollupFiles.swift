import ColumnEncoding
import GRDB
import Platform
import Store
import Telemetry

/// The files of one rollup: one a day, named like those of the samples and laid out alike. `sealed_through`
/// is the journal sequence of the samples that were summed up.
final class RollupFiles: Sendable {
    let rollup: MetricRollup
    let partitions: PartitionDirectory

    private init(
        _ rollup: MetricRollup, _ configuration: StoreConfiguration, _ events: EventLog
    ) throws(StoreError) {
        self.rollup = rollup
        // There may be files of years: whoever reads one finds out whether it is damaged.
        partitions = try PartitionDirectory(
            directory: "\(configuration.directory)/metrics-\(rollup.name)", signal: "metrics",
            schema: MetricTables.schema, configuration: configuration, checksFiles: false,
            events: events)
    }

    /// The finest first.
    static func all(
        configuration: StoreConfiguration, events: EventLog
    ) throws(StoreError) -> [RollupFiles] {
        var files: [RollupFiles] = []
        for rollup in configuration.metricRollups.sorted(by: { $0.interval < $1.interval }) {
            files.append(try RollupFiles(rollup, configuration, events))
        }
        return files
    }

    /// A day and the sequence through which its samples were summed up; `nil` if they were not.
    func day(_ day: UTCDay) throws(StoreError) -> (content: RollupDay, through: UInt64)? {
        guard partitions.contains(day) else { return nil }
        let partition = partitions.partition(for: day)
        do {
            let through = try partition.sealedThrough()
            guard through > 0 else { return nil }
            var blocks = try partition.read {
                try MetricTables.loadBlocks($0, partition: partition)
            }
            blocks.sort { $0.series.lowerBound < $1.series.lowerBound }
            return (RollupDay(interval: rollup.interval, blocks: blocks), through)
        } catch .damaged(let path, let reason) {
            try partitions.setAside(partition, path: path, reason: reason)
            return nil
        }
    }

    /// Its samples are about to change: what is there of the day says nothing any more.
    func invalidate(_ day: UTCDay) throws(StoreError) {
        guard partitions.contains(day) else { return }
        try partitions.partition(for: day).write { try Partition.setSealedThrough(0, $0) }
    }

    /// The series of a day.
    func series(_ day: UTCDay) throws(StoreError) -> NumberedSeries {
        let partition = partitions.partition(for: day)
        return try partition.read { try MetricTables.loadSeries($0, path: partition.path) }
    }

    /// Replaces what is there of a day.
    /// - Returns: the blocks that were there.
    func write(
        _ blocks: [NewMetricBlock], _ series: SeriesIndex, through part: UInt64, to day: UTCDay
    ) throws(StoreError) -> [MetricBlockInfo] {
        let partition = partitions.partition(for: day)
        return try partition.write { db in
            let old = try MetricTables.loadBlocks(db, partition: partition)
            try MetricTables.deleteSuperseded(db)
            try MetricTables.supersede(old.map(\.id), db)
            try db.execute(sql: "DELETE FROM series_block")
            try MetricTables.insertSeries(0..<series.count, of: series, db)
            for block in blocks { _ = try MetricTables.insert(block, db) }
            try Partition.setSealedThrough(part, db)
            return old
        }
    }
}

/// Summaries of a day.
struct RollupDay: Sendable {
    /// Milliseconds.
    var interval: Int64
    /// By number of series and column.
    var blocks: [MetricBlockInfo]
}

/// Which days were summed up.
struct RollupProgress {
    /// As retention knows it.
    var now: Timestamp?
    /// Days whose summaries are those of their samples, since the program started.
    var isDone: Set<UTCDay> = []
    /// When a day may be summed up again: late samples come in many small parts.
    var due: [UTCDay: Timestamp] = [:]
}
