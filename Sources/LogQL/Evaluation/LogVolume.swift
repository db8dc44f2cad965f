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
        var volumes: [Labels: LogVolume] = [:]
        var failure: QueryError?
        do throws(StoreError) {
            try store.scanLogs(
                predicate, in: TimeRange(start: start, end: end), direction: .oldestFirst
            ) { batch, _ in
                do throws(QueryError) {
                    try context.check()
                } catch {
                    failure = error
                    return false
                }
                Self.count(batch, by: grouping, into: &volumes)
                return true
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
        var line: [UInt8] = []
        for row in 0..<batch.count {
            let resource = Int(batch.resourceIndices[row])
            entries[resource] += 1
            if batch.bodyTypes[row] == .string {
                let id = StringID(truncatingIfNeeded: batch.bodyPayloads[row])
                bytes[resource] += batch.strings.range(of: id).count
            } else {
                line.removeAll(keepingCapacity: true)
                LogLine.append(batch, row: row, to: &line)
                bytes[resource] += line.count
            }
        }
        for resource in entries.indices where entries[resource] > 0 {
            let stream = LogStream.labels(of: batch.resource(at: UInt32(resource)))
            let key = grouping.map { $0.key(of: stream) } ?? stream
            volumes[key, default: LogVolume(labels: key)].entries += entries[resource]
            volumes[key, default: LogVolume(labels: key)].bytes += bytes[resource]
        }
    }
}

/// Lines of one stream, or of several with some labels in common.
package struct LogVolume: Sendable, Hashable {
    package var labels: Labels
    package var entries = 0
    package var bytes = 0

    package init(labels: Labels) { self.labels = labels }
}
