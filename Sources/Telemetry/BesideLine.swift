/// Which attributes of a record with a body its sender told beside the line (Loki's structured metadata, the
/// members of an Elasticsearch document, all attributes of OTLP): no parser of a query overwrites these. The
/// others were read out of the line.
///
/// Kept, as `LineSpacing` is, in bits of the flags that OTLP reserves and receivers ignore.
package enum BesideLine {
    /// Set if attributes were read out of the line; they follow those that came beside it.
    private static let hasOthers: UInt32 = 1 << 29
    private static let countShift: UInt32 = 21
    /// Of more, the rest counts as read out of the line.
    private static let countMax: UInt32 = 255

    /// Flags of a record of which the first `count` attributes of `all` came beside the line.
    package static func flags(_ count: Int, of all: Int) -> UInt32 {
        guard count < all else { return 0 }
        return hasOthers | min(UInt32(clamping: count), countMax) << countShift
    }

    /// How many of the first attributes of record `row` came beside its line.
    @inline(__always)
    package static func count(_ batch: borrowing LogBatch, row: Int) -> Int {
        guard batch.bodyTypes[row] != .empty else { return 0 }
        return count(flags: batch.flags[row], of: batch.attributeRange(row).count)
    }

    /// The same for a record with a body, of its flags and the number of its attributes.
    @inline(__always)
    package static func count(flags: UInt32, of all: Int) -> Int {
        flags & hasOthers == 0 ? all : min(all, Int(flags >> countShift & countMax))
    }

    /// Flags as they are told to others.
    package static func plain(_ flags: UInt32) -> UInt32 {
        flags & ~(hasOthers | countMax << countShift)
    }
}
