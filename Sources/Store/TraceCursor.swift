import Synchronization
import Telemetry

/// A trace that is read piece by piece, so that one of a million spans takes bounded memory.
///
/// It shows the store as it was when it was opened, and holds that on disk: let go of it soon.
package final class TraceCursor: Sendable {
    /// Of the whole trace, duplicates collapsed.
    package let spanCount: Int
    private let read: @Sendable () throws(StoreError) -> SpanBatch?

    /// - Parameter read: gives the next piece, `nil` after the last.
    package init(
        spanCount: Int, read: @escaping @Sendable () throws(StoreError) -> SpanBatch?
    ) {
        self.spanCount = spanCount
        self.read = read
    }

    /// Pieces of a trace that is in memory.
    package convenience init(_ trace: SpanBatch, spansAtOnce: Int) {
        let position = Mutex(0)
        self.init(spanCount: trace.count) { () throws(StoreError) in
            let rows = position.withLock { position in
                let first = position
                position = min(position + spansAtOnce, trace.count)
                return first..<position
            }
            if rows.isEmpty { return nil }
            return rows.count == trace.count ? trace : trace.rows(rows)
        }
    }

    /// The next spans; together they are those of `SpanStore.trace`, in that order. `nil` at the end.
    package func next() throws(StoreError) -> SpanBatch? { try read() }
}
