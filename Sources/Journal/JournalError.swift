import Platform

/// Why the journal did not take a record, or could not be opened.
package enum JournalError: Error, Hashable, Sendable {
    /// A call to the file system failed. Of the batch nothing is acknowledged; if the disk was full,
    /// later appends succeed once there is room.
    case file(FileError)
    /// One record is larger than records may be; sending it again does not help.
    case recordTooLarge(bytes: Int, bytesMax: Int)
    /// So many bytes wait to be written that no more are taken: send again after the hint.
    case overloaded(queuedBytes: Int, retryAfterMilliseconds: Int)
    /// A segment was written by a later version of this program.
    case unsupportedVersion(path: String, version: UInt32)
    case closed
}

extension JournalError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .recordTooLarge(let bytes, let bytesMax):
            "a record of \(bytes) bytes is larger than the journal takes (\(bytesMax)); "
                + "send smaller batches"
        case .overloaded(let queued, let milliseconds):
            "\(queued) bytes wait for the journal; retry in \(milliseconds) ms"
        case .unsupportedVersion(let path, let version):
            "\(path) has journal format \(version), this program knows \(SegmentHeader.version): "
                + "open it with the program that wrote it"
        case .closed: "the journal is closed"
        }
    }
}
