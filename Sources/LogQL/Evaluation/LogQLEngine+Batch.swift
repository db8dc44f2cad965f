import QueryCore
import Store
import Telemetry

extension LogQLEngine {
    /// The lines of one batch that satisfy a log query, the oldest first, whatever their times are.
    package static func streams(
        _ query: LogQuery, of batch: LogBatch, context: QueryContext = QueryContext()
    ) throws(QueryError) -> [LogStreamResult] {
        let condition = try StreamCondition(query.matchers)
        let isWanted = (0..<batch.shared.resources.count).contains {
            condition.accepts(LogStream.labels(of: batch.resource(at: UInt32($0))))
        }
        guard isWanted, !batch.isEmpty else { return [] }
        let store = MemoryStore { _, _ in false }
        store.append(logs: batch, digest: nil) { _ in }
        return try LogQLEngine(store: store).streams(
            query, start: Timestamp(nanoseconds: .min), end: Timestamp(nanoseconds: .max),
            limit: batch.count, direction: .oldestFirst, context: context)
    }

    /// Which rows of a batch are of streams that a log query selects, whatever its stages say: some of the
    /// first, at most `limit`.
    package static func selected(
        _ query: LogQuery, of batch: LogBatch, limit: Int
    ) throws(QueryError) -> [(labels: Labels, time: Timestamp)] {
        let condition = try StreamCondition(query.matchers)
        let streams = (0..<batch.shared.resources.count).map {
            LogStream.labels(of: batch.resource(at: UInt32($0)))
        }
        let isWanted = streams.map(condition.accepts)
        var found: [(labels: Labels, time: Timestamp)] = []
        for row in 0..<batch.count where isWanted[Int(batch.resourceIndices[row])] {
            guard found.count < limit else { break }
            found.append((streams[Int(batch.resourceIndices[row])], batch.times[row]))
        }
        return found
    }
}
