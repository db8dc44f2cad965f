import Telemetry
import WireFormats

/// What waits to be encoded and sent, of one signal. A value without I/O: the exporter locks it.
struct ExportLane: Sendable {
    enum Item: Sendable {
        case spans(SpanBatch)
        case logs(LogBatch)
        case metrics(ExportMetrics)

        var count: Int {
            switch self {
            case .spans(let batch): batch.count
            case .logs(let batch): batch.count
            case .metrics(let metrics): metrics.metrics.reduce(0) { $0 + $1.pointCount }
            }
        }

        /// About what it occupies: columns and strings.
        var byteCount: Int {
            switch self {
            case .spans(let batch):
                batch.count * 120 + batch.attributes.count * 13 + batch.strings.byteCount
            case .logs(let batch):
                batch.count * 90 + batch.attributes.count * 13 + batch.strings.byteCount
            // Labels are most of a point.
            case .metrics: count * 2_048
            }
        }

        func encoded() -> [UInt8] {
            switch self {
            case .spans(let batch): OTLPTraces.encode(batch)
            case .logs(let batch): OTLPLogs.encode(batch)
            case .metrics(let metrics): OTLPMetrics.encode([metrics])
            }
        }
    }

    private(set) var items: [Item] = []
    /// Waiting, without what is being sent.
    private(set) var itemCount = 0
    private(set) var byteCount = 0
    /// Being sent.
    var inFlight = 0
    var sent: UInt64 = 0
    var dropped: [OTLPExporter.DropReason: UInt64] = [:]

    var queued: Int { itemCount + inFlight }
    var isDone: Bool { items.isEmpty && inFlight == 0 }

    /// - Returns: whether it was taken; if not, it has been counted as dropped.
    mutating func append(_ item: Item, itemsMax: Int, bytesMax: Int) -> Bool {
        let count = item.count
        let bytes = item.byteCount
        guard queued + count <= itemsMax, byteCount + bytes <= bytesMax else {
            dropped[.queueFull, default: 0] += UInt64(count)
            return false
        }
        items.append(item)
        itemCount += count
        byteCount += bytes
        return true
    }

    /// The oldest items, at least one if there is any, up to the bounds of one request.
    mutating func takeBatch(itemsMax: Int, bytesMax: Int) -> [Item] {
        var taken = 0
        var count = 0
        var bytes = 0
        for item in items {
            let next = (count + item.count, bytes + item.byteCount)
            if taken > 0, next.0 > itemsMax || next.1 > bytesMax { break }
            taken += 1
            (count, bytes) = next
        }
        let batch = Array(items.prefix(taken))
        items.removeFirst(taken)
        itemCount -= count
        byteCount -= bytes
        inFlight += count
        return batch
    }

    mutating func dropAll(_ reason: OTLPExporter.DropReason) {
        guard itemCount > 0 else { return }
        dropped[reason, default: 0] += UInt64(itemCount)
        items = []
        itemCount = 0
        byteCount = 0
    }
}

extension ExportMetric {
    fileprivate var pointCount: Int {
        switch data {
        case .gauge(let points): points.count
        case .sum(let points, _): points.count
        case .histogram(let points): points.count
        }
    }
}
