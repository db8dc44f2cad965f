import Glibc
import Platform

/// Which file a path names, whatever it is renamed to.
struct FileIdentity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64

    init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    /// `nil` if there is no such file, or it cannot be looked at.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }
}

/// An open file that others write: read from wherever one likes, as long as it is open, also when it was
/// renamed or removed.
final class FollowedFile: Sendable {
    let path: String
    let identity: FileIdentity
    private let descriptor: Int32

    init(_ path: String) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(.open, path: path, code: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw FileError(.open, path: path, code: code)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FileError(.open, path: path, code: EINVAL)
        }
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        self.descriptor = descriptor
        self.path = path
    }

    /// `nil` for what is gone, forbidden, or no file.
    static func ifReadable(_ path: String) -> FollowedFile? {
        do throws(FileError) { return try FollowedFile(path) } catch { return nil }
    }

    deinit { close(descriptor) }

    /// Bytes in the file now; 0 if it cannot be told.
    var length: Int64 {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// When it was last written, in nanoseconds; `nil` if it cannot be told.
    var modified: Int64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        return Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    }

    /// Reads at most `count` bytes at `offset`; fewer at the end of the file.
    func read(at offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let read = pread(
                    descriptor, buffer.baseAddress?.advanced(by: filled), count - filled,
                    off_t(offset) + off_t(filled))
                if read < 0, errno == EINTR { continue }
                if read < 0 { code = errno }
                guard read > 0 else { break }
                filled += read
            }
        }
        guard code == 0 else { throw FileError(.read, path: path, code: code) }
        return bytes
    }
}
