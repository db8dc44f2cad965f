import Foundation
import GRDB
import Store
import Telemetry

extension CatalogFile: NotifierStore {
    package func notifierRecords(
        _ kind: NotifierRecord.Kind
    ) throws(StoreError) -> [NotifierRecord] {
        try perform {
            try $0.read { db in
                try Row.fetchAll(
                    db, sql: "SELECT key, body FROM notifier WHERE kind = ? ORDER BY key",
                    arguments: [kind.rawValue]
                ).map { NotifierRecord(kind: kind, key: $0[0], body: Array($0[1] as Data)) }
            }
        }
    }

    package func commit(_ change: NotifierChange) throws(StoreError) {
        if change.isEmpty { return }
        try perform {
            try $0.write { db in
                for record in change.puts {
                    try db.execute(
                        sql: "INSERT OR REPLACE INTO notifier VALUES (?, ?, ?)",
                        arguments: [record.kind.rawValue, record.key, Data(record.body)])
                }
                for removal in change.removals {
                    try db.execute(
                        sql: "DELETE FROM notifier WHERE kind = ? AND key = ?",
                        arguments: [removal.kind.rawValue, removal.key])
                }
                for delivery in change.deliveries { try CatalogFile.insert(delivery, db) }
                for id in change.taken {
                    // It was a message within the program: nobody looks at it later.
                    try db.execute(sql: "DELETE FROM delivery WHERE id = ?", arguments: [id])
                }
            }
        }
    }

    package func deliveryLog(limit: Int) throws(StoreError) -> [DeliveryLogEntry] {
        try perform {
            try $0.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT id, receiver, body, attempts, created_at, next_attempt_at,
                            last_error, state
                        FROM delivery ORDER BY id DESC LIMIT ?
                        """,
                    arguments: [max(0, limit)]
                ).map { row in
                    let name: String = row[7]
                    return DeliveryLogEntry(
                        delivery: CatalogFile.delivery(row),
                        state: DeliveryLogEntry.State(rawValue: name) ?? .due)
                }
            }
        }
    }
}
