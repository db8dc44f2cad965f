import QueryCore
import Store
import Telemetry

/// Keeps the first `limit` lines in the order of a direction, of lines that come in any order.
struct LineCollector: FieldConsumer {
    private struct Found {
        var entry: LogEntry
        var labels: Labels
        /// What `context` was told for it.
        var heldSamples: Int
    }

    private let limit: Int
    /// Nanoseconds that lines of the result are apart at least; 0 takes all.
    private let interval: Int64
    private let direction: ScanDirection
    private let context: QueryContext
    /// The first `sortedCount` are in order and at most `limit`.
    private var found: [Found] = []
    private var sortedCount = 0
    /// Of all that is found.
    private var heldSamples = 0
    /// Times of lines that are asked for and are certain to come, the first `limit` in order: what is
    /// beyond the last of them need not be looked at, though none has come yet.
    private var promised: [Timestamp] = []

    init(
        limit: Int, interval: Int64 = 0, direction: ScanDirection, context: QueryContext
    ) {
        self.limit = limit
        self.interval = interval
        self.direction = direction
        self.context = context
    }

    /// Whether a line of that time could still be among the first: of lines of one time those that came
    /// earlier win.
    func wants(_ time: Timestamp) -> Bool {
        interval > 0 || sortedCount < limit || precedes(time, found[limit - 1].entry.time)
    }

    mutating func take(
        _ batch: borrowing LogBatch, row: Int, labels: inout LineLabels
    ) throws(QueryError) {
        var entry = LogEntry(time: batch.times[row], line: [])
        if labels.answersToRecord(LineLabels.traceID) { entry.traceID = batch.traceIDs[row] }
        if labels.answersToRecord(LineLabels.spanID) { entry.spanID = batch.spanIDs[row] }
        if labels.answersToRecord(LineLabels.severity) {
            entry.severity = RecordSeverity.withText(batch, row: row) {
                String(decoding: $0, as: UTF8.self)
            }
        }
        if let line = labels.replacement {
            entry.line = line
        } else {
            entry.line.reserveCapacity(labels.lineByteCount)
            LogLine.append(batch, row: row, to: &entry.line)
        }
        entry.parsed = labels.parsed
        entry.metadata = labels.metadata(batch, row: row)
        let labels = labels.all
        let size =
            2 + (entry.line.count + labels.bytes.count + entry.metadata.bytes.count) / 64
        heldSamples += size
        try context.hold(samples: size)
        found.append(Found(entry: entry, labels: labels, heldSamples: size))
        if interval == 0, found.count / 2 >= limit { sort() }
    }

    /// Lines are read whole: those that may be among the first.
    mutating func take(
        _ batch: LogFieldBatch, rows: [Int32], _ plan: FieldPlan
    ) throws(QueryError) -> FieldTake {
        let isCertain = plan.isExact && interval == 0
        let last = isCertain && promised.count == limit ? promised.last : nil
        let promising = rows.filter { row in
            let time = Timestamp(nanoseconds: batch.times[Int(row)])
            return wants(time) && last.map { precedes(time, $0) } ?? true
        }
        if promising.isEmpty { return .done }
        guard isCertain else { return .needs(promising) }
        let first = first(promising, of: batch)
        promise(first.map { Timestamp(nanoseconds: batch.times[Int($0)]) })
        return .needs(first.sorted())
    }

    /// Of some rows of a batch the first `limit`.
    private func first(_ rows: [Int32], of batch: LogFieldBatch) -> [Int32] {
        guard rows.count > limit else { return rows }
        let isNewestFirst = direction == .newestFirst
        let sorted = rows.sorted { a, b in
            let (one, other) = (batch.times[Int(a)], batch.times[Int(b)])
            if one == other { return a < b }
            return isNewestFirst ? one > other : one < other
        }
        return Array(sorted.prefix(limit))
    }

    private mutating func promise(_ times: [Timestamp]) {
        promised += times
        promised.sort(by: precedes)
        if promised.count > limit { promised.removeLast(promised.count - limit) }
    }

    /// Whether lines at `bound` or beyond it cannot change the result.
    mutating func isComplete(whenRestIsBeyond bound: Timestamp) -> Bool {
        // A line of that very time may be one of those that are still to come.
        if promised.count == limit, let last = promised.last, precedes(last, bound) { return true }
        guard interval == 0, found.count >= limit else { return false }
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
        let kept = interval == 0 ? Array(order.prefix(limit)) : spread(order)
        let surplus =
            order.reduce(0) { $0 + found[$1].heldSamples }
            - kept.reduce(0) { $0 + found[$1].heldSamples }
        context.release(samples: surplus)
        heldSamples -= surplus
        found = kept.map { found[$0] }
        sortedCount = found.count
    }

    /// The first lines that are at least the interval apart.
    private func spread(_ order: [Int]) -> [Int] {
        var kept: [Int] = []
        var last: Timestamp?
        for index in order {
            let time = found[index].entry.time
            if let last, time.nanoseconds(since: last).magnitude < interval.magnitude { continue }
            kept.append(index)
            last = time
            if kept.count == limit { break }
        }
        return kept
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
