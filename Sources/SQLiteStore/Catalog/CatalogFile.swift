import CSQLiteVFS
import Foundation
import GRDB
import Platform
import Store
import Telemetry

/// `catalog.db`: alerts, their history and the outbox, each change one transaction. Written with full
/// synchronisation always: it is small, and a page must be neither lost nor told twice.
package final class CatalogFile: Catalog {
    let path: String
    private let queue: DatabaseQueue

    /// Transitions kept; older ones are dropped as new ones come.
    private static let historyMax = 100_000
    /// Settled deliveries kept for people to look at.
    private static let settledMax = 1_000

    /// Opens or creates the catalog. A damaged one is set aside and reported: what alerts remembered is
    /// then gone, everything else goes on.
    package static func opening(
        _ path: String, events: EventLog
    ) throws(StoreError) -> CatalogFile {
        if try DamagedFile.isEmpty(path) {
            events.emit(
                StoreDamage(kind: "catalog", path: path, reason: DamagedFile.emptyReason))
        }
        do {
            return try CatalogFile(path: path)
        } catch .damaged(_, let reason) {
            events.emit(StoreDamage(kind: "catalog", path: path, reason: reason))
            try DamagedFile.setAside(path)
            return try CatalogFile(path: path)
        }
    }

    package init(path: String) throws(StoreError) {
        self.path = path
        do {
            guard sidelight_vfs_register() == 0 else {
                throw StoreError.writeFailed(path: path, reason: "cannot register the file layer")
            }
            var configuration = Configuration()
            configuration.label = "catalog"
            configuration.busyMode = .timeout(5)
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
            }
            try queue.read { db in
                // It is small; and half of an alert's state would be worse than none.
                let verdict = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
                guard verdict == "ok" else {
                    throw StoreError.damaged(path: path, reason: verdict ?? "it cannot be checked")
                }
            }
            try CatalogFile.migrations.migrate(queue)
        } catch {
            throw StoreError(error, path: path)
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("alerts and outbox") { db in
            try db.execute(
                sql: """
                    CREATE TABLE alert(
                        file TEXT NOT NULL, rule_group TEXT NOT NULL, rule TEXT NOT NULL,
                        labels BLOB NOT NULL, annotations BLOB NOT NULL, state TEXT NOT NULL,
                        since INTEGER NOT NULL, fired_at INTEGER, value REAL NOT NULL,
                        last_sent_at INTEGER,
                        PRIMARY KEY(file, rule_group, rule, labels)
                    ) WITHOUT ROWID;
                    CREATE TABLE alert_transition(
                        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, file TEXT NOT NULL,
                        rule_group TEXT NOT NULL, rule TEXT NOT NULL, labels BLOB NOT NULL,
                        from_state TEXT NOT NULL, to_state TEXT NOT NULL, value REAL NOT NULL
                    );
                    CREATE TABLE delivery(
                        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL,
                        body BLOB NOT NULL, attempts INTEGER NOT NULL, created_at INTEGER NOT NULL,
                        next_attempt_at INTEGER NOT NULL, last_error TEXT NOT NULL,
                        state TEXT NOT NULL DEFAULT 'due'
                    );
                    CREATE INDEX delivery_due ON delivery(state, next_attempt_at);
                    """)
        }
        registerOutboxIndex(&migrator)
        migrator.registerMigration("alerts kept firing") { db in
            try db.execute(sql: "ALTER TABLE alert ADD COLUMN keep_firing_since INTEGER")
        }
        migrator.registerMigration("derived state") { db in
            try db.execute(
                sql: """
                    CREATE TABLE derived_state(
                        id INTEGER PRIMARY KEY CHECK (id = 1), through INTEGER NOT NULL,
                        checksum BLOB NOT NULL, state BLOB NOT NULL
                    );
                    """)
        }
        migrator.registerMigration("derived log state") { db in
            try db.execute(
                sql: """
                    CREATE TABLE derived_log_state(
                        id INTEGER PRIMARY KEY CHECK (id = 1), through INTEGER NOT NULL,
                        checksum BLOB NOT NULL, state BLOB NOT NULL
                    );
                    """)
        }
        migrator.registerMigration("state of the notifier") { db in
            try db.execute(
                sql: """
                    CREATE TABLE notifier(
                        kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
                        PRIMARY KEY(kind, key)
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("learnt sampling rates") { db in
            try db.execute(
                sql: """
                    CREATE TABLE sampling_rates(
                        id INTEGER PRIMARY KEY CHECK (id = 1), rates BLOB NOT NULL
                    );
                    """)
        }
        return migrator
    }

    package func alerts(group: RuleGroupKey) throws(StoreError) -> [AlertRecord] {
        try perform {
            try $0.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT rule, labels, annotations, state, since, fired_at, value,
                            last_sent_at, keep_firing_since
                        FROM alert WHERE file = ? AND rule_group = ? ORDER BY rule, labels
                        """,
                    arguments: [group.file, group.name]
                ).map { try CatalogFile.alert($0, group) }
            }
        }
    }

    package func alertGroups() throws(StoreError) -> Set<RuleGroupKey> {
        try perform {
            try $0.read { db in
                let rows = try Row.fetchAll(
                    db, sql: "SELECT DISTINCT file, rule_group FROM alert")
                return Set(rows.map { RuleGroupKey(file: $0[0], name: $0[1]) })
            }
        }
    }

    package func commit(_ change: CatalogChange) throws(StoreError) {
        if change.isEmpty { return }
        try perform {
            try $0.write { db in
                for record in change.upserts { try CatalogFile.upsert(record, db) }
                for record in change.removals { try CatalogFile.remove(record, db) }
                for transition in change.transitions { try CatalogFile.insert(transition, db) }
                for delivery in change.deliveries { try CatalogFile.insert(delivery, db) }
                if !change.transitions.isEmpty {
                    try db.execute(
                        sql: """
                            DELETE FROM alert_transition
                            WHERE id <= (SELECT max(id) FROM alert_transition) - ?
                            """,
                        arguments: [CatalogFile.historyMax])
                }
            }
        }
    }

    package func alertHistory(limit: Int) throws(StoreError) -> [AlertTransition] {
        try alertHistory(AlertHistoryFilter(), limit: limit)
    }

    package func alertHistory(
        _ filter: AlertHistoryFilter, limit: Int
    ) throws(StoreError) -> [AlertTransition] {
        try perform {
            try $0.read { db in
                let rows = try Row.fetchCursor(
                    db,
                    sql: """
                        SELECT at, file, rule_group, rule, labels, from_state, to_state, value
                        FROM alert_transition
                        WHERE at BETWEEN ? AND ? AND rule = ifnull(?, rule)
                            AND to_state = ifnull(?, to_state)
                        ORDER BY id DESC
                        """,
                    arguments: [
                        filter.from?.nanoseconds ?? Int64.min,
                        filter.to?.nanoseconds ?? Int64.max,
                        filter.rule, filter.state,
                    ])
                var found: [AlertTransition] = []
                while found.count < limit, let row = try rows.next() {
                    let transition = AlertTransition(
                        at: Timestamp(nanoseconds: row[0]),
                        group: RuleGroupKey(file: row[1], name: row[2]), rule: row[3],
                        labels: Labels(canonicalBytes: Array(row[4] as Data)), from: row[5],
                        to: row[6], value: CatalogFile.number(row[7]))
                    if filter.accepts(transition) { found.append(transition) }
                }
                return found
            }
        }
    }

    package func dueDeliveries(at now: Timestamp, limit: Int) throws(StoreError) -> [Delivery] {
        try perform {
            try $0.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT id, receiver, body, attempts, created_at, next_attempt_at, last_error
                        FROM delivery WHERE state = 'due' AND next_attempt_at <= ?
                        ORDER BY id LIMIT ?
                        """,
                    arguments: [now.nanoseconds, limit]
                ).map { CatalogFile.delivery($0) }
            }
        }
    }

    package func settle(_ delivery: Int64, _ outcome: DeliveryOutcome) throws(StoreError) {
        try perform {
            try $0.write { db in
                switch outcome {
                case .delivered:
                    try CatalogFile.finish(delivery, "delivered", error: nil, db)
                case .failed(let error):
                    try CatalogFile.finish(delivery, "failed", error: error, db)
                case .retry(let at, let error):
                    try db.execute(
                        sql: """
                            UPDATE delivery SET attempts = attempts + 1, next_attempt_at = ?,
                                last_error = ? WHERE id = ?
                            """,
                        arguments: [at.nanoseconds, error, delivery])
                }
            }
        }
    }

    package func close() throws(StoreError) {
        try perform { try $0.close() }
    }

    func perform<T>(_ body: (DatabaseQueue) throws -> T) throws(StoreError) -> T {
        do {
            return try body(queue)
        } catch {
            throw StoreError(error, path: path)
        }
    }
}

extension CatalogFile {
    private static func upsert(_ record: AlertRecord, _ db: Database) throws {
        let (since, firedAt): (Timestamp, Timestamp?) =
            switch record.state {
            case .pending(let since): (since, nil)
            case .firing(let since, let firedAt): (since, firedAt)
            case .resolved(let at, let firedAt): (at, firedAt)
            }
        let annotations = AttributeValue.map(record.annotations).encoded
        try db.execute(
            sql: "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                record.group.file, record.group.name, record.rule, Data(record.labels.bytes),
                Data(annotations), record.state.name, since.nanoseconds, firedAt?.nanoseconds,
                storable(record.value), record.lastSentAt?.nanoseconds,
                record.keepFiringSince?.nanoseconds,
            ])
    }

    /// SQLite has no NaN and would store NULL: as a word it keeps its place in a column of numbers.
    private static func storable(_ value: Double) -> DatabaseValue {
        value.isNaN ? "NaN".databaseValue : value.databaseValue
    }

    private static func number(_ value: DatabaseValue) -> Double {
        Double.fromDatabaseValue(value) ?? .nan
    }

    private static func remove(_ record: AlertRecord, _ db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM alert
                WHERE file = ? AND rule_group = ? AND rule = ? AND labels = ?
                """,
            arguments: [
                record.group.file, record.group.name, record.rule, Data(record.labels.bytes),
            ])
    }

    private static func insert(_ transition: AlertTransition, _ db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO alert_transition(
                    at, file, rule_group, rule, labels, from_state, to_state, value)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                transition.at.nanoseconds, transition.group.file, transition.group.name,
                transition.rule, Data(transition.labels.bytes), transition.from, transition.to,
                storable(transition.value),
            ])
    }

    /// From the columns in the order in which they are asked for above.
    static func delivery(_ row: Row) -> Delivery {
        Delivery(
            id: row[0], receiver: row[1], body: Array(row[2] as Data), attempts: row[3],
            createdAt: Timestamp(nanoseconds: row[4]),
            nextAttemptAt: Timestamp(nanoseconds: row[5]), lastError: row[6])
    }

    static func insert(_ delivery: Delivery, _ db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO delivery(
                    receiver, body, attempts, created_at, next_attempt_at, last_error)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                delivery.receiver, Data(delivery.body), delivery.attempts,
                delivery.createdAt.nanoseconds, delivery.nextAttemptAt.nanoseconds,
                delivery.lastError,
            ])
    }

    private static func finish(
        _ delivery: Int64, _ state: String, error: String?, _ db: Database
    ) throws {
        try db.execute(
            sql: """
                UPDATE delivery SET state = ?, attempts = attempts + 1,
                    last_error = coalesce(?, last_error) WHERE id = ?
                """,
            arguments: [state, error, delivery])
        try db.execute(
            sql: """
                DELETE FROM delivery WHERE state <> 'due' AND id <= (
                    SELECT id FROM delivery WHERE state <> 'due' ORDER BY id DESC
                    LIMIT 1 OFFSET ?)
                """,
            arguments: [settledMax])
    }

    private static func alert(_ row: Row, _ group: RuleGroupKey) throws -> AlertRecord {
        let labels: Data = row[1]
        let annotationBytes: Data = row[2]
        let stateName: String = row[3]
        let since = Timestamp(nanoseconds: row[4])
        let fired: Int64? = row[5]
        let firedAt = fired.map(Timestamp.init(nanoseconds:)) ?? since
        let state: AlertState =
            switch stateName {
            case "pending": .pending(since: since)
            case "firing": .firing(since: since, firedAt: firedAt)
            case "resolved": .resolved(at: since, firedAt: firedAt)
            default:
                throw StoreError.damaged(
                    path: "catalog.db", reason: "unknown alert state \(stateName)")
            }
        var annotations: [Attribute] = []
        if case .map(let pairs) = annotationBytes.withUnsafeBytes({ AttributeValue(encoded: $0) }) {
            annotations = pairs
        }
        let sent: Int64? = row[7]
        let kept: Int64? = row[8]
        return AlertRecord(
            group: group, rule: row[0], labels: Labels(canonicalBytes: Array(labels)),
            annotations: annotations, state: state, value: number(row[6]),
            lastSentAt: sent.map(Timestamp.init(nanoseconds:)),
            keepFiringSince: kept.map(Timestamp.init(nanoseconds:)))
    }
}
