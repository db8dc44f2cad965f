import Foundation
import GRDB
import Store
import Telemetry

/// Where the checkpoint of what is derived from a signal stands.
enum DerivedStatePlace: Sendable {
    case spans, logs

    var signal: String { self == .spans ? "spans" : "access logs" }
    fileprivate var table: String { self == .spans ? "derived_state" : "derived_log_state" }
}

/// A checkpoint of what is derived from a signal.
struct SavedDerivedState {
    /// The last journal record that the state covers.
    var through: UInt64
    var bytes: [UInt8]
    /// Whether the checksum holds.
    var isWhole: Bool
}

extension CatalogFile {
    func derivedState(_ place: DerivedStatePlace) throws(StoreError) -> SavedDerivedState? {
        try perform {
            try $0.read { db in
                let row = try Row.fetchOne(
                    db, sql: "SELECT through, checksum, state FROM \(place.table) WHERE id = 1")
                guard let row else { return nil }
                let through: Int64 = row[0]
                let checksum: Data = row[1]
                let bytes = [UInt8](row[2] as Data)
                return SavedDerivedState(
                    through: UInt64(bitPattern: through), bytes: bytes,
                    isWhole: [UInt8](checksum) == CatalogFile.checksum(bytes))
            }
        }
    }

    func saveDerivedState(
        _ bytes: [UInt8], through: UInt64, _ place: DerivedStatePlace
    ) throws(StoreError) {
        try perform {
            try $0.write { db in
                try db.execute(
                    sql: "INSERT OR REPLACE INTO \(place.table) VALUES (1, ?, ?, ?)",
                    arguments: [
                        Int64(bitPattern: through), Data(CatalogFile.checksum(bytes)), Data(bytes),
                    ])
            }
        }
    }

    func deleteDerivedState(_ place: DerivedStatePlace) throws(StoreError) {
        try perform { try $0.write { try $0.execute(sql: "DELETE FROM \(place.table)") } }
    }

    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        let hash = ContentHash(bytes)
        return [hash.high, hash.low].flatMap { word in
            withUnsafeBytes(of: word.littleEndian) { Array($0) }
        }
    }
}
