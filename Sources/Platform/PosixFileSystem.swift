import Glibc
import Synchronization

/// The machine's files.
package struct PosixFileSystem: FileSystem {
    package init() {}

    package func openForAppending(_ path: String) throws(FileError) -> any AppendFile {
        let descriptor = try Posix.call(.open, path) {
            open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw FileError(.open, path: path, code: code)
        }
        return PosixAppendFile(path: path, descriptor: descriptor, length: Int64(status.st_size))
    }

    package func read(
        _ path: String, from offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int {
        let descriptor = try Posix.call(.read, path) { open(path, O_RDONLY | O_CLOEXEC) }
        defer { Glibc.close(descriptor) }
        var total = 0
        while total < buffer.count {
            let count = try Posix.call(.read, path) {
                pread(
                    descriptor, buffer.baseAddress?.advanced(by: total), buffer.count - total,
                    off_t(offset) + off_t(total))
            }
            if count == 0 { break }
            total += count
        }
        return total
    }

    package func list(_ directory: String) throws(FileError) -> [DirectoryEntry] {
        guard let stream = opendir(directory) else {
            throw FileError(.list, path: directory, code: errno)
        }
        defer { closedir(stream) }
        var entries: [DirectoryEntry] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw FileError(.list, path: directory, code: errno) }
                return entries.sorted { $0.name < $1.name }
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            var status = stat()
            // A name that vanished since it was listed is no entry.
            guard stat(directory + "/" + name, &status) == 0 else { continue }
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            entries.append(
                DirectoryEntry(
                    name: name, isDirectory: isDirectory,
                    bytes: isDirectory ? 0 : Int64(status.st_size)))
        }
    }

    package func remove(_ path: String) throws(FileError) {
        _ = try Posix.call(.remove, path) { unlink(path) }
    }

    package func rename(_ path: String, to newPath: String) throws(FileError) {
        _ = try Posix.call(.rename, path) { Glibc.rename(path, newPath) }
    }

    package func createDirectory(_ path: String) throws(FileError) {
        if mkdir(path, 0o750) == 0 { return }
        switch errno {
        case EEXIST:
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw FileError(.createDirectory, path: path, code: ENOTDIR)
            }
        case ENOENT:
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
                throw FileError(.createDirectory, path: path, code: ENOENT)
            }
            try createDirectory(String(path[..<slash]))
            guard mkdir(path, 0o750) == 0 || errno == EEXIST else {
                throw FileError(.createDirectory, path: path, code: errno)
            }
        case let code: throw FileError(.createDirectory, path: path, code: code)
        }
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        let descriptor = try Posix.call(.syncDirectory, path) {
            open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        defer { Glibc.close(descriptor) }
        _ = try Posix.call(.syncDirectory, path) { fsync(descriptor) }
    }

    /// Bytes that an unprivileged process may still write on the volume of `path`.
    package func freeBytes(onVolumeOf path: String) throws(FileError) -> Int64 {
        var space = statvfs()
        guard statvfs(path, &space) == 0 else {
            throw FileError(.measureSpace, path: path, code: errno)
        }
        let (bytes, overflow) = UInt64(space.f_bavail).multipliedReportingOverflow(
            by: UInt64(space.f_frsize))
        return overflow ? .max : Int64(clamping: bytes)
    }
}

/// A descriptor opened with `O_APPEND`. The lock makes closing safe against a concurrent call; there
/// is no contention with one writer.
private final class PosixAppendFile: AppendFile {
    private struct State {
        /// Negative once closed.
        var descriptor: Int32
        var length: Int64
    }

    private let path: String
    private let state: Mutex<State>

    init(path: String, descriptor: Int32, length: Int64) {
        self.path = path
        state = Mutex(State(descriptor: descriptor, length: length))
    }

    deinit {
        state.withLock { if $0.descriptor >= 0 { _ = Glibc.close($0.descriptor) } }
    }

    var length: Int64 { state.withLock { $0.length } }

    func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        let path = path
        try state.withLock { state throws(FileError) in
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                let count = try Posix.call(.append, path) {
                    write(state.descriptor, part.baseAddress, part.count)
                }
                state.length += Int64(count)
                rest = rest.dropFirst(count)
            }
        }
    }

    func sync() throws(FileError) {
        let path = path
        try state.withLock { state throws(FileError) in
            _ = try Posix.call(.sync, path) { fdatasync(state.descriptor) }
        }
    }

    func truncate(to length: Int64) throws(FileError) {
        let path = path
        try state.withLock { state throws(FileError) in
            _ = try Posix.call(.truncate, path) { ftruncate(state.descriptor, off_t(length)) }
            state.length = length
        }
    }

    func close() throws(FileError) {
        let path = path
        try state.withLock { state throws(FileError) in
            guard state.descriptor >= 0 else { return }
            let descriptor = state.descriptor
            state.descriptor = -1
            // The descriptor is gone even after an error (Linux, close(2)): never a second try.
            guard Glibc.close(descriptor) == 0 || errno == EINTR else {
                throw FileError(.close, path: path, code: errno)
            }
        }
    }
}

/// System calls that are repeated when a signal interrupts them.
enum Posix {
    static func call<Value: SignedInteger>(
        _ operation: FileError.Operation, _ path: String, _ body: () -> Value
    ) throws(FileError) -> Value {
        while true {
            let value = body()
            if value >= 0 { return value }
            let code = errno
            guard code == EINTR else { throw FileError(operation, path: path, code: code) }
        }
    }
}
