import ColumnEncoding
import Store
import Synchronization
import Telemetry

/// Where a scan of log records takes its next rows from.
enum LogPart: Sendable {
    case head(HeadBatch<LogBatch>)
    case block(BlockInfo)
}

/// The reads of `LogStore` on a block store of log records.
extension BlockStore where Signal == LogSignal {
    func scan(
        _ predicate: LogPredicate, in range: TimeRange, direction: ScanDirection,
        visit: (LogBatch, Timestamp) -> Bool
    ) throws(StoreError) {
        try scan(nil, LogSearch(predicate, in: range, direction)) { part, bound in
            guard case .rows(let batch) = part else { return .askForRows }
            return visit(batch, bound) ? .goOn : .stop
        }
    }

    typealias TimedPart = (bounds: ClosedRange<Timestamp>, part: LogPart)

    /// The parts that may hold matching records, in order of direction.
    static func parts(of snapshot: Snapshot, _ search: LogSearch) -> [TimedPart] {
        var parts: [TimedPart] = []
        for head in snapshot.head
        where search.range.overlaps(first: head.bounds.lowerBound, last: head.bounds.upperBound) {
            parts.append((head.bounds, .head(head)))
        }
        for block in snapshot.blocks where search.mayMatch(block, snapshot.summaries) {
            parts.append((block.bounds, .block(block)))
        }
        switch search.direction {
        case .newestFirst: parts.sort { $0.bounds.upperBound > $1.bounds.upperBound }
        case .oldestFirst: parts.sort { $0.bounds.lowerBound < $1.bounds.lowerBound }
        }
        return parts
    }

    /// What no record of the parts behind `index` is beyond.
    static func bound(
        after index: Int, of parts: [TimedPart], _ direction: ScanDirection
    ) -> Timestamp {
        let next = index + 1 < parts.count ? parts[index + 1].bounds : nil
        switch direction {
        case .newestFirst: return next?.upperBound ?? .distantPast
        case .oldestFirst: return next?.lowerBound ?? .distantFuture
        }
    }

    /// Reads a block column by column; `nil` (counted and logged) if it is damaged.
    func withReader<T>(
        of block: BlockInfo, _ body: (LogBlockReader) throws(ColumnDecodeError) -> T
    ) throws(StoreError) -> T? {
        try withBody(of: block) { bytes throws(ColumnDecodeError) in
            let isVerified = block.isVerified.load(ordering: .relaxed)
            let reader = try LogBlockReader(borrowing: bytes, isVerified: isVerified)
            if !isVerified { block.isVerified.store(true, ordering: .relaxed) }
            return try body(reader)
        }
    }

    func streams(_ predicate: LogPredicate, in range: TimeRange) throws(StoreError) -> [Labels] {
        try withSnapshot { (snapshot) throws(StoreError) in
            let search = LogSearch(predicate, in: range, .newestFirst)
            var found = Set<Labels>()
            var isKnown = [Bool](repeating: false, count: snapshot.summaries.count)
            for block in snapshot.blocks
            where range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound) {
                for id in block.summary where !isKnown[Int(id)] {
                    isKnown[Int(id)] = true
                    let labels = Labels(
                        canonicalBytes: snapshot.summaries.withBytes(of: id) { Array($0) })
                    if search.accepts(labels) { found.insert(labels) }
                }
            }
            for head in snapshot.head
            where range.overlaps(first: head.bounds.lowerBound, last: head.bounds.upperBound) {
                for index in Set(search.rows(of: head.batch).map { head.batch.resourceIndices[$0] })
                {
                    found.insert(LogStream.labels(of: head.batch.resource(at: index)))
                }
            }
            return found.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        }
    }
}
