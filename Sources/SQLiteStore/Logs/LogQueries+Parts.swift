import ColumnEncoding
import Store
import Telemetry

/// Visits of the parts of a scan, each as columns or as rows.
extension BlockStore where Signal == LogSignal {
    func scanFields(
        _ request: LogFieldRequest, _ predicate: LogPredicate, in range: TimeRange,
        direction: ScanDirection, visit: (LogFieldPart, Timestamp) -> LogFieldAnswer
    ) throws(StoreError) {
        let search = LogSearch(predicate, in: range, direction)
        try scan(search.isSelective ? nil : request, search, visit: visit)
    }

    func mapRows<Part: Sendable>(
        _ predicate: LogPredicate, in range: TimeRange, _ work: @Sendable (LogBatch) -> Part,
        collect: (Part) -> Bool
    ) throws(StoreError) {
        let search = LogSearch(predicate, in: range, .oldestFirst)
        try withSnapshot { (snapshot) throws(StoreError) in
            let parts = Self.parts(of: snapshot, search)
            for start in stride(from: 0, to: parts.count, by: Self.rowPartsMax) {
                let count = min(Self.rowPartsMax, parts.count - start)
                let made = try Concurrently.map(count) { (place) throws(StoreError) in
                    guard
                        case .rows(let batch, _) = try loadRows(
                            of: parts[start + place].part, search)
                    else { return work(LogBatch()) }
                    return work(batch)
                }
                for part in made where !collect(part) { return }
            }
        }
    }

    /// Rows handed out at once to who may stop: reading so few is much quicker than a whole block.
    private static var firstRows: Int { 256 }
    /// Parts that are read at once, by several threads.
    private static var columnPartsMax: Int { 8 }
    private static var rowPartsMax: Int { 2 }
    /// The same where a few rows of each are wanted.
    private static var fewRowPartsMax: Int { 4 }

    /// What has been read of a part.
    private enum Loaded: Sendable {
        case columns(LogFieldBatch)
        /// The first matching records, and the rows of the others.
        case rows(LogBatch, rest: [Int])
    }

    /// Records of a part that the visitor wants besides columns; no rows stand for those that match.
    private struct Asked: Sendable {
        var part: LogPart
        var rows: [Int32]?
        var bound: Timestamp
    }

    /// - Parameter request: `nil` if rows are wanted.
    func scan(
        _ request: LogFieldRequest?, _ search: LogSearch,
        visit: (LogFieldPart, Timestamp) -> LogFieldAnswer
    ) throws(StoreError) {
        try withSnapshot { (snapshot) throws(StoreError) in
            let parts = Self.parts(of: snapshot, search)
            var first = 0
            var width = 1
            while first < parts.count {
                let start = first
                let count = min(width, parts.count - first)
                let loaded = try Concurrently.map(count) { (place) throws(StoreError) in
                    try load(parts[start + place].part, request, search)
                }
                var isDone = false
                var asked: [Asked] = []
                for (place, loaded) in loaded.enumerated() where !isDone {
                    let part = parts[start + place].part
                    let bound = Self.bound(after: start + place, of: parts, search.direction)
                    switch try deliver(loaded, of: part, search, bound, visit) {
                    case .goOn: continue
                    case .stop: isDone = true
                    case .askForRows: asked.append(Asked(part: part, rows: nil, bound: bound))
                    case .askFor(let rows):
                        asked.append(Asked(part: part, rows: rows, bound: bound))
                    }
                }
                // Also after a stop, which came without knowing them.
                let isStopped = try deliver(asked, search, visit)
                if isDone || isStopped { return }
                first += count
                width = min(2 * width, request == nil ? Self.rowPartsMax : Self.columnPartsMax)
            }
        }
    }

    // MARK: Reading

    private func load(
        _ part: LogPart, _ request: LogFieldRequest?, _ search: LogSearch
    ) throws(StoreError) -> Loaded {
        if let request, let fields = try fields(request, of: part) { return .columns(fields) }
        return try loadRows(of: part, search)
    }

    private func loadRows(
        of part: LogPart, _ search: LogSearch
    ) throws(StoreError) -> Loaded {
        switch part {
        case .head(let head):
            let rows = search.rows(of: head.batch)
            return .rows(Self.picking(rows, of: head.batch), rest: [])
        case .block(let block):
            let found = try withReader(of: block) { (reader) throws(ColumnDecodeError) in
                let rows = try search.rows(of: reader)
                // Who wants the oldest first mostly wants all.
                let mayStop = search.direction == .newestFirst && rows.count > Self.firstRows
                let now = mayStop ? Array(rows.prefix(Self.firstRows)) : rows
                let batch = try Self.batch(now, of: reader)
                return Loaded.rows(batch, rest: Array(rows.dropFirst(now.count)))
            }
            return found ?? .rows(LogBatch(), rest: [])
        }
    }

