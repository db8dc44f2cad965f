/// How much time an encoding may take for being small. All efforts write one format.
package enum EncodingEffort: Sendable, Hashable, CaseIterable {
    /// For the journal, on the way to an acknowledgement: bit packing only.
    case journal
    /// For blocks sealed from the head.
    case sealed
    /// For blocks merged in the background.
    case compacted

    /// zstd's level; `nil` for no compression. Level 1 packs 360 MB/s on a core of the machines this is
    /// sized for, level 6 about 80 MB/s.
    var zstdLevel: Int32? {
        switch self {
        case .journal: nil
        case .sealed: 1
        case .compacted: 6
        }
    }
}

/// Bounds on what one encoded batch may claim, so that damaged or hostile bytes cannot make a reader
/// allocate without end.
package enum ColumnLimits {
    /// Rows of a batch. Blocks hold tens of thousands, a request body at most two million.
    package static let rowsMax = 1 << 22
    /// Attributes, events or links of a batch.
    package static let cellsMax = 1 << 26
    /// Bytes of one column after expansion.
    package static let columnBytesMax = 1 << 30
    /// Distinct (key, type) pairs that get a column of their own.
    static let attributeColumnsMax = 4_096
}
