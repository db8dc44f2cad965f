import QueryCore
import Store
import Telemetry

/// Keeps the first `limit` lines in the order of a direction, of lines that come in any order.
struct LineCollector: LineConsumer {
    private struct Found {
        var entry: LogEntry
        var labels: Labels
        /// What `context` was told for it.
        var heldSamples: Int
    }

    private let limit: Int
    private let direction: ScanDirection
    private let context: QueryContext
    /// The first `sortedCount` are in order and at most `limit`.
    private var found: [Found] = []
    private var sortedCount = 0
    /// Of all that is found.
    private var heldSamples = 0

    init(limit: Int, direction: ScanDirection, context: QueryContext) {
        self.limit = limit
        self.direction = direction
        self.context = context
    }

    /// Whether a line of that time could still be among the first: of lines of one time those that came
    /// earlier win.
    func wants(_ time: Timestamp) -> Bool {
        sortedCount < limit || precedes(time, found[limit - 1].entry.time)
    }

    mutating func take(
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) throws(QueryError) {
        var entry = LogEntry(
            time: batch.times[row], line: [], traceID: batch.traceIDs[row],
            spanID: batch.spanIDs[row],
            severity: RecordSeverity.withText(batch, row: row) {
                String(decoding: $0, as: UTF8.self)
            })
        entry.line.reserveCapacity(labels.lineByteCount)
        LogLine.append(batch, row: row, to: &entry.line)
        let labels = labels.all
        let size = 2 + (entry.line.count + labels.bytes.count) / 64
        heldSamples += size
        try context.hold(samples: size)
        found.append(Found(entry: entry, labels: labels, heldSamples: size))
        if found.count / 2 >= limit { sort() }
    }

    /// Whether lines at `bound` or beyond it cannot change the result.
    mutating func isComplete(whenRestIsBeyond bound: Timestamp) -> Bool {
        guard found.count >= limit else { return false }
        sort()
        return !precedes(bound, found[limit - 1].entry.time)
    }

    private func precedes(_ a: Timestamp, _ b: Timestamp) -> Bool {
        direction == .newestFirst ? a > b : a < b
    }

    /// Stable, by time; drops what is beyond the limit.
    private mutating func sort() {
        guard sortedCount < found.count else { return }
        let order = found.indices.sorted { a, b in
            let (first, second) = (found[a].entry.time, found[b].entry.time)
            return first == second ? a < b : precedes(first, second)
        }
        let surplus = order.dropFirst(limit).reduce(0) { $0 + found[$1].heldSamples }
        context.release(samples: surplus)
        heldSamples -= surplus
        found = order.prefix(limit).map { found[$0] }
        sortedCount = found.count
    }

    func release() { context.release(samples: heldSamples) }

    mutating func results() -> [LogStreamResult] {
        sort()
        var streams: [LogStreamResult] = []
        var indices: [Labels: Int] = [:]
        for item in found {
            if let index = indices[item.labels] {
                streams[index].entries.append(item.entry)
            } else {
                indices[item.labels] = streams.count
                streams.append(LogStreamResult(labels: item.labels, entries: [item.entry]))
            }
        }
        return streams.sorted { $0.labels.comesBefore($1.labels) }
    }
}
