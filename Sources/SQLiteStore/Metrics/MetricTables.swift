import ColumnEncoding
import Foundation
import GRDB
import Store
import Telemetry

/// The tables of a metric partition.
///
/// `series_block`: labels of the partition's series, numbered from 0 in order of arrival, as the label
/// columns of an encoded metric batch. `block`: samples of a range of series; blocks with equal `part`
/// come from one seal or merge, `part` being the journal sequence through which it reaches, so that of
/// equal samples the higher part wins; `samples` has what is in a block's chunks, the block itself only
/// their descriptions (older files have both in the block). `extra`: native histograms and exemplars.
/// `start`: since when series count, as samples at the first sample of each start.
/// `overflow`: metrics with too many series, counted since the first day, as of this one.
enum MetricTables {
    static let schema = """
        CREATE TABLE IF NOT EXISTS series_block(
            first_series INTEGER PRIMARY KEY, series INTEGER NOT NULL, body BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS block(
            id INTEGER PRIMARY KEY, part INTEGER NOT NULL, tier INTEGER NOT NULL,
            samples INTEGER NOT NULL, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL,
            first_series INTEGER NOT NULL, last_series INTEGER NOT NULL,
            superseded INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS samples(block INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS extra(
            id INTEGER PRIMARY KEY, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL,
            body BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS start(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS metadata(
            family TEXT PRIMARY KEY, type INTEGER NOT NULL, help TEXT NOT NULL, unit TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS overflow(
            metric TEXT NOT NULL, job TEXT NOT NULL, instance TEXT NOT NULL,
            series_max INTEGER NOT NULL, samples INTEGER NOT NULL, last_time INTEGER NOT NULL,
            PRIMARY KEY(metric, job, instance)) WITHOUT ROWID;
        """

    /// Labels that one row holds: writing them and reading them back takes as much memory at once.
    private static let seriesAtOnce = 16_384

    static func insertSeries(
        _ series: Range<Int>, of index: SeriesIndex, _ db: Database
    ) throws {
        for first in stride(from: series.lowerBound, to: series.upperBound, by: seriesAtOnce) {
            let range = first..<min(series.upperBound, first + seriesAtOnce)
            try insertSeries(first: first, MetricEngine.labels(of: range, index), db)
        }
    }

    private static func insertSeries(
        first: Int, _ labels: MetricBatch, _ db: Database
    ) throws {
        try db.execute(
            sql: "INSERT INTO series_block(first_series, series, body) VALUES (?, ?, ?)",
            arguments: [
                first, labels.seriesCount, Data(MetricBatchCodec.encode(labels, effort: .sealed)),
            ])
    }

    static func loadSeries(_ db: Database, path: String) throws -> NumberedSeries {
        var index = NumberedSeries()
        let rows = try Row.fetchCursor(
            db, sql: "SELECT first_series, body FROM series_block ORDER BY first_series")
        while let row = try rows.next() {
            let first: Int = row[0]
            let body: Data = row[1]
            let batch = try body.withUnsafeBytes { try MetricBatchCodec.decode($0) }
            guard first == index.count else {
                throw StoreError.damaged(path: path, reason: "series \(first) are missing")
            }
            batch.labelBytes.withUnsafeBytes { labels in
                for series in 0..<batch.seriesCount {
                    _ = index.add(
                        batch.seriesIDs[series],
                        labels: UnsafeRawBufferPointer(rebasing: labels[batch.labelRange(series)]))
                }
            }
        }
        return index
    }

    static func insert(_ block: NewMetricBlock, _ db: Database) throws -> Int64 {
        try db.execute(
            sql: """
                INSERT INTO block(
                    part, tier, samples, first_time, last_time, first_series, last_series, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Int64(bitPattern: block.part), block.tier, block.samples, block.times.lowerBound,
                block.times.upperBound, block.series.lowerBound, block.series.upperBound,
                Data(block.body.descriptions),
            ])
        let id = db.lastInsertedRowID
        try db.execute(
            sql: "INSERT INTO samples(block, body) VALUES (?, ?)",
            arguments: [id, Data(block.body.payloads)])
        return id
    }

    static func loadBlocks(_ db: Database, partition: Partition) throws -> [MetricBlockInfo] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT id, part, tier, samples, first_time, last_time, first_series, last_series
                FROM block WHERE superseded = 0 ORDER BY part, first_series
                """
        ).compactMap { row in
            let first: Int64 = row[4]
            let last: Int64 = row[5]
            let firstSeries: UInt32 = row[6]
            let lastSeries: UInt32 = row[7]
            guard first <= last, firstSeries <= lastSeries else { return nil }
            return MetricBlockInfo(
                id: row[0], partition: partition, part: UInt64(bitPattern: row[1] as Int64),
                tier: row[2], samples: row[3], times: first...last, series: firstSeries...lastSeries
            )
        }
    }

    static func body(_ id: Int64, _ db: Database) throws -> [UInt8]? {
        try Data.fetchOne(
            db.cachedStatement(sql: "SELECT body FROM block WHERE id = ?"), arguments: [id]
        ).map { Array($0) }
    }

    /// What is in the chunks of a block; `nil` if it is in the block itself.
    static func samples(_ id: Int64, _ db: Database) throws -> [UInt8]? {
        try Data.fetchOne(
            db.cachedStatement(sql: "SELECT body FROM samples WHERE block = ?"), arguments: [id]
        ).map { Array($0) }
    }

