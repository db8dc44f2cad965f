/// Which attributes of a record with a body its sender told beside the line (Loki's structured metadata, the
/// members of an Elasticsearch document): no parser of a query overwrites these. The others were read out of
/// the line. Of records that came otherwise, by OTLP or from an earlier version, it is not known.
///
/// Kept, as `LineSpacing` is, in bits of the flags that OTLP reserves and receivers ignore.
package enum BesideLine {
    /// Set if there are such attributes; they come first.
    private static let isKnown: UInt32 = 1 << 29
    private static let countShift: UInt32 = 21
    /// Of more, the rest counts as read out of the line.
    private static let countMax: UInt32 = 255

    /// Flags of a record of which the first `count` attributes came beside the line.
    package static func flags(_ count: Int) -> UInt32 {
        count > 0 ? isKnown | min(UInt32(clamping: count), countMax) << countShift : 0
    }

    /// How many of the first attributes of record `row` came beside its line, as far as it is known.
    @inline(__always)
    package static func count(_ batch: borrowing LogBatch, row: Int) -> Int {
        guard batch.bodyTypes[row] != .empty else { return 0 }
        return count(flags: batch.flags[row], of: batch.attributeRange(row).count)
    }

    /// The same for a record with a body, of its flags and the number of its attributes.
    @inline(__always)
    package static func count(flags: UInt32, of all: Int) -> Int {
        flags & isKnown == 0 ? 0 : min(all, Int(flags >> countShift & countMax))
    }

    /// Flags as they are told to others.
    package static func plain(_ flags: UInt32) -> UInt32 {
        flags & ~(isKnown | countMax << countShift)
    }
}
