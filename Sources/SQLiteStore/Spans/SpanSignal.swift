import ColumnEncoding
import Store
import Telemetry

/// Spans as a block signal: grouped by trace on disk, found by trace id and by service and operation.
enum SpanSignal: BlockSignal {
    static let name = "traces"

    static func count(_ batch: SpanBatch) -> Int { batch.count }

    static func memoryBytes(_ batch: SpanBatch) -> Int {
        // 86 bytes of fixed columns a span, 13 a cell; the string table holds bytes, ends, hashes, slots.
        batch.count * 86 + (batch.attributes.count + batch.events.attributes.count) * 13
            + batch.events.count * 20 + batch.links.count * 40 + batch.strings.byteCount
            + batch.strings.count * 24 + 1_024
    }

    static func timeBounds(_ batch: SpanBatch) -> ClosedRange<Timestamp> {
        var first = batch.starts[0]
        var last = first
        for start in batch.starts {
            first = min(first, start)
            last = max(last, start)
        }
        return first...last
    }

    static func encode(_ batch: SpanBatch, effort: EncodingEffort) -> [UInt8] {
        SpanBatchCodec.encode(batch, effort: effort)
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) throws(ColumnDecodeError) -> SpanBatch {
        try SpanBatchCodec.decode(bytes)
    }

    static func filterKeys(_ batch: SpanBatch) -> [UInt64] {
        batch.traceIDs.map(filterKey)
    }

    static func filterKey(_ id: TraceID) -> UInt64 { FuseFilter.key(id) }

    static func summary(_ batch: SpanBatch) -> [[UInt8]] {
        let services = (0..<batch.shared.resources.count).map {
            batch.resource(at: UInt32($0)).serviceName
        }
        var seen = Set<UInt64>()
        var entries: [[UInt8]] = []
        for row in 0..<batch.count {
            let key =
                UInt64(batch.resourceIndices[row]) << 40 | UInt64(batch.names[row]) << 8
                | UInt64(batch.kinds[row].rawValue)
            guard seen.insert(key).inserted else { continue }
            entries.append(
                SpanSummary(
                    service: services[Int(batch.resourceIndices[row])],
                    name: batch.strings[batch.names[row]], kind: batch.kinds[row]
                ).encoded)
        }
        return Array(Set(entries))
    }

    static func index(_ batch: SpanBatch) -> SpanBlockIndex? { SpanBlockIndex(batch) }

    /// Traces in order of their first span, spans of a trace by start: what a trace's page reads is
    /// together, and blocks stay narrow in time. A trace is not cut between blocks unless it alone
    /// exceeds `rowsMax`.
    static func arrange(_ batches: [SpanBatch], rowsMax: Int) -> [SpanBatch] {
        var merger = SpanBatchMerger()
        for batch in batches { _ = merger.add(batch) }
        let rows = SpanDeduplication.kept(SpanOrder.byTrace(batches), of: batches)
        var blocks: [SpanBatch] = []
        var index = 0
        while index < rows.count {
            let trace = batches[rows[index].source].traceIDs[rows[index].row]
            var end = index
            while end < rows.count, batches[rows[end].source].traceIDs[rows[end].row] == trace {
                end += 1
            }
            if merger.count > 0, merger.count + (end - index) > rowsMax {
                blocks.append(merger.take())
            }
            for position in index..<end {
                merger.append(row: rows[position].row, of: rows[position].source)
                if merger.count >= rowsMax { blocks.append(merger.take()) }
            }
            index = end
        }
        if merger.count > 0 { blocks.append(merger.take()) }
        return blocks
    }
}

/// A row of one of several batches.
struct SourceRow: Hashable {
    var source: Int
    var row: Int
}

/// The order of rows in a block of spans.
enum SpanOrder {
    private struct Key {
        var traceStart: Int64
        var trace: TraceID
        var start: Int64
        var row: SourceRow
    }

