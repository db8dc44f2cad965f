/// Why bytes could not be compressed or expanded.
package enum CompressionError: Error, Equatable, CustomStringConvertible {
    /// The input is not a complete, well-formed stream of this format.
    case corrupt(format: String, reason: String)
    /// The expanded content is larger than the caller allows; `limit` is in bytes.
    case tooLarge(limit: Int)
    /// The library itself failed, for want of memory.
    case failed(format: String, reason: String)

    package var description: String {
        switch self {
        case .corrupt(let format, let reason): "\(format) data is corrupt: \(reason)"
        case .tooLarge(let limit): "expanded data exceeds the limit of \(limit) bytes"
        case .failed(let format, let reason): "\(format) failed: \(reason)"
        }
    }
}
