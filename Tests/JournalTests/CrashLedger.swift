import Journal

/// What a sender knows: the model that every replay is checked against.
struct CrashLedger {
    /// Every payload ever handed to the journal.
    var submitted: Set<[UInt8]> = []
    /// Acknowledged, by sequence, and not yet forgotten.
    var acknowledged: [UInt64: [UInt8]] = [:]
    var removedThrough: UInt64 = 0
    /// A loss of power in `process` mode breaks promises that were not made.
    var mayHaveLost = false

    mutating func acknowledge(_ payloads: [[UInt8]], first: UInt64) {
        for (index, payload) in payloads.enumerated() {
            acknowledged[first + UInt64(index)] = payload
        }
    }

    mutating func forget(through sequence: UInt64) {
        removedThrough = max(removedThrough, sequence)
        acknowledged = acknowledged.filter { $0.key > sequence }
    }

    /// The power went in `process` mode: only what is found now has to be there from now on.
    mutating func losePromises() {
        mayHaveLost = true
        acknowledged = [:]
    }

    /// Why `records` are not what the journal promised; `nil` if they are. What was found counts as
    /// acknowledged from here on: later replays must deliver it again.
    mutating func complaint(about records: [Kept], _ report: ReplayReport) -> String? {
        if !mayHaveLost, !report.isClean { return "damage: \(report.damage)" }
        if zip(records, records.dropFirst()).contains(where: { $0.sequence >= $1.sequence }) {
            return "out of order: \(records.map(\.sequence))"
        }
        if Set(records.map(\.payload)).count != records.count { return "delivered twice" }
        if !records.allSatisfy({ submitted.contains($0.payload) }) { return "never submitted" }
        let found = Dictionary(uniqueKeysWithValues: records.map { ($0.sequence, $0.payload) })
        for (sequence, payload) in acknowledged where found[sequence] != payload {
            return "record \(sequence) was acknowledged and is not there"
        }
        for record in records where record.sequence > removedThrough {
            acknowledged[record.sequence] = record.payload
        }
        return nil
    }
}
