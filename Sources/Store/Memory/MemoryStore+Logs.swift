import Synchronization
import Telemetry

extension MemoryStore: LogStore {
    /// Rows handed to a visitor at once: few, so that tests see several visits.
    private static let visitRows = 64

    package func append(
        logs batch: LogBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        append(digest, completion) { $0.logs.append(batch) }
    }

    package func scanLogs(
        _ predicate: LogPredicate, in range: TimeRange, direction: ScanDirection,
        visit: (_ matches: LogBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        let found = matches(predicate, range)
        // Stable by time; records of one time stay in the order of arrival, or in its reverse.
        var order = (0..<found.count).sorted {
            found.times[$0] != found.times[$1] ? found.times[$0] < found.times[$1] : $0 < $1
        }
        if direction == .newestFirst { order.reverse() }
        for first in stride(from: 0, to: order.count, by: Self.visitRows) {
            let rows = order[first..<min(first + Self.visitRows, order.count)]
            guard visit(found.rows(rows), found.times[rows[rows.endIndex - 1]]) else { return }
        }
    }

    package func logStreams(
        _ predicate: LogPredicate, in range: TimeRange
    ) throws(StoreError) -> [Labels] {
        let found = matches(predicate, range)
        var streams: Set<Labels> = []
        for row in 0..<found.count {
            streams.insert(LogStream.labels(of: found.resource(at: found.resourceIndices[row])))
        }
        return streams.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    }

    /// In the order of arrival.
    private func matches(_ predicate: LogPredicate, _ range: TimeRange) -> LogBatch {
        let batches = state.withLock { $0.logs }
        var merger = LogBatchMerger()
        for batch in batches {
            let source = merger.add(batch)
            for row in 0..<batch.count where accepts(batch, row, predicate, range) {
                merger.append(row: row, of: source)
            }
        }
        return merger.take()
    }

    private func accepts(
        _ batch: LogBatch, _ row: Int, _ predicate: LogPredicate, _ range: TimeRange
    ) -> Bool {
        guard range.contains(batch.times[row]) else { return false }
        if let trace = predicate.traceID, batch.traceIDs[row] != trace { return false }
        guard let stream = predicate.stream else { return true }
        return stream(LogStream.labels(of: batch.resource(at: batch.resourceIndices[row])))
    }
}
