/// A part of the journal that does not hold what was written.
package struct JournalDamage: Hashable, Sendable, CustomStringConvertible {
    package var path: String
    /// Where the damage begins, in bytes from the start of the file.
    package var offset: Int
    /// Bytes passed over.
    package var bytes: Int
    /// Sequences of acknowledged records that are lost, as far as they can be told.
    package var missing: ClosedRange<UInt64>?
    package var reason: String

    package var description: String {
        let lost =
            switch missing {
            case .none: "which records are lost is unknown"
            case .some(let range) where range.count == 1: "record \(range.lowerBound) is lost"
            case .some(let range): "records \(range.lowerBound) to \(range.upperBound) are lost"
            }
        return "\(path) is damaged at byte \(offset) (\(bytes) bytes, \(reason)): \(lost)"
    }
}

/// What opening a journal found. Damage stays in place, is reported at every start while its segment is
/// still needed, and its file is then renamed to `….damaged`, never deleted.
package struct ReplayReport: Hashable, Sendable {
    package var segments = 0
    package var records = 0
    /// Payload bytes of those records.
    package var payloadBytes = 0
    package var firstSequence: UInt64?
    package var lastSequence: UInt64?
    /// Bytes behind the last whole record: an append that a crash cut short, never acknowledged.
    package var tornBytes = 0
    package var damage: [JournalDamage] = []
    /// Files set aside by earlier repairs, which an operator may inspect and delete.
    package var setAside: [String] = []

    package var isClean: Bool { damage.isEmpty }
}
