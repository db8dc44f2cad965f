import Foundation
import GRDB
import Store

/// The outbox as each receiver sees it: what waits for one does not stand in the way of another's.
extension CatalogFile {
    static func registerOutboxIndex(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("outbox by receiver") { db in
            try db.execute(
                sql: "CREATE INDEX delivery_waiting ON delivery(receiver, id) WHERE state = 'due'")
        }
    }

    package func waitingDeliveries(
        to receiver: String, after id: Int64, limit: Int
    ) throws(StoreError) -> [Delivery] {
        try perform {
            try $0.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT id, receiver, body, attempts, created_at, next_attempt_at, last_error
                        FROM delivery WHERE state = 'due' AND receiver = ? AND id > ?
                        ORDER BY id LIMIT ?
                        """,
                    arguments: [receiver, id, max(0, limit)]
                ).map { CatalogFile.delivery($0) }
            }
        }
    }

    package func waitingReceivers() throws(StoreError) -> Set<String> {
        try perform {
            try $0.read { db in
                try String.fetchSet(
                    db, sql: "SELECT DISTINCT receiver FROM delivery WHERE state = 'due'")
            }
        }
    }
}
