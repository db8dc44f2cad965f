import Store
import Telemetry

/// What policies look at of a trace.
struct TraceFacts {
    let trace: WholeTrace
    let statuses: Set<SpanStatus>
    /// Nanoseconds from the first start to the last end.
    let duration: Int64
    /// Spans that it stands for apart from how many traces it stands for.
    var spanCount: Int { trace.rows.count }

    init(_ trace: WholeTrace) {
        self.trace = trace
        var first = Int64.max
        var last = Int64.min
        var statuses: Set<SpanStatus> = []
        for row in trace.rows {
            let start = trace.batch.starts[row].nanoseconds
            first = min(first, start)
            let end = start.addingReportingOverflow(trace.batch.durations[row])
            last = max(last, end.overflow ? .max : end.partialValue)
            statuses.insert(trace.batch.statuses[row])
        }
        self.statuses = statuses
        let (length, overflow) = last.subtractingReportingOverflow(first)
        duration = trace.rows.isEmpty ? 0 : overflow ? .max : max(0, length)
    }

    /// The spans as a batch of their own.
    var spans: SpanBatch {
        trace.rows.count == trace.batch.count ? trace.batch : trace.batch.rows(trace.rows)
    }

    /// Whether any span, or the resource of any, has the attribute with a value that is accepted.
    func hasAttribute(_ key: String, _ accepts: (AttributeValue) -> Bool) -> Bool {
        let batch = trace.batch
        guard let id = batch.strings.id(of: key) else { return false }
        var resources: Set<UInt32> = []
        for row in trace.rows {
            for cell in batch.attributeRange(row) where batch.attributes.keys[cell] == id {
                if accepts(batch.attributes.value(at: cell, strings: batch.strings)) { return true }
            }
            guard resources.insert(batch.resourceIndices[row]).inserted else { continue }
            let resource = batch.resource(at: batch.resourceIndices[row])
            if resource.attributes.contains(where: { $0.key == key && accepts($0.value) }) {
                return true
            }
        }
        return false
    }
}
