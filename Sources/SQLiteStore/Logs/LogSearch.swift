import ColumnEncoding
import Store
import Synchronization
import Telemetry

/// What a scan asks of log records, made ready to be asked of many parts.
struct LogSearch: Sendable {
    let predicate: LogPredicate
    let range: TimeRange
    let direction: ScanDirection
    /// Of which every line that matches holds all.
    let pieces: [LinePiece]
    /// The same for records without a body, by the identifiers that they must have as fields.
    private let fieldPieces: [LinePiece]
    /// The same for the trace that they belong to: the field may spell it in capitals, or be a header that has it
    /// in it, and the label `trace_id` comes from the record's own id.
    private let traceField: (id: TraceID, pieces: [LinePiece])?
    /// Ids in the texts that lines must hold, as keys of the blocks' filters.
    private let lineKeys: [UInt64]
    private let traceKey: UInt64?
    private let verdicts = StreamVerdicts()

    init(_ predicate: LogPredicate, in range: TimeRange, _ direction: ScanDirection) {
        self.predicate = predicate
        self.range = range
        self.direction = direction
        pieces = predicate.requiredTexts.flatMap { LinePiece.all(of: $0) }
        fieldPieces = predicate.identifiers.filter { $0.trace == nil }
            .flatMap { LinePiece.all(of: $0.value) }
        traceField =
            predicate.identifiers.lazy.compactMap { identifier in
                identifier.trace.map { ($0, LinePiece.all(of: identifier.value)) }
            }.first
        lineKeys = predicate.requiredTexts.flatMap { LogIdentifierKeys.keys(ofText: $0) }
        traceKey = predicate.traceID.map { FuseFilter.key($0) }
    }

    /// Whether few records can match: finding them is quicker than reading columns of all.
    var isSelective: Bool {
        predicate.traceID != nil || !predicate.identifiers.isEmpty || !pieces.isEmpty
    }

    func accepts(_ stream: Labels) -> Bool {
        guard let accepts = predicate.stream else { return true }
        return verdicts.verdict(on: stream, accepts)
    }

    /// Whether a block may hold a record that matches.
    func mayMatch(_ block: BlockInfo, _ summaries: StringTable) -> Bool {
        range.overlaps(first: block.bounds.lowerBound, last: block.bounds.upperBound)
            && (traceKey.map { block.filter.contains($0) } ?? true)
            && (lineKeys.isEmpty || LogIdentifierKeys.mayHold(lineKeys: lineKeys, block))
            && block.summary.contains { id in
                accepts(Labels(canonicalBytes: summaries.withBytes(of: id) { Array($0) }))
            }
            && predicate.identifiers.allSatisfy { identifier in
                LogIdentifierKeys.mayHold(identifier, block, summaries)
                    || identifier.trace.map { block.filter.contains(FuseFilter.key($0)) } ?? false
            }
    }

    // MARK: Rows

    /// The rows of a batch that match, in order of direction.
    func rows(of batch: LogBatch) -> [Int] {
        guard range.overlaps(batch.times) else { return [] }
        var candidates: [Int]?
        // Before streams are made out: few batches hold what is looked for.
        for piece in pieces {
            candidates = Self.both(candidates, piece.rows(of: batch))
            if candidates?.isEmpty ?? false { return [] }
        }
        let streams = (0..<batch.shared.resources.count).map { index in
            LogStream.labels(of: batch.resource(at: UInt32(index)))
        }
        let accepted = streams.map { accepts($0) }
        guard accepted.contains(true) else { return [] }
        let hasFields = asksFields(
            of: streams, hasBodies: batch.bodyTypes.contains { $0 != .empty })
        if hasFields, let trace = traceField {
            var rows = Set((0..<batch.count).filter { batch.traceIDs[$0] == trace.id })
            for piece in trace.pieces { rows.formUnion(piece.rows(of: batch)) }
            candidates = Self.both(candidates, rows.sorted())
        }
        for piece in hasFields ? fieldPieces : [] {
            candidates = Self.both(candidates, piece.rows(of: batch))
            if candidates?.isEmpty ?? false { return [] }
        }
        let isMatch = { (row: Int) in
            range.contains(batch.times[row]) && accepted[Int(batch.resourceIndices[row])]
                && (predicate.traceID.map { $0 == batch.traceIDs[row] } ?? true)
        }
        let rows = candidates?.filter(isMatch) ?? (0..<batch.count).filter(isMatch)
        return ordered(rows) { batch.times[$0].nanoseconds }
    }

