import Telemetry

/// Attributes of many items, by shape.
///
/// A *shape* is the list of (key, type) pairs of one item, in order. Few shapes repeat over many items,
/// so an item costs one small shape number, and the values of each (key, type) pair stand together in a
/// column of their own: those of the items whose shape has it, in item order (twice for a key that an
/// item repeats).
///
/// ```
/// shapes column =                                                    absent: no attributes at all
///   | mode 1 │ pairs varint │ key ids │ types │ shapes varint │ cells varint │ shape lengths
///            │ pairs of shapes │ shape of each item
///   | mode 2 │ cells varint │ count of each item │ key of each cell │ type of each cell
/// value column p = the values of pair p (mode 1) or of type p (mode 2)           see `AttributeValues`
/// ```
/// Mode 2 is for items that share no shapes.
enum AttributeSets {
    /// Column ids of one kind of attributes.
    struct ColumnIDs {
        var shapes: UInt32
        /// Tells the value columns of this kind from those of others.
        var group: UInt32

        /// Ids of value columns start above all fixed ones.
        static let valuesStart: UInt32 = 64

        func values(_ index: Int) -> UInt32 {
            ColumnIDs.valuesStart + UInt32(truncatingIfNeeded: index) * 4 + group
        }
    }

    enum Mode: UInt8 {
        case shapes = 1
        case cells = 2
    }
}
