import ColumnEncoding
import Foundation
import GRDB
import Store
import Synchronization
import Telemetry

extension MetricEngine {
    /// Rewrites the blocks that hold what is to be deleted; nothing is left to be cleaned up later. Series
    /// without samples stay in lists of labels until their day ends.
    func deleteSeries(
        matchingAny sets: [[LabelMatcher]], in range: ClosedRange<Int64>
    ) throws(StoreError) {
        var prepared: [[PreparedMatcher]] = []
        for matchers in sets { prepared.append(try MetricEngine.prepare(matchers)) }
        let first = UTCDay(containingMilliseconds: range.lowerBound)
        let last = UTCDay(containingMilliseconds: range.upperBound)
        let days = daysKept.filter { first <= $0 && $0 <= last }
        for day in days where !partitions.contains(day) {
            let index = try load(day).series.index
            guard MetricEngine.numbers(prepared, index).isEmpty else {
                throw .unsupported(
                    reason: "of samples of \(day.name) only summaries are left, which cannot be"
                        + " deleted series by series; choose a later start")
            }
        }
        try seal()
        for day in partitions.days where first <= day && day <= last {
            try delete(prepared, in: range, on: day)
        }
        listings.removeAll()
        selections.removeAll()
    }

    private static func numbers(
        _ sets: [[PreparedMatcher]], _ index: SeriesIndex
    ) -> Set<UInt32> {
        var numbers: Set<UInt32> = []
        for matchers in sets { numbers.formUnion(index.match(matchers)) }
        return numbers
    }

    private func delete(
        _ sets: [[PreparedMatcher]], in range: ClosedRange<Int64>, on day: UTCDay
    ) throws(StoreError) {
        try partitionLock.withLock { _ throws(StoreError) in
            var content = try loadSamplesHoldingLock(day)
            let wanted = MetricEngine.numbers(sets, content.series.index)
            var changes: [(old: MetricBlockInfo, new: NewMetricBlock?)] = []
            for info in content.blocks where info.overlaps(range) {
                guard let rest = try without(wanted, in: range, info) else { continue }
                changes.append((info, rest.sampleCount == 0 ? nil : MetricEngine.like(info, rest)))
            }
            // Summaries of what is deleted are none; the day is summed up again.
            for files in rollups where !changes.isEmpty { try files.invalidate(day) }
            let ids = try content.partition.write { db in
                try MetricTables.deleteExtras(in: range, db) { labels in
                    sets.contains { MetricEngine.accepts($0, labels) }
                }
                try MetricTables.supersede(changes.map(\.old.id), db)
                return try changes.map { try $0.new.map { try MetricTables.insert($0, db) } }
            }
            if changes.isEmpty { return }
            let old = Set(changes.map(\.old.id))
            content.blocks.removeAll { old.contains($0.id) }
            for (id, change) in zip(ids, changes) {
                guard let id, let block = change.new else { continue }
                content.blocks.append(
                    MetricBlockInfo(
                        id: id, partition: content.partition, part: block.part, tier: block.tier,
                        samples: block.samples, times: block.times, series: block.series))
            }
            content.blocks.sort {
                ($0.part, $0.series.lowerBound) < ($1.part, $1.series.lowerBound)
            }
            content.rollups = []
            readers.forget(changes.map(\.old))
            state.withLock { state in
                state.days[day] = content
                state.rollups.isDone.remove(day)
                state.rollups.due[day] = nil
                state.retired += changes.map { (generation: state.generation, block: $0.old) }
                state.generation += 1
            }
        }
    }

    private static func like(_ info: MetricBlockInfo, _ block: SeriesBlock) -> NewMetricBlock {
        NewMetricBlock(block, part: info.part, tier: info.tier, effort: .compacted)
    }

    /// What is left of a block; `nil` if nothing of it goes.
    private func without(
        _ wanted: Set<UInt32>, in range: ClosedRange<Int64>, _ info: MetricBlockInfo
    ) throws(StoreError) -> SeriesBlock? {
        guard wanted.contains(where: info.series.contains) else { return nil }
        guard let reader = try open(info), try readSamples(of: reader, info) else {
            throw .damaged(
                path: "\(info.partition.path)#\(info.id)", reason: "cannot be rewritten")
        }
        var scratch = SeriesScratch()
        var rest = SeriesBlock()
        var isChanged = false
        for chunk in 0..<reader.chunkCount {
            guard try decode(chunk, of: reader, info, &scratch) else {
                throw .damaged(
                    path: "\(info.partition.path)#\(info.id)", reason: "cannot be rewritten")
            }
            let series = reader.series(chunk)
            let isWanted = wanted.contains(series)
            var count: UInt32 = 0
            for (time, value) in zip(scratch.times, scratch.values) {
                if isWanted, range.contains(time) {
                    isChanged = true
                    continue
                }
                rest.times.append(time)
                rest.values.append(value)
                count += 1
            }
            if count == 0 { continue }
            if rest.series.last == series {
                rest.counts[rest.counts.count - 1] += count
            } else {
                rest.series.append(series)
                rest.counts.append(count)
            }
        }
        return isChanged ? rest : nil
    }
}

extension MetricTables {
    /// Deletes native histograms and exemplars.
    static func deleteExtras(
        in range: ClosedRange<Int64>, _ db: Database, of accepts: (Labels) -> Bool
    ) throws {
        let rows = try Row.fetchAll(
            db, sql: "SELECT id, body FROM extra WHERE first_time <= ? AND last_time >= ?",
            arguments: [range.upperBound, range.lowerBound])
        for row in rows {
            let body: Data = row[1]
            let batch = try body.withUnsafeBytes { try MetricBatchCodec.decode($0) }
            let isWanted = (0..<batch.seriesCount).map { accepts(batch.labels($0)) }
            guard isWanted.contains(true) else { continue }
            let rest = batch.filtered { series, time in
                !(isWanted[Int(series)] && range.contains(time))
            }
            if rest.histograms.isEmpty, rest.exemplars.isEmpty {
                try db.execute(sql: "DELETE FROM extra WHERE id = ?", arguments: [row[0] as Int64])
            } else {
                try db.execute(
                    sql: "UPDATE extra SET body = ? WHERE id = ?",
                    arguments: [
                        Data(MetricBatchCodec.encode(rest, effort: .sealed)), row[0] as Int64,
                    ])
            }
        }
    }
}