    /// What both hold; `known` is `nil` for all rows.
    private static func both(_ known: [Int]?, _ rows: [Int]) -> [Int] {
        guard let known else { return rows }
        let rows = Set(rows)
        return known.filter { rows.contains($0) }
    }

    /// The rows of a block that match, in order of direction.
    func rows(of reader: LogBlockReader) throws(ColumnDecodeError) -> [Int] {
        var candidates: [Int32]?
        if let trace = predicate.traceID { candidates = try reader.rows(of: trace) }
        let streams = try reader.resources().map { LogStream.labels(of: $0) }
        let hasFields = asksFields(of: streams, hasBodies: try reader.hasBodies())
        if hasFields, let trace = traceField, let rows = try rows(of: trace, in: reader) {
            candidates = candidates.map { known in known.filter(rows.contains) } ?? rows.sorted()
        }
        for piece in hasFields ? pieces + fieldPieces : pieces {
            if candidates?.isEmpty ?? false { return [] }
            guard let rows = try reader.rows(holding: piece) else { continue }
            candidates = candidates.map { known in known.filter(Set(rows).contains) } ?? rows
        }
        let accepted = streams.map { accepts($0) }
        let resources = try reader.resourceIndices()
        let times = try reader.times()
        let (start, end) = (range.start.nanoseconds, range.end.nanoseconds)
        let rows = RowSelection.filter(candidates, count: reader.rows) { row in
            start <= times[row] && times[row] < end && accepted[Int(resources[row])]
        }
        return ordered(rows.map { Int($0) }) { times[$0] }
    }

    /// Records of the trace, and those that have its id in a field; `nil` if these cannot be told.
    private func rows(
        of trace: (id: TraceID, pieces: [LinePiece]), in reader: LogBlockReader
    ) throws(ColumnDecodeError) -> Set<Int32>? {
        var rows = Set(try reader.rows(of: trace.id))
        for piece in trace.pieces {
            guard let found = try reader.rows(holding: piece) else { return nil }
            rows.formUnion(found)
        }
        return rows
    }

    /// Whether lines of a part have the identifiers as fields. A label of a stream comes before a field.
    private func asksFields(of streams: [Labels], hasBodies: Bool) -> Bool {
        !hasBodies
            && !predicate.identifiers.contains { identifier in
                streams.contains { $0[identifier.name] != nil }
            }
    }

    /// By time, in order of direction; rows of one time stay in their order.
    func ordered(_ rows: [Int], by time: (Int) -> Int64) -> [Int] {
        let isNewestFirst = direction == .newestFirst
        let isOrdered = zip(rows, rows.dropFirst()).allSatisfy { a, b in
            isNewestFirst ? time(a) >= time(b) : time(a) <= time(b)
        }
        if isOrdered { return rows }
        return rows.sorted { a, b in
            let (first, second) = (time(a), time(b))
            if first == second { return a < b }
            return isNewestFirst ? first > second : first < second
        }
    }
}

/// What a predicate says of streams, each asked once.
private final class StreamVerdicts: Sendable {
    private let known = Mutex([Labels: Bool]())
    /// Then all is forgotten: streams are as many as their labels' values.
    private static let countMax = 65_536

    func verdict(on stream: Labels, _ accepts: (Labels) -> Bool) -> Bool {
        if let verdict = known.withLock({ $0[stream] }) { return verdict }
        let verdict = accepts(stream)
        known.withLock { known in
            if known.count >= Self.countMax { known.removeAll() }
            known[stream] = verdict
        }
        return verdict
    }
}

extension TimeRange {
    /// Whether one of the times may lie in the range.
    fileprivate func overlaps(_ times: [Timestamp]) -> Bool { times.contains { contains($0) } }
}
