import Foundation
import Glibc

/// A spawned process and the reading ends of its standard output and error.
///
/// Not Foundation's `Process`: with a dozen at once it now and then loses an end of file.
struct Child: Sendable {
    let pid: Int32
    private let output: Int32
    private let error: Int32

    /// Must not run at the same time as another, which would inherit the pipes.
    init(_ command: [String], _ environment: [String: String]) throws {
        let (output, error) = (try Child.pipe(), try Child.pipe())
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.writing, 1)
        posix_spawn_file_actions_adddup2(&actions, error.writing, 2)
        var arguments = command.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, command[0], &actions, nil, &arguments, &variables)
        close(output.writing)
        close(error.writing)
        guard code == 0 else {
            close(output.reading)
            close(error.reading)
            throw ServerProcess.Failure(
                description: "cannot start \(command[0]): \(String(cString: strerror(code)))")
        }
        self.pid = pid
        self.output = output.reading
        self.error = error.reading
    }

    /// Hands on what the process says until both ends are closed. Blocks.
    func read(_ take: (_ isError: Bool, String) -> Void) {
        var open = [
            pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: error, events: Int16(POLLIN), revents: 0),
        ]
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !open.isEmpty {
            guard poll(&open, nfds_t(open.count), -1) > 0 else { continue }
            for entry in open where entry.revents != 0 {
                let count = Glibc.read(entry.fd, &buffer, buffer.count)
                if count > 0 {
                    take(entry.fd == error, String(decoding: buffer[..<count], as: UTF8.self))
                } else if count == 0 {
                    open.removeAll { $0.fd == entry.fd }
                    close(entry.fd)
                }
            }
        }
    }

    /// The exit status, or the number of the signal that killed the process, negative. Blocks.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : -signal
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else {
            throw ServerProcess.Failure(description: String(cString: strerror(errno)))
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
