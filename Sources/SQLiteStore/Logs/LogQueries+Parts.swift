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

    /// Rows handed out at once to who may stop: reading so few is much quicker than a whole block.
    private static var firstRows: Int { 256 }
    /// Parts that are read at once, by several threads.
    private static var columnPartsMax: Int { 8 }
    private static var rowPartsMax: Int { 2 }

    /// What has been read of a part.
    private enum Loaded: Sendable {
        case columns(LogFieldBatch)
        /// The first matching records, and the rows of the others.
        case rows(LogBatch, rest: [Int])
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
                let loaded = try Concurrently.map(min(width, parts.count - first)) {
                    (place) throws(StoreError) in
                    try load(parts[start + place].part, request, search)
                }
                for (place, loaded) in loaded.enumerated() {
                    let bound = Self.bound(after: start + place, of: parts, search.direction)
                    let goesOn = try deliver(
                        loaded, of: parts[start + place].part, search, bound, visit)
                    if !goesOn { return }
                }
                first += loaded.count
                width = min(2 * width, request == nil ? Self.rowPartsMax : Self.columnPartsMax)
            }
        }
    }

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

    /// - Returns: false when the visitor wants no more.
    private func deliver(
        _ loaded: Loaded, of part: LogPart, _ search: LogSearch, _ bound: Timestamp,
        _ visit: (LogFieldPart, Timestamp) -> LogFieldAnswer
    ) throws(StoreError) -> Bool {
        switch loaded {
        case .rows(let batch, let rest):
            return try deliver(batch, rest, of: part, search, bound, visit)
        case .columns(let fields):
            let accepted = fields.streams.map { search.accepts($0) }
            switch visit(.columns(fields, isAccepted: accepted), bound) {
            case .goOn: return true
            case .stop: return false
            case .askForRows:
                return try deliver(
                    try loadRows(of: part, search), of: part, search, bound, visit)
            case .askFor(let rows):
                let rows = search.ordered(rows.map { Int($0) }) { fields.times[$0] }
                let first = try batch(Array(rows.prefix(Self.firstRows)), of: part)
                return try deliver(
                    first, Array(rows.dropFirst(Self.firstRows)), of: part, search, bound, visit)
            }
        }
    }

    /// Hands out the first records and then the rest, if the visitor goes on.
    private func deliver(
        _ first: LogBatch, _ rest: [Int], of part: LogPart, _ search: LogSearch,
        _ bound: Timestamp, _ visit: (LogFieldPart, Timestamp) -> LogFieldAnswer
    ) throws(StoreError) -> Bool {
        guard !rest.isEmpty, let last = first.times.last else {
            return visit(.rows(first), bound) != .stop
        }
        let isNewestFirst = search.direction == .newestFirst
        let next = isNewestFirst ? max(last, bound) : min(last, bound)
        guard visit(.rows(first), next) != .stop else { return false }
        return visit(.rows(try batch(rest, of: part)), bound) != .stop
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
