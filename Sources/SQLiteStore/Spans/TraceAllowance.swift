import Store
import Telemetry

/// How much of each trace is still to be read when a list shows only so many spans of one.
struct TraceAllowance: Sendable {
    /// What a block holds of the wanted traces, and the spans read.
    struct Found: Sendable {
        var counts: [TraceID: Int]
        var spans: SpanBatch?
    }

    private let spansEach: Int
    /// Spans that were there, read or not.
    private var seen: [TraceID: Int] = [:]

    init(spansEach: Int) { self.spansEach = spansEach }

    /// The rows to read, ascending.
    /// - Parameter rows: those of each trace in the next block.
    func cut(_ rows: [TraceID: [Int]]) -> [Int] {
        var wanted: [Int] = []
        for (trace, rows) in rows {
            wanted += rows.prefix(max(0, spansEach - seen[trace, default: 0]))
        }
        return wanted.sorted()
    }

    mutating func take(_ counts: [TraceID: Int]) {
        for (trace, count) in counts { seen[trace, default: 0] += count }
    }

    /// - Parameter spans: what was read of the trace.
    func bounded(_ trace: TraceID, _ spans: SpanBatch) -> BoundedTrace {
        let count = seen[trace, default: 0]
        guard count > spansEach else { return BoundedTrace(spans) }
        return BoundedTrace(spans.rows(0..<min(spansEach, spans.count)), cutFrom: count)
    }
}
