import Foundation
import Store

/// Database files that do not hold what they should.
enum DamagedFile {
    /// Renames a database with its log to `….damaged` (`….damaged-2` and so on if there is one), so that
    /// a new one can take its place. Nothing is ever deleted.
    static func setAside(_ path: String) throws(StoreError) {
        var target = path + ".damaged"
        var attempt = 1
        while FileManager.default.fileExists(atPath: target) {
            attempt += 1
            target = "\(path).damaged-\(attempt)"
        }
        do {
            try FileManager.default.moveItem(atPath: path, toPath: target)
            for suffix in ["-wal", "-shm"]
            where FileManager.default.fileExists(atPath: path + suffix) {
                try FileManager.default.moveItem(atPath: path + suffix, toPath: target + suffix)
            }
        } catch {
            throw .writeFailed(path: path, reason: error.localizedDescription)
        }
    }

    /// What is wrong with a file of no bytes: SQLite takes it for a new database and says nothing. A crash
    /// leaves one in the moment between creating a file and writing to it, and then nothing is lost.
    static let emptyReason =
        "it is empty: what it held is lost, unless a crash came just after it was created"

    /// Whether there is a file of no bytes that no log completes.
    static func isEmpty(_ path: String) throws(StoreError) -> Bool {
        do {
            return try size(path) == 0 && size(path + "-wal") ?? 0 == 0
        } catch {
            throw .writeFailed(path: path, reason: error.localizedDescription)
        }
    }

    private static func size(_ path: String) throws -> Int? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
    }
}
