import Glibc
import Platform
import WireFormats

/// Reads one path as it grows, through renaming (rotation), truncation and restarts. It decides what is
/// read next; whoever uses it stores that and says so.
struct FileTail {
    /// How far a file has been stored.
    struct Position: Hashable, Sendable {
        var identity: FileIdentity
        var offset: Int64
        /// The end of what was being stored: read again exactly so after a crash, so that the store
        /// recognises it.
        var pendingEnd: Int64?
    }

    enum Step {
        /// Whole lines that begin at the current position.
        case lines([UInt8])
        /// A line over `LogLines.lineBytesMax` was passed over.
        case oversizedLine(bytes: Int)
        /// Nothing to read now.
        case wait
    }

    /// A rotated file that its writer may still have open is read on for so many quiet looks.
    private static let quietLooksMax = 4

    /// A line with its time hardly ever is longer.
    private static let beforeBytesMax: Int64 = 256

    let path: String
    private(set) var position: Position?
    private var file: FollowedFile?
    private var quietLooks = 0
    private var isSkipping = false
    /// The bytes before the current position when it was reached.
    private var before: [UInt8] = []
    /// The end of the lines that are being stored.
    private var lastRead: [UInt8] = []
    private let chunkBytesMax: Int

    /// - Parameter position: from before a restart.
    init(path: String, position: Position?, chunkBytesMax: Int = LogLines.lineBytesMax + 1) {
        self.path = path
        self.position = position
        self.chunkBytesMax = chunkBytesMax
    }

    /// Whether there is nothing to read until its path names a file again.
    var isIdle: Bool { file == nil && FileIdentity(path: path) == nil }

    /// What to do next. After `lines`, call `begin` before storing and `finish` after.
    mutating func next() throws(FileError) -> Step {
        guard let file = try opened(), var position else { return .wait }
        let length = file.length
        var beginsAnew = length < position.offset
        if !beginsAnew { beginsAnew = try isReplaced(file, position.offset) }
        if beginsAnew {
            // Truncated in place, and perhaps filled again: begins anew.
            position.offset = 0
            position.pendingEnd = nil
            isSkipping = false
            before = []
        }
        if before.isEmpty { try remember(file, position.offset) }
        self.position = position
        if let end = position.pendingEnd, end > position.offset, end <= length {
            let bytes = try file.read(at: position.offset, count: Int(end - position.offset))
            return lines(bytes)
        }
        let bytes = try file.read(at: position.offset, count: chunkBytesMax)
        if isSkipping { return skip(bytes) }
        if let last = bytes.lastIndex(of: 0x0A) {
            quietLooks = 0
            return lines(Array(bytes[...last]))
        }
        if bytes.count >= chunkBytesMax {
            isSkipping = true
            self.position?.offset += Int64(bytes.count)
            before = []
            return .oversizedLine(bytes: bytes.count)
        }
        return leave(file, rest: bytes)
    }

    /// Whether other bytes stand before the position than when it was reached.
    private func isReplaced(_ file: FollowedFile, _ offset: Int64) throws(FileError) -> Bool {
        guard !before.isEmpty, offset >= before.count else { return false }
        return try file.read(at: offset - Int64(before.count), count: before.count) != before
    }

    /// Remembers what stands before `offset`.
    private mutating func remember(_ file: FollowedFile, _ offset: Int64) throws(FileError) {
        let count = min(offset, Self.beforeBytesMax)
        before = try file.read(at: offset - count, count: Int(count))
    }

    /// The lines of `count` bytes are about to be stored.
    mutating func begin(count: Int) {
        guard let offset = position?.offset else { return }
        position?.pendingEnd = offset + Int64(count)
    }

    /// They are.
    mutating func finish(count: Int) {
        position?.offset += Int64(count)
        position?.pendingEnd = nil
        before = lastRead
    }

    private mutating func lines(_ bytes: [UInt8]) -> Step {
        lastRead = Array(bytes.suffix(Int(Self.beforeBytesMax)))
        return .lines(bytes)
    }

    private mutating func skip(_ bytes: [UInt8]) -> Step {
        let end = bytes.firstIndex(of: 0x0A)
        isSkipping = end == nil
        before = []
        position?.offset += Int64(end.map { $0 + 1 } ?? bytes.count)
        return .wait
    }

    /// At the end of the file: once its path names another one and its writer is quiet, what is left is
    /// the last line, and the other one is next.
    private mutating func leave(_ file: FollowedFile, rest: [UInt8]) -> Step {
        guard FileIdentity(path: path) != file.identity else {
            quietLooks = 0
            return .wait
        }
        quietLooks += 1
        guard quietLooks >= Self.quietLooksMax else { return .wait }
        guard rest.isEmpty else { return lines(rest) }
        self.file = nil
        position = nil
        before = []
        quietLooks = 0
        return .wait
    }

    /// The file to read: the open one; or the one that was read before the restart, also under another
    /// name in its directory; or what the path names.
    private mutating func opened() throws(FileError) -> FollowedFile? {
        if let file { return file }
        if let known = position, FileIdentity(path: path) != known.identity {
            if let name = Self.find(known.identity, besides: path) {
                file = try FollowedFile(name)
                if file?.identity == known.identity { return file }
                file = nil
            }
            position = nil
        }
        guard FileIdentity(path: path) != nil else { return nil }
        let opened = try FollowedFile(path)
        file = opened
        if position?.identity != opened.identity {
            position = Position(identity: opened.identity, offset: 0)
        }
        return opened
    }

    /// The path of a file that was renamed within its directory.
    static func find(_ identity: FileIdentity, besides path: String) -> String? {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { String(path[..<$0]) } ?? "."
        guard let handle = opendir(directory.isEmpty ? "/" : directory) else { return nil }
        defer { closedir(handle) }
        while let entry = readdir(handle) {
            guard UInt64(entry.pointee.d_ino) == identity.inode else { continue }
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            let candidate = directory + "/" + name
            if FileIdentity(path: candidate) == identity { return candidate }
        }
        return nil
    }
}