    static func byTrace(_ batches: [SpanBatch]) -> [SourceRow] {
        var firstStart: [TraceID: Int64] = [:]
        for batch in batches {
            for row in 0..<batch.count {
                let start = batch.starts[row].nanoseconds
                firstStart[batch.traceIDs[row], default: .max] = min(
                    start, firstStart[batch.traceIDs[row], default: .max])
            }
        }
        var keys: [Key] = []
        keys.reserveCapacity(batches.reduce(0) { $0 + $1.count })
        for (source, batch) in batches.enumerated() {
            for row in 0..<batch.count {
                keys.append(
                    Key(
                        traceStart: firstStart[batch.traceIDs[row], default: 0],
                        trace: batch.traceIDs[row], start: batch.starts[row].nanoseconds,
                        row: SourceRow(source: source, row: row)))
            }
        }
        keys.sort { a, b in
            if a.traceStart != b.traceStart { return a.traceStart < b.traceStart }
            if a.trace != b.trace { return a.trace < b.trace }
            if a.start != b.start { return a.start < b.start }
            return (a.row.source, a.row.row) < (b.row.source, b.row.row)
        }
        return keys.map(\.row)
    }
}

/// Collapses spans with equal (trace, span, kind): the one with more attributes, events and links is
/// kept; of equally complete ones the latest written (the higher source, then the higher row).
enum SpanDeduplication {
    private struct Identity: Hashable {
        var trace: TraceID
        var span: SpanID
        var kind: SpanKind
    }

    /// - Parameter rows: sorted so that the rows of a trace stand together; the order is kept.
    static func kept(_ rows: [SourceRow], of batches: [SpanBatch]) -> [SourceRow] {
        var dropped = Set<SourceRow>()
        var index = 0
        while index < rows.count {
            let trace = batches[rows[index].source].traceIDs[rows[index].row]
            var end = index + 1
            while end < rows.count, batches[rows[end].source].traceIDs[rows[end].row] == trace {
                end += 1
            }
            if end - index > 1 { collapse(rows[index..<end], of: batches, into: &dropped) }
            index = end
        }
        return dropped.isEmpty ? rows : rows.filter { !dropped.contains($0) }
    }

    private static func collapse(
        _ rows: ArraySlice<SourceRow>, of batches: [SpanBatch], into dropped: inout Set<SourceRow>
    ) {
        var best: [Identity: SourceRow] = [:]
        best.reserveCapacity(rows.count)
        for row in rows {
            let batch = batches[row.source]
            let identity = Identity(
                trace: batch.traceIDs[row.row], span: batch.spanIDs[row.row],
                kind: batch.kinds[row.row])
            guard let other = best[identity] else {
                best[identity] = row
                continue
            }
            let isBetter = rank(row, batches) >= rank(other, batches)
            dropped.insert(isBetter ? other : row)
            if isBetter { best[identity] = row }
        }
    }

    private static func rank(_ row: SourceRow, _ batches: [SpanBatch]) -> (Int, Int, Int) {
        let batch = batches[row.source]
        return (
            batch.attributeRange(row.row).count + batch.eventRange(row.row).count
                + batch.linkRange(row.row).count, row.source, row.row
        )
    }
}

/// Service, operation and kind: what a block of spans is known by in memory.
struct SpanSummary: Hashable {
    var service: String
    var name: String
    var kind: SpanKind

    init(service: String, name: String, kind: SpanKind) {
        self.service = service
        self.name = name
        self.kind = kind
    }

    /// kind u8 │ varint service length │ service │ name
    var encoded: [UInt8] {
        var bytes = [kind.rawValue]
        Varint.append(UInt64(service.utf8.count), to: &bytes)
        bytes.append(contentsOf: service.utf8)
        bytes.append(contentsOf: name.utf8)
        return bytes
    }

    init?(encoded bytes: UnsafeRawBufferPointer) {
        var offset = 1
        guard !bytes.isEmpty, let kind = SpanKind(rawValue: bytes[0]),
            let length = Varint.read(bytes, &offset), length <= bytes.count - offset
        else { return nil }
        self.kind = kind
        let split = offset + Int(length)
        service = String(decoding: bytes[offset..<split], as: UTF8.self)
        name = String(decoding: bytes[split...], as: UTF8.self)
    }
}
