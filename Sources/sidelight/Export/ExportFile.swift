import Compression
import Foundation
import Glibc

/// The file that an export writes: packed as its name says, and in place only once it is whole.
///
/// A packed file is a row of gzip members or zstd frames, which every reader takes as one.
final class ExportFile {
    private enum Packing {
        case none, gzip, zstd
    }

    /// Bytes that make one member or frame.
    private static let partBytes = 4 << 20

    private let path: String
    private let packing: Packing
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private(set) var byteCount = 0

    private var isStandardOutput: Bool { path == "-" }
    private var temporaryPath: String { path + ".part" }

    /// - Parameter path: `-` is standard output, never packed.
    init(path: String) throws(InputError) {
        self.path = path
        let name = path.lowercased()
        packing = name.hasSuffix(".gz") ? .gzip : name.hasSuffix(".zst") ? .zstd : .none
        if path == "-" {
            descriptor = STDOUT_FILENO
        } else {
            descriptor = open(path + ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else {
                throw InputError(
                    description: "cannot write \(path).part: \(String(cString: strerror(errno)))")
            }
        }
    }

    func write(_ bytes: [UInt8]) throws(InputError) {
        buffer += bytes
        if buffer.count >= Self.partBytes { try flush() }
    }

    /// Writes the rest and puts the file where it belongs.
    func finish() throws(InputError) {
        // An empty member keeps an empty packed file readable.
        if !buffer.isEmpty || byteCount == 0 { try flush() }
        guard !isStandardOutput else { return }
        guard fsync(descriptor) == 0 || errno == EINVAL, close(descriptor) == 0,
            rename(temporaryPath, path) == 0
        else { throw failure() }
    }

    /// Leaves nothing behind.
    func abandon() {
        guard !isStandardOutput else { return }
        close(descriptor)
        unlink(temporaryPath)
    }

    private func flush() throws(InputError) {
        let packed: [UInt8]
        do {
            switch packing {
            case .none: packed = buffer
            case .gzip: packed = try Zlib.compress(buffer, format: .gzip)
            case .zstd: packed = Zstd.compress(buffer, level: 3)
            }
        } catch {
            throw InputError(description: "cannot pack \(path): \(error)")
        }
        buffer.removeAll(keepingCapacity: true)
        byteCount += packed.count
        var rest = packed[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure() }
            rest = rest.dropFirst(written)
        }
    }

    private func failure() -> InputError {
        InputError(description: "cannot write \(path): \(String(cString: strerror(errno)))")
    }
}
