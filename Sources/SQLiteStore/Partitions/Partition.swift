import CSQLiteVFS
import Foundation
import GRDB
import Journal
import Store
import Synchronization

/// One database file: one signal, one UTC day. Opened when first used, closed when it has to make room.
///
/// Every file has the table `meta(key, value)` with the layout's version and `sealed_through`, the
/// journal sequence up to which this file holds everything that belongs in it: written in the same
/// transaction as the data, so that replay after a crash takes each item exactly once.
final class Partition: Sendable {
    /// The layout this code writes and reads.
    static let formatVersion: Int64 = 1

    let day: UTCDay
    let path: String
    private let schema: String
    private let durability: Durability
    private let pool = Mutex<DatabasePool?>(nil)

    /// - Parameter schema: SQL that creates the signal's tables if they do not exist.
    init(day: UTCDay, path: String, schema: String, durability: Durability) {
        self.day = day
        self.path = path
        self.schema = schema
        self.durability = durability
    }

    /// Runs `body` on a reader connection.
    func read<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        do {
            return try open().read(body)
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// Runs `body` in a transaction on the one writer connection.
    func write<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        do {
            return try open().write(body)
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// Everything of this partition up to this journal sequence is in the file; 0 if nothing is.
    func sealedThrough() throws(StoreError) -> UInt64 {
        try read { db in
            try Int64.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'sealed_through'")
        }.map { UInt64(bitPattern: $0) } ?? 0
    }

    /// To be called within `write`, with the data that it covers.
    static func setSealedThrough(_ sequence: UInt64, _ db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO meta(key, value) VALUES ('sealed_through', ?)",
            arguments: [Int64(bitPattern: sequence)])
    }

    /// Closes the file if no read is running; it opens again when used.
    func close() {
        pool.withLock { $0 = nil }
    }

    /// Folds the write-ahead log into the file, so that it can be copied alone.
    func checkpoint() throws(StoreError) {
        do {
            try open().writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// Writes what the file holds now into a new one.
    func copy(to target: String) throws(StoreError) {
        do {
            let queue = try DatabaseQueue(path: target)
            try open().backup(to: queue)
            try queue.close()
        } catch {
            throw StoreError(error, path: target)
        }
    }

    var isOpen: Bool { pool.withLock { $0 != nil } }

    private func open() throws -> DatabasePool {
        try pool.withLock { pool in
            if let pool { return pool }
            guard sidelight_vfs_register() == 0 else {
                throw StoreError.writeFailed(path: path, reason: "cannot register the file layer")
            }
            var configuration = Configuration()
            configuration.maximumReaderCount = 4
            configuration.label = "partition \(day.name)"
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { db in
                // 16 KiB pages read blobs of 64–256 KiB in few steps; the log is folded in every 64 MiB.
                try db.execute(
                    sql: """
                        PRAGMA page_size = 16384;
                        PRAGMA wal_autocheckpoint = 4000;
                        PRAGMA mmap_size = 1073741824;
                        """)
            }
            let opened = try DatabasePool(path: path, configuration: configuration)
            try opened.writeWithoutTransaction { db in
                // The pool asks for NORMAL by itself, which loses commits with the power.
                try db.execute(
                    sql: "PRAGMA synchronous = \(durability == .power ? "FULL" : "NORMAL")")
                try db.inTransaction {
                    try createSchema(db)
                    return .commit
                }
            }
            pool = opened
            return opened
        }
    }

    private func createSchema(_ db: Database) throws {
        try db.execute(
            sql: "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID")
        let version = try Int64.fetchOne(
            db, sql: "SELECT value FROM meta WHERE key = 'format_version'")
        switch version {
        case Partition.formatVersion: break
        case nil:
            try db.execute(
                sql: "INSERT INTO meta(key, value) VALUES ('format_version', ?)",
                arguments: [Partition.formatVersion])
        case .some(let other):
            throw StoreError.incompatible(
                path: path,
                reason: "it has format version \(other), this program knows "
                    + "\(Partition.formatVersion): open it with the program that wrote it")
        }
        try db.execute(sql: schema)
    }
}
