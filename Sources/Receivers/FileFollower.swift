import Logging
import Platform

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
    /// A file, or all files that a pattern of the shell names (`*`, `?`, `[a-z]`), and whose lines they
    /// have.
    package struct Source: Sendable, Hashable {
        package var path: String
        /// "": each file's own name.
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
            self.service = service
        }

        var isPattern: Bool { path.contains { "*?[".contains($0) } }

        /// The service of the lines of one file.
        package func service(of path: String) -> String {
            guard service.isEmpty else { return service }
            let name = path.split(separator: "/").last ?? path[...]
            return String(name.split(separator: ".").first ?? name)
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
