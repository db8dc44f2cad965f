import Platform
import Store
import Telemetry
import WireFormats

/// All files of one follower, read in turn. Patterns are looked at again every so often: files that come are
/// read from their beginning, those that have gone are forgotten. A file that was rotated to a name that
/// its pattern has too is not read again.
struct FollowedFiles: Sendable {
    private struct Followed: Sendable {
        var tail: FileTail
        var options: LogLineOptions
        var failure = ""
        /// Found by a pattern.
        var isFound = false
    }

    /// Files of all patterns: each is open.
    private static let foundMax = 1_024
    private static let scanNanoseconds: Int64 = 1_000_000_000
    /// Rotated files that are packed have been read.
    private static let packedSuffixes = [".gz", ".bz2", ".xz", ".zst", ".lz4"]

    private var followed: [Followed] = []
    private let patterns: [FileFollower.Source]
    /// Paths and patterns.
    private let followedNames: [String]
    private var nextScan = Int64.min
    private var isFull = false
    private var checkpoints: FollowCheckpoints
    private let ingest: Ingest

    init(
        sources: [FileFollower.Source], checkpoints: FollowCheckpoints, ingest: Ingest
    ) {
        self.checkpoints = checkpoints
        self.ingest = ingest
        patterns = sources.filter(\.isPattern)
        followedNames = sources.map(\.path)
        for source in sources where !source.isPattern { follow(source.path, source) }
    }

    private mutating func follow(
        _ path: String, _ source: FileFollower.Source, isFound: Bool = false
    ) {
        var options = ingest.lineOptions
        let own = [
            Attribute(SemanticKey.serviceName, .string(source.service(of: path))),
            Attribute("log.file.path", .string(path)),
        ]
        let names = Set(own.map(\.key))
        options.resource = own + options.resource.filter { !names.contains($0.key) }
        let tail = FileTail(
            path: path, position: checkpoints.positions[path], others: followedNames)
        followed.append(Followed(tail: tail, options: options, isFound: isFound))
    }

    /// Looks which files the patterns name now.
    private mutating func scan() throws(FileError) {
        let now = ingest.clock.monotonicNanoseconds
        guard !patterns.isEmpty, now >= nextScan else { return }
        nextScan = now &+ Self.scanNanoseconds
        for gone in followed where gone.isFound && gone.tail.isIdle {
            try checkpoints.save(nil, of: gone.tail.path)
        }
        followed.removeAll { $0.isFound && $0.tail.isIdle }
        for source in patterns {
            for path in PathPattern.paths(source.path) { try found(path, source) }
        }
    }

    private mutating func found(
        _ path: String, _ source: FileFollower.Source
    ) throws(FileError) {
        guard let identity = FileIdentity(path: path),
            !Self.packedSuffixes.contains(where: path.hasSuffix),
            // A rotated file, if it has another name, is read to its end under the old one.
            !followed.contains(where: {
                $0.tail.path == path || $0.tail.position?.identity == identity
            }),
            !checkpoints.isRead(identity, of: path)
        else { return }
        guard followed.count(where: \.isFound) < Self.foundMax else {
            if !isFull {
                ingest.events.emit(
                    FollowedFileFailed(
                        path: source.path, reason: "matches more than \(Self.foundMax) files"))
            }
            isFull = true
            return
        }
        if checkpoints.positions[path]?.offset == .max { try checkpoints.save(nil, of: path) }
        follow(path, source, isFound: true)
    }

    /// Reads a piece of every file; false if there was nothing in any.
    mutating func readAll() async -> Bool {
        var hasMore = false
        do throws(FileError) { try scan() } catch {
            ingest.events.emit(FollowedFileFailed(path: "checkpoints", reason: "\(error)"))
        }
        for index in followed.indices where !Task.isCancelled {
            let path = followed[index].tail.path
            do throws(FileError) {
                if try await read(index) { hasMore = true }
                followed[index].failure = ""
            } catch {
                // Said once, not at every look.
                let reason = "\(error)"
                guard followed[index].failure != reason else { continue }
                followed[index].failure = reason
                ingest.events.emit(FollowedFileFailed(path: path, reason: reason))
            }
        }
        return hasMore
    }

    private mutating func read(_ index: Int) async throws(FileError) -> Bool {
        let before = followed[index].tail.position?.identity
        let step = try followed[index].tail.next()
        try left(before, index)
        switch step {
        case .wait: return false
        case .lost(let reason):
            ingest.events.emit(FollowedFileFailed(path: followed[index].tail.path, reason: reason))
            return true
        case .oversizedLine:
            ingest.events.emit(
                ItemsRejected(
                    signal: .logs, way: .file, reason: RejectionReason.lineTooLong.rawValue,
                    increment: 1))
            return true
        case .lines(let bytes):
            followed[index].tail.begin(count: bytes.count)
            try save(index)
            guard await store(bytes, index) else { return false }
            followed[index].tail.finish(count: bytes.count)
            try save(index)
            return true
        }
    }

    /// When a file was left for the next one: what is it called now, if a pattern will find it?
    private mutating func left(_ before: FileIdentity?, _ index: Int) throws(FileError) {
        guard followed[index].isFound, let before,
            followed[index].tail.position?.identity != before,
            let name = FileTail.find(before, besides: followed[index].tail.path)
        else { return }
        try checkpoints.saveAsRead(before, of: name)
    }

    private mutating func save(_ index: Int) throws(FileError) {
        try checkpoints.save(followed[index].tail.position, of: followed[index].tail.path)
    }

    /// False if the task was cancelled first.
    private func store(_ bytes: [UInt8], _ index: Int) async -> Bool {
        let decoded: Decoded<LogBatch>
        do throws(DecodeError) {
            decoded = try LogLines.decode(
                bytes, options: followed[index].options, receivedAt: ingest.now)
        } catch {
            ingest.events.emit(RequestRefused(way: .file, reason: "bad_request"))
            return true
        }
        return await ingest.storeWaiting(
            decoded, digest: digest(bytes, index), isKept: true, by: .file)
    }

    /// Of a piece of a file: where it stands and what it is, so that the same one is stored once.
    private func digest(_ bytes: [UInt8], _ index: Int) -> ContentHash? {
        guard let position = followed[index].tail.position else { return nil }
        let content = ContentHash(bytes)
        let words = [
            position.identity.device, position.identity.inode,
            UInt64(bitPattern: position.offset), content.high, content.low,
        ]
        return words.withUnsafeBytes { ContentHash($0) }
    }
}
