import ColumnEncoding
import Foundation
import GRDB
import Store
import Telemetry

/// The table of blocks in a partition file: the only SQL of spans and logs.
///
/// `superseded` marks a block whose rows a merged block holds as well; it is ignored from the commit
/// that writes the merged one and deleted when no reader needs it any more.
enum BlockTable {
    static let schema = """
        CREATE TABLE IF NOT EXISTS block(
            id INTEGER PRIMARY KEY,
            through INTEGER NOT NULL,
            tier INTEGER NOT NULL,
            rows INTEGER NOT NULL,
            first_time INTEGER NOT NULL,
            last_time INTEGER NOT NULL,
            superseded INTEGER NOT NULL DEFAULT 0,
            filter BLOB NOT NULL,
            summary BLOB NOT NULL,
            body BLOB NOT NULL
        );
        CREATE TABLE IF NOT EXISTS block_history(
            id INTEGER PRIMARY KEY,
            arrived INTEGER NOT NULL,
            items REAL NOT NULL,
            is_weighted INTEGER NOT NULL,
            judged_by INTEGER NOT NULL
        );
        """

    struct Row {
        var id: Int64
        var through: UInt64
        var tier: Int
        var rows: Int
        var bytes: Int
        var bounds: ClosedRange<Timestamp>
        var filter: FuseFilter
        var summary: [[UInt8]]
        var index: SpanBlockIndex?
        /// `nil` for a block that was written without one.
        var history: BlockHistory?
    }

    static func insert(_ block: NewBlock, _ db: Database) throws -> Int64 {
        try db.execute(
            sql: """
                INSERT INTO block(
                    through, tier, rows, first_time, last_time, filter, summary, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Int64(bitPattern: block.through), block.tier, block.rows,
                block.bounds.lowerBound.nanoseconds,
                block.bounds.upperBound.nanoseconds, encodeFilter(block.filter),
                Data(encodeSummary(block.summary) + (block.index?.encoded ?? [])),
                Data(block.body),
            ])
        let id = db.lastInsertedRowID
        try setHistory(block.history, of: id, db)
        return id
    }

    static func setHistory(_ history: BlockHistory, of id: Int64, _ db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO block_history VALUES (?, ?, ?, ?, ?)",
            arguments: [
                id, history.arrived.nanoseconds, history.items, history.isWeighted,
                Int64(bitPattern: history.judgedBy),
            ])
    }

    static func supersede(_ ids: [Int64], _ db: Database) throws {
        for id in ids {
            try db.execute(sql: "UPDATE block SET superseded = 1 WHERE id = ?", arguments: [id])
        }
    }

    static func delete(_ ids: [Int64], _ db: Database) throws {
        for id in ids {
            try db.execute(sql: "DELETE FROM block WHERE id = ?", arguments: [id])
            try db.execute(sql: "DELETE FROM block_history WHERE id = ?", arguments: [id])
        }
    }

    static func deleteSuperseded(_ db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM block_history WHERE id IN (SELECT id FROM block WHERE superseded = 1);
                DELETE FROM block WHERE superseded = 1;
                """)
    }

    /// All live blocks without their bodies. Rows whose filter or summary cannot be read are returned as
    /// `damaged` ids.
    static func load(_ db: Database) throws -> (rows: [Row], damaged: [Int64]) {
        var rows: [Row] = []
        var damaged: [Int64] = []
        let cursor = try GRDB.Row.fetchCursor(
            db,
            sql: """
                SELECT block.id, tier, rows, first_time, last_time, filter, summary,
                    length(body), through, arrived, items, is_weighted, judged_by
                FROM block LEFT JOIN block_history ON block_history.id = block.id
                WHERE superseded = 0 ORDER BY through, block.id
                """)
        while let row = try cursor.next() {
            let id: Int64 = row[0]
            let first: Int64 = row[3]
            let last: Int64 = row[4]
            let filterBytes: Data = row[5]
            let summaryBytes: Data = row[6]
            guard first <= last, let (summary, index) = decodeSummary(summaryBytes),
                let filter = decodeFilter(filterBytes)
            else {
                damaged.append(id)
                continue
            }
            rows.append(
                Row(
                    id: id, through: UInt64(bitPattern: row[8] as Int64), tier: row[1],
                    rows: row[2], bytes: row[7],
                    bounds: Timestamp(nanoseconds: first)...Timestamp(nanoseconds: last),
                    filter: filter, summary: summary, index: index, history: history(row)))
        }
        return (rows, damaged)
    }

    private static func history(_ row: GRDB.Row) -> BlockHistory? {
        guard let arrived = row[9] as Int64?, let items = row[10] as Double?,
            let isWeighted = row[11] as Bool?, let judgedBy = row[12] as Int64?
        else { return nil }
        var history = BlockHistory(
            arrived: Timestamp(nanoseconds: arrived), items: items.isFinite ? items : 0)
        history.isWeighted = isWeighted
        history.judgedBy = UInt64(bitPattern: judgedBy)
        return history
    }

    /// Hands the body of a block to `body`; `nil` if there is no such block.
    static func withBody<T>(
        _ id: Int64, _ db: Database, _ body: (UnsafeRawBufferPointer) throws -> T
    ) throws -> T? {
        let statement = try db.cachedStatement(sql: "SELECT body FROM block WHERE id = ?")
        let cursor = try GRDB.Row.fetchCursor(statement, arguments: [id])
        guard let row = try cursor.next() else { return nil }
        return try row.withUnsafeData(atIndex: 0) { data in
            try (data ?? Data()).withUnsafeBytes(body)
        }
    }

    private static func encodeFilter(_ filter: FuseFilter) -> Data {
        var writer = ByteWriter()
        filter.encode(into: &writer)
        return Data(writer.bytes)
    }

    private static func decodeFilter(_ bytes: Data) -> FuseFilter? {
        do {
            return try bytes.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes, column: "filter")
                return try FuseFilter(from: &reader)
            }
        } catch {
            return nil
        }
    }

    /// varint count │ (varint length │ bytes)* │ index of the block, up to the end
    private static func encodeSummary(_ entries: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        Varint.append(UInt64(entries.count), to: &bytes)
        for entry in entries {
            Varint.append(UInt64(entry.count), to: &bytes)
            bytes.append(contentsOf: entry)
        }
        return bytes
    }

    private static func decodeSummary(
        _ data: Data
    ) -> (entries: [[UInt8]], index: SpanBlockIndex?)? {
        data.withUnsafeBytes { bytes in
            var offset = 0
            guard let count = Varint.read(bytes, &offset), count <= bytes.count else { return nil }
            var entries: [[UInt8]] = []
            for _ in 0..<count {
                guard let length = Varint.read(bytes, &offset), length <= bytes.count - offset
                else { return nil }
                entries.append(Array(bytes[offset..<(offset + Int(length))]))
                offset += Int(length)
            }
            do throws(ColumnDecodeError) {
                return (entries, try SpanBlockIndex(Array(bytes[offset...])))
            } catch {
                // Without its index a block is read where it could have been skipped.
                return (entries, nil)
            }
        }
    }
}
