import CProcess
import Foundation
import Glibc
import Platform
import Synchronization

/// A child of the demo in a process group of its own, with its output in a file. The system kills it when
/// the demo ends in whatever way.
package final class DemoProcess: Sendable {
    /// What to start.
    package struct Command: Sendable {
        /// Unique among the demo's processes.
        package var name: String
        package var arguments: [String]
        /// Takes standard output and standard error.
        package var log: String
    }

    private struct State {
        /// `nil` while it runs. Its id may belong to somebody else once it has ended.
        var status: Int32?
        var isEndExpected = false
    }

    package let command: Command
    package let id: Int32
    private let state = Mutex(State())
    private static let pollInterval: Duration = .milliseconds(20)
    private static let tailLinesMax = 12

    private init(_ command: Command, id: Int32) {
        self.command = command
        self.id = id
    }

    /// Starts the command on a thread of its own, which then waits for its end.
    /// - Throws: when the program or its output file cannot be opened.
    package static func start(_ command: Command) async throws(DemoFailure) -> DemoProcess {
        let result: Result<DemoProcess, DemoFailure> = await withCheckedContinuation { waiting in
            let thread = WorkerThread(name: String(command.name.prefix(15)), capacity: 1)
            let isTaken = thread.submit {
                let started = spawn(command)
                waiting.resume(returning: started)
                if case .success(let child) = started { child.waitForEnd() }
            }
            precondition(isTaken, "BUG: a new thread takes no work")
        }
        return try result.get()
    }

    private static func spawn(_ command: Command) -> Result<DemoProcess, DemoFailure> {
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let log = open(command.log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        defer {
            close(null)
            close(log)
        }
        guard null >= 0, log >= 0 else {
            return .failure(DemoFailure("cannot write \(command.log): error \(errno)"))
        }
        let arguments = command.arguments.map { strdup($0) } + [nil]
        // The demo's flags say everything: the user's settings for other servers must not mix in.
        let environment =
            ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SIDELIGHT_") }
            .map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var id: pid_t = 0
        let error = cprocess_spawn(
            arguments[0], arguments, environment, nil, [null, log, log, null], &id)
        guard error == 0 else {
            return .failure(
                DemoFailure("cannot start \(command.arguments[0]): error \(error)"))
        }
        return .success(DemoProcess(command, id: id))
    }

    private func waitForEnd() {
        let error = cprocess_wait(id)
        precondition(error == 0, "BUG: the child is not ours: \(error)")
        // Its id is still taken, so the group is its own: what it left behind goes with it.
        kill(-id, SIGKILL)
        state.withLock { $0.status = cprocess_reap(id) }
    }

    /// The exit status, or 128 plus the signal; `nil` while it runs.
    package var status: Int32? { state.withLock { $0.status } }

    /// Whether it ended without being asked to.
    package var hasFailed: Bool { state.withLock { $0.status != nil && !$0.isEndExpected } }

    /// Sends a signal after which the process may end.
    package func end(_ number: Int32) {
        state.withLock { state in
            state.isEndExpected = true
            guard state.status == nil else { return }
            kill(id, number)
        }
    }

    /// Waits for the end; after `grace` it is killed.
    package func ended(within grace: Duration) async {
        let deadline = ContinuousClock.now.advanced(by: grace)
        var isKilled = false
        while status == nil {
            if !isKilled, ContinuousClock.now >= deadline {
                isKilled = true
                end(SIGKILL)
            }
            await DemoPause.uncancelled(DemoProcess.pollInterval)
        }
    }

    /// Waits for the line `ready` or `ready URL` in the output.
    /// - Throws: when the process ends first, or `limit` passes, with the end of its output.
    package func ready(within limit: Duration) async throws {
        let deadline = ContinuousClock.now.advanced(by: limit)
        while true {
            let output = self.output
            let isReady = output.split(separator: "\n").contains {
                $0 == "ready" || $0.hasPrefix("ready ")
            }
            if isReady { return }
            if let status { throw DemoFailure(failure("ended with status \(status)", output)) }
            guard ContinuousClock.now < deadline else {
                throw DemoFailure(failure("was not ready within \(limit)", output))
            }
            try await Task.sleep(for: DemoProcess.pollInterval)
        }
    }

    /// What it wrote last, for messages.
    /// A message with the last lines of its output.
    package func failure(_ what: String, _ output: String? = nil) -> String {
        let lines = (output ?? self.output).split(separator: "\n")
            .suffix(DemoProcess.tailLinesMax).map { "\n    \($0)" }
        let tail = lines.isEmpty ? ", and said nothing" : ":\(lines.joined())"
        return "\(command.name) \(what)\(tail)"
    }

    private var output: String {
        do {
            return try String(contentsOfFile: command.log, encoding: .utf8)
        } catch {
            return ""
        }
    }
}

/// Waiting that goes on in a cancelled task: ending what was started must not be cut short.
package enum DemoPause {
    package static func uncancelled(_ duration: Duration) async {
        let task = Task.detached {
            do { try await Task.sleep(for: duration) } catch { return }
        }
        await task.value
    }
}
