import Synchronization
import Telemetry

/// All spans in the order of arrival.
struct MemorySpans: Sendable {
    var batches: [SpanBatch] = []

    private struct Identity: Hashable {
        var trace: TraceID
        var span: SpanID
        var kind: SpanKind
    }

    /// One batch of the spans that `isIncluded` accepts, duplicates collapsed first.
    func collapsed(where isIncluded: (SpanBatch, Int) -> Bool) -> SpanBatch {
        var kept: [Identity: (batch: Int, row: Int)] = [:]
        var order: [Identity] = []
        for (index, batch) in batches.enumerated() {
            for row in 0..<batch.count {
                let identity = Identity(
                    trace: batch.traceIDs[row], span: batch.spanIDs[row], kind: batch.kinds[row])
                guard let other = kept[identity] else {
                    kept[identity] = (index, row)
                    order.append(identity)
                    continue
                }
                if batch.detailCount(row) >= batches[other.batch].detailCount(other.row) {
                    kept[identity] = (index, row)
                }
            }
        }
        var merger = SpanBatchMerger()
        let sources = batches.map { merger.add($0) }
        for identity in order {
            if let place = kept[identity], isIncluded(batches[place.batch], place.row) {
                merger.append(row: place.row, of: sources[place.batch])
            }
        }
        return merger.take()
    }
}

extension MemoryStore: SpanStore {
    /// Rows handed to a visitor at once: few, so that tests see several visits.
    private static let visitRows = 64

    package func append(
        spans batch: SpanBatch, digest: ContentHash?, completion: @escaping AppendCompletion
    ) {
        append(digest, completion) { $0.spans.batches.append(batch) }
    }

    package func trace(_ id: TraceID) throws(StoreError) -> SpanBatch {
        let spans = state.withLock { $0.spans }
        let found = spans.collapsed { $0.traceIDs[$1] == id }
        return found.rows((0..<found.count).sorted { found.starts[$0] < found.starts[$1] })
    }

    package func scanSpans(
        _ predicate: SpanPredicate, in range: TimeRange,
        visit: (_ matches: SpanBatch, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        let found = matches(predicate, range)
        let order = (0..<found.count).sorted { found.starts[$0] > found.starts[$1] }
        for first in stride(from: 0, to: order.count, by: Self.visitRows) {
            let rows = order[first..<min(first + Self.visitRows, order.count)]
            guard visit(found.rows(rows), found.starts[rows[rows.endIndex - 1]]) else { return }
        }
    }

    package func spanValues(
        of field: SpanField, matching predicate: SpanPredicate, in range: TimeRange, limit: Int
    ) throws(StoreError) -> [String] {
        let found = matches(predicate, range)
        var values: Set<String> = []
        for row in 0..<found.count { values.formUnion(SpanFacts(found, row).values(of: field)) }
        return Array(values.sorted { Labels.precedes($0.utf8, $1.utf8) }.prefix(max(0, limit)))
    }

    private func matches(_ predicate: SpanPredicate, _ range: TimeRange) -> SpanBatch {
        let spans = state.withLock { $0.spans }
        return spans.collapsed { batch, row in
            guard range.contains(batch.starts[row]) else { return false }
            let facts = SpanFacts(batch, row)
            return predicate.conditions.allSatisfy(facts.satisfies)
        }
    }
}
