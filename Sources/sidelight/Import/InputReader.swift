import Compression
import Glibc

/// Bounds on what reading a file may take, with their reasons.
enum InputLimits {
    /// What is read of a file of lines at once.
    static let chunkBytes = 8 << 20
    /// A line with one OTLP request: as much as receivers take of an expanded body.
    static let lineBytesMax = 64 << 20
    /// A file that must be in memory as a whole: one that is packed, or not made of lines. The decoders
    /// refuse more.
    static let expandedBytesMax = 1 << 30
}

/// Why a file cannot be read.
struct InputError: Error, CustomStringConvertible {
    var description: String
}

/// A piece of a file of lines.
struct InputChunk {
    var bytes: [UInt8]
    /// Where it begins in the unpacked content.
    var offset: Int
    /// The number of its first line, from 1.
    var line: Int
}

/// Reads a file, unpacking gzip and zstd, which it knows by their first bytes. Files of lines come in
/// pieces and may be of any length unless they are packed.
final class InputReader {
    enum Packing: String {
        case gzip, zstd
    }

    /// `-` is standard input.
    let path: String
    let packing: Packing?
    /// Bytes of the file read so far, as they lie on disk.
    private(set) var bytesRead = 0

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isAtEnd = false
    private var offset = 0
    private var line = 1

    /// Opens the file and reads its beginning.
    init(path: String) throws(InputError) {
        self.path = path
        if path == "-" {
            descriptor = STDIN_FILENO
        } else {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw InputError(description: Self.reason(errno)) }
        }
        do throws(InputError) {
            let (bytes, isWhole) = try Self.read(descriptor, upTo: InputLimits.chunkBytes)
            buffer = bytes
            isAtEnd = isWhole
            bytesRead = bytes.count
        } catch {
            // A failed initialiser runs no `deinit`.
            if descriptor != STDIN_FILENO { close(descriptor) }
            throw error
        }
        packing = Self.packing(of: buffer)
    }

    deinit {
        if descriptor != STDIN_FILENO { close(descriptor) }
    }

    /// The beginning of the unpacked content: at least a chunk, or all of it.
    func head() throws(InputError) -> [UInt8] {
        try unpack()
        return buffer
    }

    /// The whole unpacked content.
    func whole() throws(InputError) -> [UInt8] {
        try unpack()
        while try more() {
            guard buffer.count <= InputLimits.expandedBytesMax else { throw Self.tooLarge }
        }
        defer { buffer = [] }
        return buffer
    }

    /// The next whole lines; `nil` at the end.
    func lines() throws(InputError) -> InputChunk? {
        try unpack()
        while !isAtEnd, buffer.count < InputLimits.chunkBytes || !buffer.contains(0x0A) {
            _ = try more()
            guard buffer.count <= InputLimits.lineBytesMax || buffer.contains(0x0A) else {
                throw InputError(
                    description: "line \(line) is longer than \(InputLimits.lineBytesMax) bytes")
            }
        }
        guard !buffer.isEmpty else { return nil }
        let end =
            isAtEnd && buffer.count <= 2 * InputLimits.chunkBytes
            ? buffer.count : cut(buffer.prefix(2 * InputLimits.chunkBytes))
        let chunk = InputChunk(bytes: Array(buffer[..<end]), offset: offset, line: line)
        buffer.removeSubrange(..<end)
        offset += end
        line += chunk.bytes.count { $0 == 0x0A }
        return chunk
    }

    /// Behind the last line end; behind the first one if that lies further on.
    private func cut(_ piece: ArraySlice<UInt8>) -> Int {
        if let last = piece.lastIndex(of: 0x0A) { return last + 1 }
        return (buffer.firstIndex(of: 0x0A) ?? buffer.count - 1) + 1
    }

    /// Reads on; false at the end.
    private func more() throws(InputError) -> Bool {
        guard !isAtEnd else { return false }
        let (bytes, isWhole) = try Self.read(descriptor, upTo: InputLimits.chunkBytes)
        buffer += bytes
        bytesRead += bytes.count
        isAtEnd = isWhole
        return true
    }

    private var isUnpacked = false

    private func unpack() throws(InputError) {
        guard let packing, !isUnpacked else { return }
        isUnpacked = true
        while try more() {
            guard buffer.count <= InputLimits.expandedBytesMax else { throw Self.tooLarge }
        }
        let limit = InputLimits.expandedBytesMax
        do {
            switch packing {
            case .gzip: buffer = try Zlib.decompress(buffer, format: .gzip, limit: limit)
            case .zstd: buffer = try Zstd.decompress(buffer, limit: limit)
            }
        } catch .tooLarge {
            throw Self.tooLarge
        } catch {
            throw InputError(description: error.description)
        }
    }

    private static let tooLarge = InputError(
        description:
            "the content is larger than \(InputLimits.expandedBytesMax) bytes; unpack a file "
            + "of lines by gzip -dc or zstd -dc into sidelight import -, or split it")

    private static func packing(of bytes: [UInt8]) -> Packing? {
        if bytes.starts(with: [0x1F, 0x8B]) { return .gzip }
        return bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) ? .zstd : nil
    }

    /// Reads until there are `count` bytes or no more.
    private static func read(
        _ descriptor: Int32, upTo count: Int
    ) throws(InputError) -> (bytes: [UInt8], isWhole: Bool) {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let base = buffer.baseAddress {
                let got = Glibc.read(descriptor, base + filled, count - filled)
                if got < 0, errno == EINTR { continue }
                if got < 0 { code = errno }
                if got <= 0 { return }
                filled += got
            }
        }
        guard code == 0 else { throw InputError(description: reason(code)) }
        return (bytes, bytes.count < count)
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
