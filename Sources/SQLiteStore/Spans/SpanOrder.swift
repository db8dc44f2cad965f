import ColumnEncoding
import Store
import Telemetry

/// The order of rows in a block of spans.
enum SpanOrder {
    /// Rows of several batches, those of a trace together.
    struct Grouped {
        var rows: [SourceRow]
        /// Where the rows of each trace end.
        var traceEnds: [Int]
    }

    /// Traces in order of their first span (then by id), spans of a trace by start, then in order of
    /// sources and rows.
    static func byTrace(_ batches: [SpanBatch]) -> Grouped {
        let traces = TraceIndex(batches.flatMap(\.traceIDs))
        let places = places(of: traces, starts: batches.map(\.starts))
        var ends = [Int](repeating: 0, count: traces.distinct.count)
        for trace in traces.ofRow { ends[places[Int(trace)]] += 1 }
        var total = 0
        for place in ends.indices {
            let count = ends[place]
            ends[place] = total
            total += count
        }
        // `ends` are starts until every row has moved its trace's one by one.
        var rows = [SourceRow](
            repeating: SourceRow(source: 0, row: 0), count: traces.ofRow.count)
        var number = 0
        for (source, batch) in batches.enumerated() {
            for row in 0..<batch.count {
                let place = places[Int(traces.ofRow[number])]
                rows[ends[place]] = SourceRow(source: source, row: row)
                ends[place] += 1
                number += 1
            }
        }
        sortEach(&rows, ends, batches)
        return Grouped(rows: rows, traceEnds: ends)
    }

    /// The place of each trace in the order.
    private static func places(of traces: TraceIndex, starts: [[Timestamp]]) -> [Int] {
        var first = [Int64](repeating: .max, count: traces.distinct.count)
        var number = 0
        for column in starts {
            for start in column {
                let trace = Int(traces.ofRow[number])
                first[trace] = min(first[trace], start.nanoseconds)
                number += 1
            }
        }
        let order = first.indices.sorted { a, b in
            first[a] != first[b] ? first[a] < first[b] : traces.distinct[a] < traces.distinct[b]
        }
        var places = [Int](repeating: 0, count: order.count)
        for (place, trace) in order.enumerated() { places[trace] = place }
        return places
    }

    private static func sortEach(
        _ rows: inout [SourceRow], _ ends: [Int], _ batches: [SpanBatch]
    ) {
        var keys: [(start: Int64, row: SourceRow)] = []
        var begin = 0
        for end in ends {
            keys.removeAll(keepingCapacity: true)
            var isSorted = true
            for row in rows[begin..<end] {
                let start = batches[row.source].starts[row.row].nanoseconds
                if let last = keys.last { isSorted = isSorted && last.start <= start }
                keys.append((start, row))
            }
            if !isSorted {
                // Stable: of equal starts, in order of sources and rows.
                keys.sort { $0.start < $1.start }
                for (offset, key) in keys.enumerated() { rows[begin + offset] = key.row }
            }
            begin = end
        }
    }
}

/// Collapses spans with equal (trace, span, kind): the one that tells more (`SpanBatch.detailCount`) is
/// kept; of equally complete ones the latest written (the higher source, then the higher row).
enum SpanDeduplication {
    private struct Identity: Hashable {
        var span: SpanID
        var kind: SpanKind
    }

    /// The rows of each trace without those that a more complete one stands for, in their order, and how many
    /// of those that are left out say something else than what stands for them.
    static func kept(
        _ grouped: SpanOrder.Grouped, of batches: [SpanBatch]
    ) -> (SpanOrder.Grouped, replaced: Int) {
        guard mayRepeat(grouped.rows, batches) else { return (grouped, 0) }
        var kept = SpanOrder.Grouped(rows: [], traceEnds: [])
        var replaced = 0
        var begin = 0
        for end in grouped.traceEnds {
            kept.rows += self.kept(Array(grouped.rows[begin..<end]), of: batches) { row, other in
                if record(row, batches) != record(other, batches) { replaced += 1 }
            }
            kept.traceEnds.append(kept.rows.count)
            begin = end
        }
        return (kept, replaced)
    }

    /// All that a span says, but for what sampling wrote on it here.
    private static func record(_ row: SourceRow, _ batches: [SpanBatch]) -> SpanRecord {
        var span = batches[row.source].span(at: row.row)
        span.attributes.removeAll { $0.key == SpanBatch.adjustedCountKey }
        return span
    }

    /// The given rows of one trace without those that a more complete one stands for.
    /// - Parameter replacing: is shown each row that is left out and the one that stands for it.
    static func kept(
        _ rows: [SourceRow], of batches: [SpanBatch],
        replacing: (SourceRow, SourceRow) -> Void = { _, _ in }
    ) -> [SourceRow] {
        var dropped = Set<SourceRow>()
        var best: [Identity: SourceRow] = [:]
        best.reserveCapacity(rows.count)
        for row in rows {
            let batch = batches[row.source]
            let identity = Identity(
                span: batch.spanIDs[row.row], kind: batch.kinds[row.row])
            guard let other = best[identity] else {
                best[identity] = row
                continue
            }
            let isBetter = rank(row, batches) >= rank(other, batches)
            dropped.insert(isBetter ? other : row)
            replacing(isBetter ? other : row, isBetter ? row : other)
            if isBetter { best[identity] = row }
        }
        return dropped.isEmpty ? rows : rows.filter { !dropped.contains($0) }
    }

    private static func rank(_ row: SourceRow, _ batches: [SpanBatch]) -> (Int, Int, Int) {
        let batch = batches[row.source]
        return (batch.detailCount(row.row), row.source, row.row)
    }

    /// Whether two rows may have the same span id and kind: false for certain. Spans hardly ever repeat,
    /// so that a bit for each hash is all that most seals need.
    private static func mayRepeat(_ rows: [SourceRow], _ batches: [SpanBatch]) -> Bool {
        var size = 64
        while size < rows.count * 2 { size *= 2 }
        let mask = size - 1
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: size) { slots in
            slots.initialize(repeating: 0)
            for batch in batches {
                for row in 0..<batch.count {
                    // The kind is spread over bits that ids, being random, do not repeat in.
                    let key =
                        batch.spanIDs[row].value ^ UInt64(batch.kinds[row].rawValue)
                        &* 0x9E37_79B9_7F4A_7C15
                    if key == 0 { return true }
                    var slot = Int(truncatingIfNeeded: key &* 0xD6E8_FEB8_6659_FD93 >> 20) & mask
                    while slots[slot] != 0 {
                        if slots[slot] == key { return true }
                        slot = (slot &+ 1) & mask
                    }
                    slots[slot] = key
                }
            }
            return false
        }
    }
}
