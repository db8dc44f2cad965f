import ColumnEncoding
import Store
import Telemetry

/// Spans as a block signal: grouped by trace on disk, found by trace id and by service and operation.
enum SpanSignal: BlockSignal {
    static let name = "traces"
    static let summariesMax = 65_536

    static func count(_ batch: SpanBatch) -> Int { batch.count }

    static func memoryBytes(_ batch: SpanBatch) -> Int {
        // 86 bytes of fixed columns a span, 13 a cell; the string table holds bytes, ends and
        // two to four slots a string.
        batch.count * 86 + (batch.attributes.count + batch.events.attributes.count) * 13
            + batch.events.count * 20 + batch.links.count * 40 + batch.strings.byteCount
            + batch.strings.count * 36 + batch.shared.resources.count * 24
            + batch.shared.attributes.count * 13 + 1_024
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

    /// Rows of a trace stand together, so that this is nearly one key a trace.
    static func filterKeys(_ batch: SpanBatch) -> [UInt64] {
        var keys: [UInt64] = []
        var last: UInt64?
        for id in batch.traceIDs {
            let key = filterKey(id)
            if key != last { keys.append(key) }
            last = key
        }
        return keys
    }

    static func filterKey(_ id: TraceID) -> UInt64 { FuseFilter.key(id) }

    /// Operations that a block is known by, when all fit, and those that are named when they do not: what is
    /// remembered of blocks stays small beside what they hold. The usual block has some hundred.
    static let operationsMax = 2_048
    private static let operationsNamed = 256

    /// More than `operationsMax` are told by an empty entry behind some of them.
    static func summary(_ batch: SpanBatch) -> [[UInt8]] {
        let entries = SpanOperations(batch).summaries.map(\.encoded)
        guard entries.count > operationsMax else { return entries }
        return entries.prefix(operationsNamed) + [[]]
    }

    static func index(_ batch: SpanBatch) -> SpanBlockIndex? { SpanBlockIndex(batch) }

    /// Traces in order of their first span, spans of a trace by start: what a trace's page reads is
    /// together, and blocks stay narrow in time. A trace is not cut between blocks unless it alone
    /// exceeds `rowsMax`.
    @discardableResult
    static func arrange(_ batches: [SpanBatch], rowsMax: Int, _ body: (SpanBatch) -> Void) -> Int {
        let (grouped, replaced) = SpanDeduplication.kept(SpanOrder.byTrace(batches), of: batches)
        var gatherer = SpanBatchGatherer(batches)
        var begin = 0
        var traceBegin = 0
        for end in grouped.traceEnds {
            if traceBegin > begin, end - begin > rowsMax {
                body(gatherer.batch(grouped.rows[begin..<traceBegin]))
                begin = traceBegin
            }
            while end - begin >= rowsMax {
                body(gatherer.batch(grouped.rows[begin..<(begin + rowsMax)]))
                begin += rowsMax
            }
            traceBegin = end
        }
        if begin < grouped.rows.count { body(gatherer.batch(grouped.rows[begin...])) }
        return replaced
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
