import Telemetry

/// Gives the strings that an encoding uses new ids in order of use: strings of one column become
/// neighbours, so its dictionary is a range and similar texts compress together; unused ones vanish.
struct StringRenumbering {
    /// New id by old id; 0 is "not used yet" (and the empty string, which stays 0).
    private var newIDs: [StringID]
    /// Old id by new id.
    private(set) var oldIDs: [StringID] = [0]
    /// `epoch << 32 | rank` by old id: its rank in the dictionary of the column of that epoch.
    private var ranks: [UInt64]
    private var epoch: UInt64 = 0

    init(stringCount: Int) {
        newIDs = [StringID](repeating: 0, count: stringCount)
        ranks = [UInt64](repeating: 0, count: stringCount)
        oldIDs.reserveCapacity(stringCount)
    }

    var count: Int { oldIDs.count }

    @inline(__always)
    mutating func newID(_ old: StringID) -> StringID {
        let known = newIDs[Int(old)]
        if known != 0 || old == 0 { return known }
        let id = StringID(truncatingIfNeeded: oldIDs.count)
        newIDs[Int(old)] = id
        oldIDs.append(old)
        return id
    }

    /// Replaces ids by ranks in order of first appearance; returns the new id by rank.
    @inline(__always)
    mutating func rank<Word: FixedWidthInteger & UnsignedInteger>(
        _ ids: UnsafeBufferPointer<Word>, into codes: UnsafeMutablePointer<UInt32>
    ) -> [StringID] {
        epoch += 1
        let mark = epoch << 32
        var dictionary: [StringID] = []
        // Each turn takes the ids up to the next new one.
        var index = 0
        while true {
            index = ranks.withUnsafeMutableBufferPointer { ranks in
                Self.rankKnown(ids, from: index, ranks, epoch, into: codes)
            }
            guard index < ids.count else { return dictionary }
            let old = StringID(truncatingIfNeeded: ids[index])
            let rank = UInt32(truncatingIfNeeded: dictionary.count)
            ranks[Int(old)] = mark | UInt64(rank)
            dictionary.append(newID(old))
        }
    }

    /// Ranks ids up to one that has no rank in this epoch; returns its index.
    @inline(__always)
    private static func rankKnown<Word: FixedWidthInteger & UnsignedInteger>(
        _ ids: UnsafeBufferPointer<Word>, from start: Int,
        _ ranks: UnsafeMutableBufferPointer<UInt64>, _ epoch: UInt64,
        into codes: UnsafeMutablePointer<UInt32>
    ) -> Int {
        var index = start
        while index < ids.count {
            let entry = ranks[Int(truncatingIfNeeded: ids[index])]
            guard entry >> 32 == epoch else { break }
            codes[index] = UInt32(truncatingIfNeeded: entry)
            index &+= 1
        }
        return index
    }
}
