import ColumnEncoding
import Store
import Telemetry

/// Log records as a block signal: by time on disk, found by stream labels and trace id.
enum LogSignal: BlockSignal {
    static let name = "logs"

    static func count(_ batch: LogBatch) -> Int { batch.count }

    static func memoryBytes(_ batch: LogBatch) -> Int {
        batch.count * 84 + batch.attributes.count * 13 + batch.strings.byteCount
            + batch.strings.count * 24 + 1_024
    }

    static func timeBounds(_ batch: LogBatch) -> ClosedRange<Timestamp> {
        var first = batch.times[0]
        var last = first
        for time in batch.times {
            first = min(first, time)
            last = max(last, time)
        }
        return first...last
    }

    static func encode(_ batch: LogBatch, effort: EncodingEffort) -> [UInt8] {
        LogBatchCodec.encode(batch, effort: effort)
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) throws(ColumnDecodeError) -> LogBatch {
        try LogBatchCodec.decode(bytes)
    }

    static func filterKeys(_ batch: LogBatch) -> [UInt64] {
        batch.traceIDs.lazy.filter(\.isValid).map { FuseFilter.key($0) }
            + LogIdentifierKeys.all(of: batch)
    }

    /// The label sets of the streams.
    static func summary(_ batch: LogBatch) -> [[UInt8]] {
        var used = [Bool](repeating: false, count: batch.shared.resources.count)
        for index in batch.resourceIndices { used[Int(index)] = true }
        let labels = used.indices.filter { used[$0] }.map {
            LogStream.labels(of: batch.resource(at: UInt32($0))).bytes
        }
        return Array(Set(labels))
    }

    /// Lines by time; equal times keep their order of arrival. Never collapsed.
    static func arrange(_ batches: [LogBatch], rowsMax: Int, _ body: (LogBatch) -> Void) -> Int {
        let rows = RowOrder.byTime(batches.map(\.times))
        var gatherer = LogBatchGatherer(batches)
        for start in stride(from: 0, to: rows.count, by: rowsMax) {
            body(gatherer.batch(rows[start..<min(start + rowsMax, rows.count)]))
        }
        return 0
    }
}
