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
        let starts = SourceColumn(batches, \.starts)
        let places = places(of: traces, starts: starts.values)
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
        sortEach(&rows, ends, starts)
        return Grouped(rows: rows, traceEnds: ends)
    }

    /// The place of each trace in the order.
    private static func places(of traces: TraceIndex, starts: [Timestamp]) -> [Int] {
        var first = [Int64](repeating: .max, count: traces.distinct.count)
        for (number, start) in starts.enumerated() {
            let trace = Int(traces.ofRow[number])
            first[trace] = min(first[trace], start.nanoseconds)
        }
        let order = first.indices.sorted { a, b in
            first[a] != first[b] ? first[a] < first[b] : traces.distinct[a] < traces.distinct[b]
        }
        var places = [Int](repeating: 0, count: order.count)
        for (place, trace) in order.enumerated() { places[trace] = place }
        return places
    }

    private static func sortEach(
        _ rows: inout [SourceRow], _ ends: [Int], _ starts: SourceColumn<Timestamp>
    ) {
        var keys: [(start: Int64, row: SourceRow)] = []
        var begin = 0
        for end in ends {
            keys.removeAll(keepingCapacity: true)
            var isSorted = true
            for row in rows[begin..<end] {
                let start = starts[row].nanoseconds
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
        let suspects = RepetitionCheck.suspects(in: grouped, of: batches)
        guard !suspects.isEmpty else { return (grouped, 0) }
        var kept = SpanOrder.Grouped(rows: [], traceEnds: [])
        kept.rows.reserveCapacity(grouped.rows.count)
        kept.traceEnds.reserveCapacity(grouped.traceEnds.count)
        var replaced = 0
        var next = 0
        var begin = 0
        for (trace, end) in grouped.traceEnds.enumerated() {
            let rows = grouped.rows[begin..<end]
            if next < suspects.count, suspects[next] == trace {
                kept.rows += self.kept(rows, of: batches) { row, other in
                    if record(row, batches) != record(other, batches) { replaced += 1 }
                }
                next += 1
            } else {
                kept.rows += rows
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
        _ rows: ArraySlice<SourceRow>, of batches: [SpanBatch],
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
        return dropped.isEmpty ? Array(rows) : rows.filter { !dropped.contains($0) }
    }

    private static func rank(_ row: SourceRow, _ batches: [SpanBatch]) -> (Int, Int, Int) {
        let batch = batches[row.source]
        return (batch.detailCount(row.row), row.source, row.row)
    }
}

/// Finds the traces that may have a span twice. Spans hardly ever repeat, so that a word for each is all
/// that most seals need.
private struct RepetitionCheck {
    private var slots: [UInt64] = []

    /// The places of traces with two rows that may have the same span id and kind; the others certainly
    /// have none.
    static func suspects(in grouped: SpanOrder.Grouped, of batches: [SpanBatch]) -> [Int] {
        let spans = SourceColumn(batches, \.spanIDs)
        let kinds = SourceColumn(batches, \.kinds)
        var check = RepetitionCheck()
        var suspects: [Int] = []
        var begin = 0
        for (trace, end) in grouped.traceEnds.enumerated() {
            if end &- begin > 1, check.mayRepeat(grouped.rows[begin..<end], spans, kinds) {
                suspects.append(trace)
            }
            begin = end
        }
        return suspects
    }

    private mutating func mayRepeat(
        _ rows: ArraySlice<SourceRow>, _ spans: SourceColumn<SpanID>,
        _ kinds: SourceColumn<SpanKind>
    ) -> Bool {
        var size = 16
        while size < rows.count * 2 { size *= 2 }
        if slots.count < size { slots = [UInt64](repeating: 0, count: size) }
        return slots.withUnsafeMutableBufferPointer { slots in
            for slot in 0..<size { slots[slot] = 0 }
            let mask = size &- 1
            for row in rows {
                // The kind is spread over bits that ids, being random, do not repeat in.
                let kind = UInt64(kinds[row].rawValue)
                let key = spans[row].value ^ kind &* 0x9E37_79B9_7F4A_7C15
                if key == 0 { return true }
                var slot = Int(truncatingIfNeeded: (key &* 0xD6E8_FEB8_6659_FD93) >> 32) & mask
                while slots[slot] != 0 {
                    if slots[slot] == key { return true }
                    slot = (slot &+ 1) & mask
                }
                slots[slot] = key
            }
            return false
        }
    }
}

/// A column of several batches, one after the other: looking at it row by row counts no references.
private struct SourceColumn<Element> {
    private(set) var values: [Element] = []
    private var starts: [Int] = []

    init(_ batches: [SpanBatch], _ column: (SpanBatch) -> [Element]) {
        values.reserveCapacity(batches.reduce(0) { $0 + $1.count })
        for batch in batches {
            starts.append(values.count)
            values += column(batch)
        }
    }

    @inline(__always)
    subscript(row: SourceRow) -> Element { values[starts[row.source] &+ row.row] }
}
