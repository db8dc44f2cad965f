import Glibc
import Synchronization

/// Keeps a second process out of a directory, with `flock` on a file `LOCK` inside it. The kernel lets
/// go when the process ends, however it ends; the file stays.
package final class FolderLock: Sendable {
    /// Why a directory could not be taken.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// `holder` is the process id found in the lock file, "?" if it is unreadable.
        case inUse(directory: String, holder: String)
        case file(FileError)

        package var description: String {
            switch self {
            case .inUse(let directory, let holder):
                "the directory \(directory) is in use by another process (pid \(holder)); "
                    + "stop it, or choose another directory"
            case .file(let error): error.description
            }
        }
    }

    package let directory: String
    /// Negative once released.
    private let descriptor: Mutex<Int32>

    /// Takes the directory, which must exist.
    package init(directory: String) throws(Failure) {
        let path = directory + "/LOCK"
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard opened >= 0 else { throw .file(FileError(.lock, path: path, code: errno)) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let holder = FolderLock.holder(opened)
            close(opened)
            guard code == EWOULDBLOCK else {
                throw .file(FileError(.lock, path: path, code: code))
            }
            throw .inUse(directory: directory, holder: holder)
        }
        let line = Array("\(getpid())\n".utf8)
        // The number only helps people: a lock without it holds as well.
        if ftruncate(opened, 0) == 0 { _ = pwrite(opened, line, line.count, 0) }
        self.directory = directory
        descriptor = Mutex(opened)
    }

    deinit { release() }

    /// Lets other processes have the directory.
    package func release() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 {
                // A child that is just being started may hold a copy: closing alone would not unlock.
                _ = flock(descriptor, LOCK_UN)
                _ = close(descriptor)
            }
            descriptor = -1
        }
    }

    private static func holder(_ descriptor: Int32) -> String {
        withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { buffer in
            let count = pread(descriptor, buffer.baseAddress, buffer.count, 0)
            let digits = buffer.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
            return digits.isEmpty ? "?" : String(decoding: digits, as: UTF8.self)
        }
    }
}
