import Foundation
import Testing

/// A disk of a few megabytes (a tmpfs in a mount namespace of its own) that can be filled and freed.
/// Goes with the process that holds the namespace.
final class SmallDisk: Sendable {
    private let folder: TemporaryFolder
    private let holder: Subprocess
    private let filler: String

    /// Why there can be none here; `nil` if there can.
    static let obstacle: String? = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        do { try process.run() } catch { return "\(error)" }
        process.waitUntilExit()
        return process.terminationStatus == 0
            ? nil : "this user may not mount a file system in a namespace of its own"
    }()

    /// Where programs in the namespace see the disk.
    var path: String { folder.path }
    /// Runs a command in the namespace.
    var launcher: [String] {
        ["nsenter", "-t", "\(holder.pid)", "-U", "-m", "--preserve-credentials", "--"]
    }
    /// Where this process sees the disk.
    private var outside: String { "/proc/\(holder.pid)/root\(folder.path)" }

    init(megabytes: Int) async throws {
        folder = try TemporaryFolder()
        holder = try Subprocess(
            command: [
                "unshare", "-rm", "sh", "-c",
                "mount -t tmpfs -o size=\(megabytes)m none \"$0\" && echo mounted >&2 && exec sleep 600",
                folder.path,
            ])
        guard await holder.says("mounted") else {
            throw ServerProcess.Failure(description: holder.standardError)
        }
        filler = "/proc/\(holder.pid)/root\(folder.path)/filler"
    }

    deinit { holder.send(SIGKILL) }

    /// Writes until not one more byte fits.
    func fill() throws {
        let file = open(filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw POSIXError(.EACCES) }
        defer { close(file) }
        for size in [1 << 20, 1 << 12, 1] {
            let block = [UInt8](repeating: 1, count: size)
            while write(file, block, size) == size {}
        }
        try #require(errno == ENOSPC)
    }

    /// Gives the room back, even while a process forked during `fill` still has the file open.
    func free() throws {
        try #require(truncate(filler, 0) == 0)
        try FileManager.default.removeItem(atPath: filler)
    }
}
