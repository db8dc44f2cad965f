/// The files of one machine: the real ones, or simulated ones that can lose power.
///
/// Paths are absolute or relative to the working directory, separated by `/`. Every call blocks its
/// thread and throws a `FileError` that names the path.
package protocol FileSystem: Sendable {
    /// Opens a file for appending; creates it, empty, if there is none. The new name is durable after
    /// `syncDirectory`.
    func openForAppending(_ path: String) throws(FileError) -> any AppendFile

    /// Reads from `offset` on into `buffer`; returns the number of bytes, fewer than fit only at the
    /// end of the file.
    func read(
        _ path: String, from offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int

    /// The entries of a directory, by name, without `.` and `..`.
    func list(_ directory: String) throws(FileError) -> [DirectoryEntry]

    /// Removes one file.
    func remove(_ path: String) throws(FileError)

    /// Renames a file, replacing what had the new name.
    func rename(_ path: String, to newPath: String) throws(FileError)

    /// Creates a directory and those above it; one that exists already is fine.
    func createDirectory(_ path: String) throws(FileError)

    /// Makes creations, removals and renames in a directory durable.
    func syncDirectory(_ path: String) throws(FileError)
}

/// A file that is written at its end only, by one writer.
package protocol AppendFile: AnyObject, Sendable {
    /// Bytes in the file.
    var length: Int64 { get }

    /// Appends all bytes or throws; after an error some of them may be in the file.
    func append(_ bytes: UnsafeRawBufferPointer) throws(FileError)

    /// Returns once all bytes survive a loss of power (`fdatasync`).
    func sync() throws(FileError)

    /// Cuts the file to its first `length` bytes.
    func truncate(to length: Int64) throws(FileError)

    /// Closes the file; later calls fail with `EBADF`, a second `close` does nothing.
    func close() throws(FileError)
}

/// A name in a directory.
package struct DirectoryEntry: Hashable, Sendable {
    package var name: String
    package var isDirectory: Bool
    /// 0 for directories.
    package var bytes: Int64

    package init(name: String, isDirectory: Bool, bytes: Int64) {
        self.name = name
        self.isDirectory = isDirectory
        self.bytes = bytes
    }
}

extension FileSystem {
    /// The whole file, read in steps of at most 1 MiB.
    package func readAll(_ path: String) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let offset = Int64(bytes.count)
            var room = part.mutableSpan
            let count = try room.withUnsafeMutableBytes { buffer throws(FileError) -> Int in
                try read(path, from: offset, into: buffer)
            }
            bytes.append(contentsOf: part[..<count])
            if count < part.count { return bytes }
        }
    }
}

extension AppendFile {
    /// Appends all bytes or throws; after an error some of them may be in the file.
    package func append(_ bytes: [UInt8]) throws(FileError) {
        try bytes.span.withUnsafeBytes { buffer throws(FileError) in try append(buffer) }
    }
}
