import Platform
import Telemetry
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
        /// What stands before the offset: another file may have the same identity, or the file other content.
        var mark: Mark?
    }

    /// Tells some bytes from others.
    struct Mark: Hashable, Sendable {
        var count: Int
        var hash: UInt64

        init(count: Int, hash: UInt64) {
            self.count = count
            self.hash = hash
        }

        init(_ bytes: [UInt8]) { self.init(count: bytes.count, hash: ContentHash(bytes).low) }
    }

    enum Step {
        /// Whole lines that begin at the current position.
        case lines([UInt8])
        /// A line over `LogLines.lineBytesMax` was passed over.
        case oversizedLine(bytes: Int)
        /// What was written behind the position cannot be found any more.
        case lost(reason: String)
        /// Nothing to read now.
        case wait
    }

    /// A rotated file that its writer may still have open is read on for so many quiet looks.
    private static let quietLooksMax = 4

    /// A line with its time hardly ever is longer.
    private static let markBytesMax: Int64 = 256

    let path: String
    private(set) var position: Position?
    private var file: FollowedFile?
    private var quietLooks = 0
    /// Whether the file was found under another name than its path after a restart: others may have been
    /// rotated since.
    private var catchesUp = false
    private var isSkipping = false
    /// The end of the lines that are being stored.
    private var lastRead = Mark([])
    private let chunkBytesMax: Int
    /// Followed by themselves.
    private let others: [String]

    /// - Parameters:
    ///   - position: from before a restart.
    ///   - others: paths and patterns of all that is followed.
    init(
        path: String, position: Position?, others: [String] = [],
        chunkBytesMax: Int = LogLines.lineBytesMax + 1
    ) {
        self.path = path
        self.position = position
        self.others = others
        self.chunkBytesMax = chunkBytesMax
    }

    /// Whether there is nothing to read until its path names a file again.
    var isIdle: Bool { file == nil && FileIdentity(path: path) == nil }

    /// What to do next. After `lines`, call `begin` before storing and `finish` after.
    mutating func next() throws(FileError) -> Step {
        let known = position
        guard let file = try opened(), var position else { return lost(known) ?? .wait }
        if let lost = lost(known) { return lost }
        let length = file.length
        var beginsAnew = length < position.offset
        if !beginsAnew { beginsAnew = try isReplaced(file, position) }
        if beginsAnew {
            // Truncated in place, or another file, and perhaps filled again: begins anew.
            position = Position(identity: position.identity, offset: 0)
            isSkipping = false
        }
        if position.mark == nil { position.mark = try mark(file, position.offset) }
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
            self.position?.mark = nil
            return .oversizedLine(bytes: bytes.count)
        }
        return try leave(file, rest: bytes)
    }

    /// If the file that `known` is of is gone, what is missed of it.
    private func lost(_ known: Position?) -> Step? {
        guard let known, position?.identity != known.identity else { return nil }
        return .lost(
            reason:
                "the file that was read up to byte \(known.offset) is not there any more, under no"
                + " name: lines that were written to it since then are missed")
    }

    /// Whether other bytes stand before the position than when it was reached.
    private func isReplaced(
        _ file: FollowedFile, _ position: Position
    ) throws(FileError) -> Bool {
        guard let mark = position.mark, mark.count > 0, position.offset >= mark.count else {
            return false
        }
        return Mark(try file.read(at: position.offset - Int64(mark.count), count: mark.count))
            != mark
    }

    /// Of what stands before `offset`.
    private func mark(_ file: FollowedFile, _ offset: Int64) throws(FileError) -> Mark {
        let count = min(offset, Self.markBytesMax)
        return Mark(try file.read(at: offset - count, count: Int(count)))
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
        position?.mark = lastRead
    }

    private mutating func lines(_ bytes: [UInt8]) -> Step {
        lastRead = Mark(Array(bytes.suffix(Int(Self.markBytesMax))))
        return .lines(bytes)
    }

    private mutating func skip(_ bytes: [UInt8]) -> Step {
        let end = bytes.firstIndex(of: 0x0A)
        isSkipping = end == nil
        position?.mark = nil
        position?.offset += Int64(end.map { $0 + 1 } ?? bytes.count)
        return .wait
    }

    /// At the end of the file: once its path names another one and its writer is quiet, what is left is
    /// the last line, and the other one is next.
    private mutating func leave(_ file: FollowedFile, rest: [UInt8]) throws(FileError) -> Step {
        guard FileIdentity(path: path) != file.identity else {
            quietLooks = 0
            return .wait
        }
        quietLooks += 1
        guard quietLooks >= Self.quietLooksMax else { return .wait }
        guard rest.isEmpty else { return lines(rest) }
        self.file = catchesUp ? rotated(after: file) : nil
        catchesUp = self.file != nil
        position = self.file.map { Position(identity: $0.identity, offset: 0) }
        quietLooks = 0
        return .wait
    }

    /// The oldest file that was written after `file` and has been rotated, too: if both happened while nobody
    /// read, it is next. What cannot be opened is none.
    private func rotated(after file: FollowedFile) -> FollowedFile? {
        guard let left = file.modified else { return nil }
        let current = FileIdentity(path: path)
        var next: (file: FollowedFile, time: Int64)?
        for name in RotatedNames.of(path) where !RotatedNames.isOf(others, name) {
            guard let other = FollowedFile.ifReadable(name), other.identity != file.identity,
                other.identity != current, let time = other.modified, time > left,
                next.map({ time < $0.time }) ?? true
            else { continue }
            next = (other, time)
        }
        return next?.file
    }

    /// The file to read: the open one; or the one that was read before the restart, also under another
    /// name in its directory; or what the path names.
    private mutating func opened() throws(FileError) -> FollowedFile? {
        if let file { return file }
        if let known = position, FileIdentity(path: path) != known.identity {
            if let name = Self.find(known.identity, besides: path) {
                // Another file may have the number of one that was removed.
                let found = try FollowedFile(name)
                if found.identity == known.identity, found.length >= known.offset,
                    try !isReplaced(found, known)
                {
                    file = found
                    catchesUp = true
                    return found
                }
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
        RotatedNames.directory(of: path).first { FileIdentity(path: $0) == identity }
    }
}
