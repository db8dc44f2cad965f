import Logging
import Platform
import Store
import Telemetry
import WireFormats

/// A file that cannot be read now; it is tried again.
struct FollowedFileFailed: InternalEvent {
    static let counter = "sidelight_receiver_followed_file_failures_total"
    static let help = "Times that a followed file, or its checkpoint, could not be read or written."

    var path: String
    var reason: String
    var labels: [(name: String, value: String)] { [(name: "path", value: path)] }
    var level: Logger.Level? { .warning }
    var message: String { "following \(path): \(reason)" }
}

/// Follows log files: stores the lines that are in them and those that are added, each once, also when
/// files are rotated, and across restarts.
package final class FileFollower: Sendable {
    /// A file and whose lines it has.
    package struct Source: Sendable, Hashable {
        package var path: String
        package var service: String

        /// Reads `PATH` or `SERVICE=PATH`. Without a service, the file's name without what follows its
        /// first point is one.
        package init?(_ text: String) {
            var path = text[...]
            var service = ""
            if let equals = text.firstIndex(of: "="), !text[..<equals].contains("/") {
                service = String(text[..<equals])
                path = text[text.index(after: equals)...]
                guard !service.isEmpty else { return nil }
            }
            guard !path.isEmpty, !path.hasSuffix("/"), !path.contains("\n") else { return nil }
            self.path = String(path)
            let name = path.split(separator: "/").last ?? path
            self.service =
                service.isEmpty ? String(name.split(separator: ".").first ?? name) : service
        }
    }

    private let running: Task<Void, Never>

    /// Begins to read.
    /// - Parameters:
    ///   - checkpoints: the path of the file that remembers how far each one has been stored.
    ///   - interval: between looks at a file that has nothing new.
    /// - Throws: if there are checkpoints that cannot be read.
    package init(
        _ sources: [Source], checkpoints: String, fileSystem: any FileSystem = PosixFileSystem(),
        ingest: Ingest, interval: Duration = .milliseconds(250)
    ) throws(FileError) {
        let files = FollowedFiles(
            sources: sources,
            checkpoints: try FollowCheckpoints(path: checkpoints, files: fileSystem), ingest: ingest
        )
        running = Task.detached {
            var files = files
            while !Task.isCancelled {
                if await files.readAll() { continue }
                do { try await Task.sleep(for: interval) } catch { return }
            }
        }
    }

    /// Stops between two batches.
    package func stop() async {
        running.cancel()
        await running.value
    }
}

/// All files of one follower, read in turn.
private struct FollowedFiles: Sendable {
    private struct Followed: Sendable {
        var tail: FileTail
        var options: LogLineOptions
        var failure = ""
    }

    private var followed: [Followed]
    private var checkpoints: FollowCheckpoints
    private let ingest: Ingest

    init(
        sources: [FileFollower.Source], checkpoints: FollowCheckpoints, ingest: Ingest
    ) {
        self.checkpoints = checkpoints
        self.ingest = ingest
        followed = sources.map { source in
            var options = ingest.lineOptions
            let own = [
                Attribute(SemanticKey.serviceName, .string(source.service)),
                Attribute("log.file.path", .string(source.path)),
            ]
            let names = Set(own.map(\.key))
            options.resource = own + options.resource.filter { !names.contains($0.key) }
            return Followed(
                tail: FileTail(path: source.path, position: checkpoints.positions[source.path]),
                options: options)
        }
    }

    /// Reads a piece of every file; false if there was nothing in any.
    mutating func readAll() async -> Bool {
        var hasMore = false
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
        switch try followed[index].tail.next() {
        case .wait: return false
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
