import ColumnEncoding
import Store
import Telemetry

/// The reads of `LogStore` on a block store of log records.
extension BlockStore where Signal == LogSignal {
    func scan(
        _ predicate: LogPredicate, in range: TimeRange, direction: ScanDirection,
        visit: (LogBatch, Timestamp) -> Bool
    ) throws(StoreError) {
        try withSnapshot { (snapshot) throws(StoreError) in
            let parts = Self.parts(of: snapshot, predicate, in: range, direction)
            for (index, entry) in parts.enumerated() {
                guard let batch = try batch(of: entry.part) else { continue }
                let bound = Self.bound(after: index, of: parts, direction)
                if !visit(Self.matches(predicate, in: range, direction, of: batch), bound) {
                    return
                }
            }
        }
    }

    typealias TimedPart = (bounds: ClosedRange<Timestamp>, part: ScanPart<LogBatch>)

    /// The parts that may hold matching records, in order of direction.
    static func parts(
        of snapshot: Snapshot, _ predicate: LogPredicate, in range: TimeRange,
        _ direction: ScanDirection
    ) -> [TimedPart] {
        let accepted = streams(acceptedBy: predicate, snapshot.summaries)
        let traceKey = predicate.traceID.map { FuseFilter.key($0) }
        var parts: [TimedPart] = []
        for head in snapshot.head
        where range.overlaps(first: head.bounds.lowerBound, last: head.bounds.upperBound) {
            parts.append((head.bounds, .head(head.batch)))
        }
        for block in snapshot.blocks
        where range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound)
            && (accepted.map { accepted in block.summary.contains { accepted[Int($0)] } } ?? true)
            && (traceKey.map { block.filter.contains($0) } ?? true)
            && predicate.identifiers.allSatisfy({
                LogIdentifierKeys.mayHold($0, block, snapshot.summaries)
            })
        {
            parts.append((block.bounds, .block(block)))
        }
        switch direction {
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

    /// `nil` for a damaged block.
    func batch(of part: ScanPart<LogBatch>) throws(StoreError) -> LogBatch? {
        switch part {
        case .head(let batch): batch
        case .block(let block): try batch(of: block)
        }
    }

    /// The matching records, in order of direction.
    static func matches(
        _ predicate: LogPredicate, in range: TimeRange, _ direction: ScanDirection,
        of batch: LogBatch
    ) -> LogBatch {
        let rows = matchingRows(predicate, in: range, direction, of: batch)
        if rows.isEmpty { return LogBatch() }
        let isWhole = rows.count == batch.count && rows.indices.allSatisfy { rows[$0] == $0 }
        return isWhole ? batch : batch.picking(rows)
    }

    private static func streams(
        acceptedBy predicate: LogPredicate, _ table: StringTable
    ) -> [Bool]? {
        guard let accepts = predicate.stream else { return nil }
        return (0..<table.count).map { id in
            accepts(Labels(canonicalBytes: table.withBytes(of: StringID(id)) { Array($0) }))
        }
    }

    private static func matchingRows(
        _ predicate: LogPredicate, in range: TimeRange, _ direction: ScanDirection,
        of batch: LogBatch
    ) -> [Int] {
        let accepted = (0..<batch.shared.resources.count).map { index in
            predicate.stream.map { $0(LogStream.labels(of: batch.resource(at: UInt32(index)))) }
                ?? true
        }
        let rows = (0..<batch.count).filter { row in
            range.contains(batch.times[row]) && accepted[Int(batch.resourceIndices[row])]
                && (predicate.traceID.map { $0 == batch.traceIDs[row] } ?? true)
        }
        return rows.sorted { a, b in
            let (first, second) = (batch.times[a], batch.times[b])
            if first == second { return a < b }
            return direction == .newestFirst ? first > second : first < second
        }
    }

    func streams(_ predicate: LogPredicate, in range: TimeRange) throws(StoreError) -> [Labels] {
        try withSnapshot { (snapshot) throws(StoreError) in
            let accepted = Self.streams(acceptedBy: predicate, snapshot.summaries)
            var found = Set<Labels>()
            for block in snapshot.blocks
            where range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound) {
                for id in block.summary where accepted.map({ $0[Int(id)] }) ?? true {
                    found.insert(
                        Labels(
                            canonicalBytes: snapshot.summaries.withBytes(of: id) { Array($0) }))
                }
            }
            for head in snapshot.head {
                let rows = Self.matchingRows(predicate, in: range, .newestFirst, of: head.batch)
                for index in Set(rows.map { head.batch.resourceIndices[$0] }) {
                    found.insert(LogStream.labels(of: head.batch.resource(at: index)))
                }
            }
            return found.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        }
    }
}
