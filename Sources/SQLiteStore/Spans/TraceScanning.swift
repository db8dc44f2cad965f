import ColumnEncoding
import Store
import Telemetry

/// One scan of whole traces: what the store is asked, and which traces lie in one place.
struct TraceScan: Sendable {
    typealias Snapshot = BlockStore<SpanSignal>.Snapshot

    /// Traces of a block or of the head that may be judged there, and those that have to be put together.
    struct Found: Sendable {
        var whole: [FoundSpans] = []
        var scattered: [TraceID] = []
    }

    let scan: SpanScan
    let spansEach: Int
    let snapshot: Snapshot
    /// `nil`: every trace has to be put together.
    private let directory: TraceDirectory?
    /// Keys of the traces that have spans in the head.
    private let inHead: Set<UInt64>

    init(
        _ scan: SpanScan, spansEach: Int, of store: BlockStore<SpanSignal>, _ snapshot: Snapshot
    ) throws(StoreError) {
        self.scan = scan
        self.spansEach = spansEach
        self.snapshot = snapshot
        var inHead = Set<UInt64>()
        for head in snapshot.head {
            var last: TraceID?
            for id in head.batch.traceIDs where id != last {
                inHead.insert(SpanSignal.filterKey(id))
                last = id
            }
        }
        self.inHead = inHead
        let scanned = BlockStore.blockParts(of: snapshot, scan).compactMap { part in
            if case .block(let block) = part.part { block } else { nil }
        }
        directory = try store.directories.directory(
            of: snapshot.blocks, generation: snapshot.generation, scanned: scanned,
            head: inHead
        ) { (block) throws(StoreError) in
            try store.withReader(of: block) { (reader) throws(ColumnDecodeError) in
                try reader.traceIDs().map(SpanSignal.filterKey)
            }
        }
    }

    func isScattered(_ id: TraceID) -> Bool {
        guard let directory else { return true }
        let key = SpanSignal.filterKey(id)
        switch directory.place(key) {
        case .nowhere: return false
        case .inOneBlock: return !directory.countsHead && inHead.contains(key)
        case .inSeveral: return true
        }
    }

    // MARK: Parts

    /// The traces of a block with a span that is looked for.
    func traces(
        of block: BlockInfo, _ reader: SpanBlockReader
    ) throws(ColumnDecodeError) -> Found {
        let matching = try SpanBlockMatcher.rows(scan.predicate, in: scan.range, of: block, reader)
        if matching.isEmpty { return Found() }
        var found = Found()
        var isWhole = [Bool](repeating: false, count: try reader.traceIDs().count)
        let rows = try reader.rowsByTrace(matching)
        for (number, id, count) in rows.traces {
            if count > spansEach || isScattered(id) {
                found.scattered.append(id)
            } else {
                isWhole[number] = true
            }
        }
        let wanted = rows.traceOfRow.indices.filter { isWhole[Int(rows.traceOfRow[$0])] }
        if !wanted.isEmpty {
            found.whole = [FoundSpans(try reader.batch(wanted, scan.reading(block)))]
        }
        return found
    }

    /// The same of the head: traces that no block has a part of are put together as when it is sealed.
    func tracesOfHead() -> Found {
        var ids = Set<TraceID>()
        let matcher = SpanMatcher(scan.predicate, in: scan.range)
        for head in snapshot.head {
            for row in matcher.rows(of: head) { ids.insert(head.batch.traceIDs[row]) }
        }
        var found = Found()
        found.scattered = ids.filter(isScattered)
        ids.subtract(found.scattered)
        guard !ids.isEmpty else { return found }
        let wanted = WantedTraces(ids)
        var batches: [SpanBatch] = []
        for head in snapshot.head {
            let rows = wanted.rows(of: head.batch.traceIDs).values.joined().sorted()
            if rows.count == head.batch.count {
                batches.append(head.batch)
            } else if !rows.isEmpty {
                batches.append(head.batch.rows(rows))
            }
        }
        SpanSignal.arrange(batches, rowsMax: 8_192) { found.whole.append(FoundSpans($0)) }
        return found
    }
}

extension BlockStore where Signal == SpanSignal {
    /// Each trace is handed on with the first part that it is found in.
    func scanTraces<Part: Sendable>(
        _ traces: TraceScan, _ read: @Sendable (FoundSpans) -> Part,
        _ visit: (_ part: Part, _ bound: Timestamp) -> Bool
    ) throws(StoreError) {
        var parts = Self.blockParts(of: traces.snapshot, traces.scan)
        if let last = traces.snapshot.head.map(\.bounds.upperBound).max() {
            parts.append((last, .head([])))
        }
        parts.sort { $0.last > $1.last }
        var gathered = Set<TraceID>()
        try Self.inWaves(parts) { (part) throws(StoreError) in
            let found = try self.traces(traces, of: part)
            return (whole: found.whole.map(read), scattered: found.scattered)
        } visit: { (found, own, next) throws(StoreError) in
            let fresh = found.scattered.filter { gathered.insert($0).inserted }.sorted()
            for first in stride(from: 0, to: fresh.count, by: 256) {
                let some = Array(fresh[first..<min(first + 256, fresh.count)])
                let spans = FoundSpans(try self.traces(some, spansEach: traces.spansEach))
                if !spans.rows.isEmpty, !visit(read(spans), own) { return false }
            }
            return Self.visit(found.whole, own, next, visit)
        }
    }

    private func traces(
        _ traces: TraceScan, of part: SpanPart
    ) throws(StoreError) -> TraceScan.Found {
        switch part {
        case .head: return traces.tracesOfHead()
        case .block(let block):
            return try withReader(of: block) { (reader) throws(ColumnDecodeError) in
                try traces.traces(of: block, reader)
            } ?? TraceScan.Found()
        }
    }
}
