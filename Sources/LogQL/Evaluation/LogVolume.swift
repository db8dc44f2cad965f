import QueryCore
import Store
import Telemetry

/// How much there is of the streams that a selector takes.
package struct LogStatistics: Sendable, Hashable {
    package var streams: Int
    package var entries: Int
    package var bytes: Int
}

extension LogQLEngine {
    /// Counts streams, lines and bytes of lines.
    package func statistics(
        _ matchers: [LabelMatcher], start: Timestamp, end: Timestamp,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> LogStatistics {
        let volumes = try volume(
            matchers, by: nil, start: start, end: end, context: context)
        return LogStatistics(
            streams: volumes.count, entries: volumes.reduce(0) { $0 + $1.entries },
            bytes: volumes.reduce(0) { $0 + $1.bytes })
    }

    /// Lines and their bytes by stream, or by some labels of it; the largest first.
    /// - Parameter names: labels to count by; `nil` counts by all.
    package func volume(
        _ matchers: [LabelMatcher], by names: [String]?, start: Timestamp, end: Timestamp,
        context: QueryContext = QueryContext()
    ) throws(QueryError) -> [LogVolume] {
        let condition = try StreamCondition(matchers)
        let predicate = LogPredicate(stream: { condition.accepts($0) })
        let grouping = names.map { LabelGrouping(.by($0)) }
        let range = TimeRange(start: start, end: end)
        guard !range.isEmpty else { return [] }
        var volumes: [Labels: LogVolume] = [:]
        var failure: QueryError?
        do throws(StoreError) {
            try store.scanLogFields(
                LogFieldRequest([], lineByteCounts: true), predicate, in: range,
                direction: .oldestFirst
            ) { part, _ in
                do throws(QueryError) {
                    try context.check()
                } catch {
                    failure = error
                    return .stop
                }
                switch part {
                case .rows(let batch):
                    Self.count(batch, by: grouping, into: &volumes)
                case .columns(let fields, let isAccepted):
                    guard let sizes = fields.lineByteCounts else { return .askForRows }
                    Self.count(fields, sizes, isAccepted, in: range, by: grouping, into: &volumes)
                }
                return .goOn
            }
        } catch {
            throw QueryError(error)
        }
        if let failure { throw failure }
        return volumes.values.sorted {
            $0.bytes == $1.bytes ? $0.labels.comesBefore($1.labels) : $0.bytes > $1.bytes
        }
    }

    private static func count(
        _ batch: LogBatch, by grouping: LabelGrouping?, into volumes: inout [Labels: LogVolume]
    ) {
        var entries = [Int](repeating: 0, count: batch.shared.resources.count)
        var bytes = entries
        for (row, size) in LogLine.byteCounts(of: batch).enumerated() {
            entries[Int(batch.resourceIndices[row])] += 1
            bytes[Int(batch.resourceIndices[row])] += Int(size)
        }
        for resource in entries.indices where entries[resource] > 0 {
            let stream = LogStream.labels(of: batch.resource(at: UInt32(resource)))
            add(entries[resource], bytes[resource], of: stream, by: grouping, to: &volumes)
        }
    }

    private static func count(
        _ batch: LogFieldBatch, _ sizes: [UInt32], _ isAccepted: [Bool], in range: TimeRange,
        by grouping: LabelGrouping?, into volumes: inout [Labels: LogVolume]
    ) {
        var entries = [Int](repeating: 0, count: batch.streams.count)
        var bytes = entries
        let (start, end) = (range.start.nanoseconds, range.end.nanoseconds)
        for row in 0..<batch.count where start <= batch.times[row] && batch.times[row] < end {
            entries[Int(batch.resourceIndices[row])] += 1
            bytes[Int(batch.resourceIndices[row])] += Int(sizes[row])
        }
        for (index, stream) in batch.streams.enumerated()
        where isAccepted[index] && entries[index] > 0 {
            add(entries[index], bytes[index], of: stream, by: grouping, to: &volumes)
        }
    }

    private static func add(
        _ entries: Int, _ bytes: Int, of stream: Labels, by grouping: LabelGrouping?,
        to volumes: inout [Labels: LogVolume]
    ) {
        let key = grouping.map { $0.key(of: stream) } ?? stream
        volumes[key, default: LogVolume(labels: key)].entries += entries
        volumes[key, default: LogVolume(labels: key)].bytes += bytes
    }
}

/// Lines of one stream, or of several with some labels in common.
package struct LogVolume: Sendable, Hashable {
    package var labels: Labels
    package var entries = 0
    package var bytes = 0

    package init(labels: Labels) { self.labels = labels }
}
