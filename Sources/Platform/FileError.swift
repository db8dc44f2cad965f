import Glibc

/// A call to the file system that failed: what was tried, on which path, and why.
package struct FileError: Error, Hashable, Sendable {
    package enum Operation: String, Sendable, CaseIterable {
        case open
        case append = "append to"
        case sync
        case truncate
        case close
        case read
        case list
        case remove
        case rename
        case createDirectory = "create directory"
        case syncDirectory = "sync directory"
        case lock
        case measureSpace = "measure free space of"
    }

    package var operation: Operation
    package var path: String
    /// The `errno` of the failed call.
    package var code: Int32

    package init(_ operation: Operation, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// The volume or the quota is exhausted: the same call may succeed once space is freed.
    package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
    package var isMissing: Bool { code == ENOENT }
}

extension FileError: CustomStringConvertible {
    package var description: String {
        "cannot \(operation.rawValue) \(path): \(String(cString: strerror(code))) (errno \(code))"
    }
}
