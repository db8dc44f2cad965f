import QueryCore
import WireFormats

/// The block `stats` of answers: what Grafana shows beside a result.
struct LokiStats: Sendable {
    /// Seconds.
    var duration: Double
    var linesRead: Int
    /// Of the text that was looked at: filters on stored fields look at none.
    var bytesRead: Int

    init(_ context: QueryContext, since start: Int64, until end: Int64) {
        duration = Double(max(0, end - start)) / 1e9
        linesRead = context.readItemCount
        bytesRead = context.readByteCount
    }

    func write(entries: Int, to writer: inout JSONWriter) {
        let perSecond = duration > 0 ? 1 / duration : 0
        writer.objectField("stats") { stats in
            stats.objectField("summary") {
                $0.field("bytesProcessedPerSecond", Int64(Double(bytesRead) * perSecond))
                $0.field("linesProcessedPerSecond", Int64(Double(linesRead) * perSecond))
                $0.field("totalBytesProcessed", bytesRead)
                $0.field("totalLinesProcessed", linesRead)
                $0.field("execTime", duration)
                $0.field("queueTime", 0)
                $0.field("subqueries", 0)
                $0.field("totalEntriesReturned", entries)
                $0.field("splits", 0)
                $0.field("shards", 0)
            }
        }
    }
}
