/// Why stored bytes could not be turned back into columns. Every reader of this module throws it and
/// nothing else; no input makes one trap.
package enum ColumnDecodeError: Error, Equatable, CustomStringConvertible {
    /// `column` ends before what it promises: at byte `offset`, `needed` bytes were wanted and `had`
    /// were left.
    case truncated(column: String, offset: Int, needed: Int, had: Int)
    /// The bytes contradict the format.
    case corrupt(column: String, offset: Int, reason: String)
    /// The checksum over the whole does not match: the bytes are not what was written.
    case checksumMismatch(stored: UInt64, computed: UInt64)
    /// Written by a newer (or a never released) version of the format.
    case unsupportedVersion(UInt8)

    package var description: String {
        switch self {
        case .truncated(let column, let offset, let needed, let had):
            "column \(column) is truncated: \(needed) bytes needed at offset \(offset), \(had) left"
        case .corrupt(let column, let offset, let reason):
            "column \(column) is corrupt at offset \(offset): \(reason)"
        case .checksumMismatch(let stored, let computed):
            "checksum is \(String(computed, radix: 16)), stored \(String(stored, radix: 16))"
        case .unsupportedVersion(let version):
            "format version \(version) is not supported"
        }
    }
}