    private func loadRows(
        _ asked: Asked, _ search: LogSearch
    ) throws(StoreError) -> Loaded {
        guard let wanted = asked.rows else { return try loadRows(of: asked.part, search) }
        // None of a block that has been damaged meanwhile.
        let times = try times(of: asked.part)
        guard !times.isEmpty else { return .rows(LogBatch(), rest: []) }
        let rows = search.ordered(wanted.map { Int($0) }) { times[$0] }
        let first = try batch(Array(rows.prefix(Self.firstRows)), of: asked.part)
        return .rows(first, rest: Array(rows.dropFirst(Self.firstRows)))
    }

    // MARK: Handing out

    private func deliver(
        _ loaded: Loaded, of part: LogPart, _ search: LogSearch, _ bound: Timestamp,
        _ visit: (LogFieldPart, Timestamp) -> LogFieldAnswer
    ) throws(StoreError) -> LogFieldAnswer {
        switch loaded {
        case .rows(let batch, let rest):
            return try deliver(batch, rest, of: part, search, bound, visit)
        case .columns(let fields):
            let accepted = fields.streams.map { search.accepts($0) }
            return visit(.columns(fields, isAccepted: accepted), bound)
        }
    }

    /// Hands out the records that were asked for, read several parts at once.
    /// - Returns: whether the visitor wants no more.
    private func deliver(
        _ asked: [Asked], _ search: LogSearch,
        _ visit: (LogFieldPart, Timestamp) -> LogFieldAnswer
    ) throws(StoreError) -> Bool {
        let width = asked.contains { $0.rows == nil } ? Self.rowPartsMax : Self.fewRowPartsMax
        for start in stride(from: 0, to: asked.count, by: width) {
            let now = Array(asked[start..<min(start + width, asked.count)])
            let rows = try Concurrently.map(now.count) { (place) throws(StoreError) in
                try loadRows(now[place], search)
            }
            for (asked, rows) in zip(now, rows) {
                let answer = try deliver(rows, of: asked.part, search, asked.bound, visit)
                // What was asked of later parts lies beyond its bound.
                if answer == .stop { return true }
            }
        }
        return false
    }

    /// Hands out the first records and then the rest, if the visitor goes on.
    private func deliver(
        _ first: LogBatch, _ rest: [Int], of part: LogPart, _ search: LogSearch,
        _ bound: Timestamp, _ visit: (LogFieldPart, Timestamp) -> LogFieldAnswer
    ) throws(StoreError) -> LogFieldAnswer {
        guard !rest.isEmpty, let last = first.times.last else {
            return visit(.rows(first), bound) == .stop ? .stop : .goOn
        }
        let isNewestFirst = search.direction == .newestFirst
        let next = isNewestFirst ? max(last, bound) : min(last, bound)
        if visit(.rows(first), next) == .stop { return .stop }
        return visit(.rows(try batch(rest, of: part)), bound) == .stop ? .stop : .goOn
    }

    // MARK: Records

    /// Records of a part by their rows, in the order in which these are given.
    private func batch(_ rows: [Int], of part: LogPart) throws(StoreError) -> LogBatch {
        switch part {
        case .head(let head): return Self.picking(rows, of: head.batch)
        case .block(let block):
            let found = try withReader(of: block) { (reader) throws(ColumnDecodeError) in
                try Self.batch(rows, of: reader)
            }
            return found ?? LogBatch()
        }
    }

    /// Nanoseconds.
    private func times(of part: LogPart) throws(StoreError) -> [Int64] {
        switch part {
        case .head(let head): return head.batch.times.map(\.nanoseconds)
        case .block: return try fields(LogFieldRequest([]), of: part)?.times ?? []
        }
    }

    /// Many are read quicker with all others.
    private static func batch(
        _ rows: [Int], of reader: LogBlockReader
    ) throws(ColumnDecodeError) -> LogBatch {
        if rows.isEmpty { return LogBatch() }
        if rows.count * 4 > reader.rows { return picking(rows, of: try reader.wholeBatch()) }
        let ascending = rows.sorted()
        let batch = try reader.batch(rows: ascending)
        if ascending == rows { return batch }
        if ascending.reversed() == rows { return batch.picking(rows.indices.reversed()) }
        var places: [Int: Int] = [:]
        for (place, row) in ascending.enumerated() { places[row] = place }
        return batch.picking(rows.map { places[$0, default: 0] })
    }

    private static func picking(_ rows: [Int], of batch: LogBatch) -> LogBatch {
        if rows.isEmpty { return LogBatch() }
        let isWhole = rows.count == batch.count && rows.indices.allSatisfy { rows[$0] == $0 }
        return isWhole ? batch : batch.picking(rows)
    }
}
