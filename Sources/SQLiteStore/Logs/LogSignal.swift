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
    static func arrange(_ batches: [LogBatch], rowsMax: Int) -> [LogBatch] {
        struct Key {
            var time: Int64
            var row: SourceRow
        }
        var merger = LogBatchMerger()
        var keys: [Key] = []
        keys.reserveCapacity(batches.reduce(0) { $0 + $1.count })
        for (source, batch) in batches.enumerated() {
            _ = merger.add(batch)
            for row in 0..<batch.count {
                keys.append(
                    Key(
                        time: batch.times[row].nanoseconds, row: SourceRow(source: source, row: row)
                    )
                )
            }
        }
        keys.sort { a, b in
            a.time != b.time
                ? a.time < b.time : (a.row.source, a.row.row) < (b.row.source, b.row.row)
        }
        var blocks: [LogBatch] = []
        for key in keys {
            merger.append(row: key.row.row, of: key.row.source)
            if merger.count >= rowsMax { blocks.append(merger.take()) }
        }
        if merger.count > 0 { blocks.append(merger.take()) }
        return blocks
    }
}
