import ColumnEncoding
import GRDB
import Journal
import Store

extension StoreError {
    /// Sorts a failure of SQLite, the journal or the files: damage is permanent, most else may pass.
    init(_ error: any Error, path: String) {
        switch error {
        case let error as StoreError: self = error
        case let error as ColumnDecodeError:
            self = .damaged(path: path, reason: error.description)
        case JournalError.overloaded(_, let milliseconds):
            self = .overloaded(retryAfterMilliseconds: milliseconds)
        case JournalError.closed: self = .closed
        case JournalError.unsupportedVersion(let path, let version):
            self = .incompatible(
                path: path,
                reason:
                    "it has journal format \(version), which this program does not know: open it "
                    + "with the program that wrote it")
        case JournalError.recordTooLarge(let bytes, _):
            self = .limitExceeded(limit: "the journal's record size", value: bytes)
        case let error as DatabaseError:
            switch error.resultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                self = .damaged(path: path, reason: error.message ?? "\(error.resultCode)")
            default:
                self = .writeFailed(path: path, reason: error.message ?? "\(error.resultCode)")
            }
        default: self = .writeFailed(path: path, reason: "\(error)")
        }
    }
}
