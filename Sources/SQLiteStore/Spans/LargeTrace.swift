import ColumnEncoding
import Store
import Synchronization
import Telemetry

extension BlockStore where Signal == SpanSignal {
    /// Reads a trace piece by piece. A small one is read at once; of a large one only where each span
    /// lies is kept, 32 bytes a span, and blocks are read again when their spans' turn comes.
    func openTrace(
        _ id: TraceID, fields: SpanFields, spansAtOnce: Int
    ) throws(StoreError) -> TraceCursor {
        let held = holdSnapshot()
        var index = TraceSpanIndex()
        var fragments: [SpanBatch] = []
        for block in held.snapshot.blocks where block.filter.contains(SpanSignal.filterKey(id)) {
            let isWhole = index.count <= wholeTraceSpansMax
            let found = try withReader(of: block) {
                (reader) throws(ColumnDecodeError) -> (rows: [Int], spans: SpanBatch)? in
                let rows = try reader.rows { $0 == id }
                if rows.isEmpty { return nil }
                let columns: SpanColumns = isWhole ? .all : [.identity, .core]
                return (rows, try reader.batch(rows: rows, columns: columns))
            }
            guard let (rows, spans) = found ?? nil else { continue }
            index.add(.block(block), rows: rows, spans)
            if isWhole { fragments.append(spans) }
        }
        for head in held.snapshot.head where head.batch.traceIDs.contains(id) {
            let rows = head.batch.traceIDs.indices.filter { head.batch.traceIDs[$0] == id }
            let spans = head.batch.rows(rows)
            index.add(.head(head.batch), rows: rows, spans)
            if index.count <= wholeTraceSpansMax { fragments.append(spans) }
        }
        guard index.count > wholeTraceSpansMax else {
            return TraceCursor(Self.gather(id, from: fragments), spansAtOnce: spansAtOnce)
        }
        fragments = []
        try index.collapse { (source, rows) throws(StoreError) in
            let spans = try spans(
                rows, of: source, columns: [.times, .attributes, .events, .links])
            return (0..<spans.count).map { spans.detailCount($0) }
        }
        let reading = LargeTraceReading(
            store: self, held: held, index: index, columns: fields.columns,
            spansAtOnce: spansAtOnce)
        return TraceCursor(spanCount: index.count) { () throws(StoreError) in try reading.next() }
    }

    /// - Throws: `damaged` if the block cannot be read.
    func spans(
        _ rows: [Int], of source: TraceSpanIndex.Source, columns: SpanColumns
    ) throws(StoreError) -> SpanBatch {
        switch source {
        case .head(let batch): return batch.rows(rows)
        case .block(let block):
            let found = try withReader(of: block) { (reader) throws(ColumnDecodeError) in
                try reader.batch(rows: rows, columns: columns)
            }
            guard let found else {
                throw .damaged(
                    path: "\(block.partition.path)#\(block.id)", reason: "it was read before")
            }
            return found
        }
    }
}

/// The reading of one large trace in order of start time.
private final class LargeTraceReading: Sendable {
    private let store: BlockStore<SpanSignal>
    private let held: BlockStore<SpanSignal>.HeldSnapshot
    private let index: TraceSpanIndex
    private let columns: SpanColumns
    private let spansAtOnce: Int
    private let position = Mutex(0)

    init(
        store: BlockStore<SpanSignal>, held: BlockStore<SpanSignal>.HeldSnapshot,
        index: TraceSpanIndex, columns: SpanColumns, spansAtOnce: Int
    ) {
        self.store = store
        self.held = held
        self.index = index
        self.columns = columns
        self.spansAtOnce = spansAtOnce
    }

    func next() throws(StoreError) -> SpanBatch? {
        let range = position.withLock { position in
            let first = position
            position = min(position + spansAtOnce, index.count)
            return first..<position
        }
        if range.isEmpty { return nil }
        let entries = index.entries[range]
        var rowsOfSource: [UInt32: [Int]] = [:]
        for entry in entries { rowsOfSource[entry.source, default: []].append(Int(entry.row)) }
        var merger = SpanBatchMerger()
        var places: [UInt32: (source: Int, rows: [Int])] = [:]
        for (source, rows) in rowsOfSource {
            let sorted = rows.sorted()
            let spans = try store.spans(sorted, of: index.sources[Int(source)], columns: columns)
            // The usual case: a piece from one block, in its order.
            if rowsOfSource.count == 1, sorted == rows { return spans }
            places[source] = (merger.add(spans), sorted)
        }
        for entry in entries {
            guard let place = places[entry.source] else { continue }
            merger.append(row: Self.position(of: Int(entry.row), in: place.rows), of: place.source)
        }
        return merger.take()
    }

    /// `row` is one of `rows`, which are sorted.
    private static func position(of row: Int, in rows: [Int]) -> Int {
        var low = 0
        var high = rows.count - 1
        while low < high {
            let middle = (low + high) / 2
            if rows[middle] < row { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension TraceSpanIndex {
    /// - Parameter spans: those of `rows` of the source.
    fileprivate mutating func add(_ source: Source, rows: [Int], _ spans: SpanBatch) {
        add(
            source, rows: rows, starts: spans.starts, spans: spans.spanIDs,
            kinds: spans.kinds.map(\.rawValue))
    }
}
