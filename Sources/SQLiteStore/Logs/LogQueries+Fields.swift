import Store
import Telemetry

/// Reads of single fields of log records.
extension BlockStore where Signal == LogSignal {
    func scanFields(
        _ names: [String], _ predicate: LogPredicate, in range: TimeRange,
        direction: ScanDirection, visit: (LogFieldPart, Timestamp) -> LogFieldAnswer
    ) throws(StoreError) {
        try withSnapshot { (snapshot) throws(StoreError) in
            let parts = Self.parts(of: snapshot, predicate, in: range, direction)
            for (index, entry) in parts.enumerated() {
                let bound = Self.bound(after: index, of: parts, direction)
                var answer = LogFieldAnswer.askForRows
                var decoded: LogBatch?
                // Of a trace there are few records: finding them is quicker than reading all fields.
                if predicate.traceID == nil, predicate.identifiers.isEmpty,
                    let fields = try fields(names, of: entry.part, &decoded)
                {
                    let accepted = fields.streams.map { predicate.stream?($0) ?? true }
                    answer = visit(.columns(fields, isAccepted: accepted), bound)
                }
                if answer == .askForRows {
                    if decoded == nil { decoded = try self.batch(of: entry.part) }
                    guard let batch = decoded else { continue }
                    let rows = Self.matches(predicate, in: range, direction, of: batch)
                    answer = visit(.rows(rows), bound)
                }
                if answer == .stop { return }
            }
        }
    }

    /// `nil` if the part has no such columns.
    /// - Parameter decoded: receives the whole block if it had to be decoded.
    private func fields(
        _ names: [String], of part: ScanPart<LogBatch>, _ decoded: inout LogBatch?
    ) throws(StoreError) -> LogFieldBatch? {
        switch part {
        case .head(let batch): return LogFieldReader.read(batch, names)
        case .block(let block): return try fields(names, of: block, &decoded)
        }
    }

    private func fields(
        _ names: [String], of block: BlockInfo, _ decoded: inout LogBatch?
    ) throws(StoreError) -> LogFieldBatch? {
        let known = fieldCache.entry(of: block)
        if let known {
            guard let entry = known else { return nil }
            if let batch = entry.batch(names) { return batch }
        }
        let wanted = names.filter { known??.columns[$0] == nil }
        decoded = try self.batch(of: block)
        guard let batch = decoded else { return nil }
        guard let read = LogFieldReader.read(batch, wanted) else {
            // Bodies are there whatever is asked for; a map may be in the way of these names only.
            if !batch.bodyTypes.allSatisfy({ $0 == .empty }) { fieldCache.put(nil, of: block) }
            return nil
        }
        var entry = LogFieldCache.Entry(read, wanted)
        if let older = known ?? nil {
            entry = older
            entry.add(read, wanted)
        }
        fieldCache.put(entry, of: block)
        return entry.batch(names)
    }
}