    static func supersede(_ ids: [Int64], _ db: Database) throws {
        for id in ids {
            try db.execute(sql: "UPDATE block SET superseded = 1 WHERE id = ?", arguments: [id])
        }
    }

    static func delete(_ ids: [Int64], _ db: Database) throws {
        for id in ids {
            try db.execute(sql: "DELETE FROM samples WHERE block = ?", arguments: [id])
            try db.execute(sql: "DELETE FROM block WHERE id = ?", arguments: [id])
        }
    }

    static func holdsSuperseded(_ db: Database) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT EXISTS(SELECT 1 FROM block WHERE superseded = 1)")
            ?? false
    }

    static func deleteSuperseded(_ db: Database) throws {
        try db.execute(
            sql: "DELETE FROM samples WHERE block IN (SELECT id FROM block WHERE superseded = 1)")
        try db.execute(sql: "DELETE FROM block WHERE superseded = 1")
    }

    static func insertExtra(
        _ batch: MetricBatch, times: ClosedRange<Int64>, _ db: Database
    ) throws {
        try db.execute(
            sql: "INSERT INTO extra(first_time, last_time, body) VALUES (?, ?, ?)",
            arguments: [
                times.lowerBound, times.upperBound,
                Data(MetricBatchCodec.encode(batch, effort: .sealed)),
            ])
    }

    static func holdsExtras(_ db: Database) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT EXISTS(SELECT 1 FROM extra)") ?? false
    }

    static func extras(
        overlapping range: ClosedRange<Int64>, _ db: Database
    ) throws -> [MetricBatch] {
        try Data.fetchAll(
            db, sql: "SELECT body FROM extra WHERE first_time <= ? AND last_time >= ? ORDER BY id",
            arguments: [range.upperBound, range.lowerBound]
        ).map { try $0.withUnsafeBytes { try MetricBatchCodec.decode($0) } }
    }

    static func insertStarts(_ starts: SeriesBlock, _ db: Database) throws {
        try db.execute(
            sql: "INSERT INTO start(body) VALUES (?)",
            arguments: [Data(SeriesBlockCodec.encode(starts, effort: .sealed))])
    }

    /// The oldest written first.
    static func starts(_ db: Database) throws -> [[UInt8]] {
        try Data.fetchAll(db, sql: "SELECT body FROM start ORDER BY id").map { Array($0) }
    }

    static func upsert(_ metadata: [MetricMetadata], _ db: Database) throws {
        for entry in metadata {
            try db.execute(
                sql: "INSERT OR REPLACE INTO metadata VALUES (?, ?, ?, ?)",
                arguments: [entry.family, Int(entry.type.rawValue), entry.help, entry.unit])
        }
    }

    static func upsert(_ overflows: [SeriesOverflow], _ db: Database) throws {
        for overflow in overflows {
            try db.execute(
                sql: "INSERT OR REPLACE INTO overflow VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    overflow.metric, overflow.job, overflow.instance, overflow.seriesMax,
                    overflow.foldedSamples, overflow.lastTime,
                ])
        }
    }

    static func loadOverflows(_ db: Database) throws -> [SeriesOverflow] {
        try Row.fetchAll(
            db,
            sql: "SELECT metric, job, instance, series_max, samples, last_time FROM overflow"
        ).map { row in
            var overflow = SeriesOverflow(
                metric: row[0], job: row[1], instance: row[2], seriesMax: row[3])
            overflow.foldedSamples = row[4]
            overflow.lastTime = row[5]
            return overflow
        }
    }

    static func loadMetadata(_ db: Database) throws -> [MetricMetadata] {
        try Row.fetchAll(db, sql: "SELECT family, type, help, unit FROM metadata").map { row in
            MetricMetadata(
                family: row[0], type: MetricType(rawValue: row[1]) ?? .unknown, help: row[2],
                unit: row[3])
        }
    }
}

/// A block of samples on its way to disk.
struct NewMetricBlock: Sendable {
    var part: UInt64
    var tier: Int
    var samples: Int
    var times: ClosedRange<Int64>
    var series: ClosedRange<UInt32>
    var body: SeparateSeriesBlock

    init(_ block: SeriesBlock, part: UInt64, tier: Int, effort: EncodingEffort) {
        self.part = part
        self.tier = tier
        samples = block.sampleCount
        var first = Int64.max
        var last = Int64.min
        for time in block.times {
            first = min(first, time)
            last = max(last, time)
        }
        times = first...last
        series = (block.series.first ?? 0)...(block.series.last ?? 0)
        body = SeriesBlockCodec.encodeApart(block, effort: effort)
    }
}

/// What is remembered of a block of samples in memory.
final class MetricBlockInfo: Sendable {
    let id: Int64
    let partition: Partition
    let part: UInt64
    let tier: Int
    let samples: Int
    let times: ClosedRange<Int64>
    let series: ClosedRange<UInt32>

    init(
        id: Int64, partition: Partition, part: UInt64, tier: Int, samples: Int,
        times: ClosedRange<Int64>, series: ClosedRange<UInt32>
    ) {
        self.id = id
        self.partition = partition
        self.part = part
        self.tier = tier
        self.samples = samples
        self.times = times
        self.series = series
    }

    func overlaps(_ range: ClosedRange<Int64>) -> Bool { times.overlaps(range) }
}
