import GRDB
import Store
import Telemetry

extension MetricEngine {
    /// How samples are kept: reads what each file says of itself.
    func storageReport() throws(StoreError) -> MetricStorageReport {
        var report = MetricStorageReport()
        report.overflows = seriesOverflows
        for day in daysKept {
            if partitions.contains(day),
                let block = try MetricEngine.block(partitions.partition(for: day), nil)
            {
                report.blocks.append(block)
            }
            for files in rollups where files.partitions.contains(day) {
                let partition = files.partitions.partition(for: day)
                if let block = try MetricEngine.block(partition, files.rollup) {
                    report.blocks.append(block)
                }
            }
        }
        return report
    }

    /// `nil` if the file holds no samples yet.
    private static func block(
        _ partition: Partition, _ rollup: MetricRollup?
    ) throws(StoreError) -> MetricStorageBlock? {
        try partition.read { db in
            let series = try Int.fetchOne(db, sql: "SELECT sum(series) FROM series_block") ?? 0
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT min(first_time), max(last_time), sum(samples), max(tier) FROM block
                    WHERE superseded = 0
                    """)
            guard let row, let first = row[0] as Int64?, let last = row[1] as Int64?, first <= last
            else {
                return nil
            }
            let name = rollup.map { "\(partition.day.name)/\($0.name)" } ?? partition.day.name
            return MetricStorageBlock(
                name: name, times: first...last, samples: row[2] ?? 0, series: series,
                level: (row[3] ?? 0) + 1, interval: rollup?.interval)
        }
    }
}
