import Foundation
import Synchronization

/// One run of the program with all that it says.
final class Subprocess: Sendable {
    struct Outcome: Sendable {
        var status: Int32
        var output: String
        var error: String
    }

    private struct State {
        var output = ""
        var error = ""
        /// Of a program that has ended and said everything.
        var status: Int32?
        /// Told whenever something changed.
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let pid: Int32
    private let state: Shared
    /// One at a time, so that no child inherits the pipes of another.
    private static let spawning = Mutex(())

    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    var standardError: String { state.state.withLock { $0.error } }
    var standardOutput: String { state.state.withLock { $0.output } }

    /// - Parameters:
    ///   - environment: added to this process's.
    ///   - launcher: a command that runs what follows it, such as `nsenter`.
    convenience init(
        _ arguments: [String], environment: [String: String] = [:], launcher: [String] = []
    ) throws {
        guard let path = ServerProcess.binary else {
            throw ServerProcess.Failure(description: "build the release program first")
        }
        try self.init(command: launcher + [path] + arguments, environment: environment)
    }

    /// - Parameter command: looked up in PATH unless it is a path.
    init(command: [String], environment: [String: String] = [:]) throws {
        let child = try Subprocess.spawning.withLock { _ in
            try Child(command, ProcessInfo.processInfo.environment.merging(environment) { $1 })
        }
        pid = child.pid
        let state = Shared()
        self.state = state
        Thread.detachNewThread {
            child.read { isError, text in
                Subprocess.change(state) { state in
                    if isError { state.error += text } else { state.output += text }
                }
            }
            let status = child.wait()
            Subprocess.change(state) { $0.status = status }
        }
    }

    deinit {
        if state.state.withLock({ $0.status == nil }) { kill(pid, SIGKILL) }
    }

    /// Runs to the end, which must come within five minutes.
    static func run(
        _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> Outcome {
        let program = try Subprocess(arguments, environment: environment)
        let pid = program.pid
        let deadline = DispatchSource.makeTimerSource()
        deadline.schedule(deadline: .now() + 300)
        deadline.setEventHandler { kill(pid, SIGKILL) }
        deadline.resume()
        defer { deadline.cancel() }
        let status = await program.exit()
        return Outcome(
            status: status, output: program.standardOutput, error: program.standardError)
    }

    func send(_ signal: Int32) {
        if state.state.withLock({ $0.status == nil }) { kill(pid, signal) }
    }

    /// Waits for the end of the program and of what it says; returns its status, or the number of the
    /// signal that killed it, negative.
    func exit() async -> Int32 { await when(\.status) ?? -1 }

    /// The first line on standard error that starts so; `nil` if the program ends without it.
    func line(startingWith prefix: String) async -> String? {
        await when { state in
            state.error.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                .first { $0.hasPrefix(prefix) }.map(String.init)
        }
    }

    /// Waits until standard error holds `text`; false if the program ends without it.
    func says(_ text: String) async -> Bool {
        await when { $0.error.contains(text) ? true : nil } ?? false
    }

    /// Waits until standard output holds `text`; false if the program ends without it.
    func prints(_ text: String) async -> Bool {
        await when { $0.output.contains(text) ? true : nil } ?? false
    }

    // MARK: Waiting

    /// What `look` finds as soon as it finds something, or at the end.
    private func when<T>(_ look: (State) -> T?) async -> T? {
        while true {
            let (found, isOver) = state.state.withLock { (look($0), $0.status != nil) }
            if found != nil || isOver { return found }
            await withCheckedContinuation { continuation in
                let isLate = state.state.withLock { state in
                    if look(state) != nil || state.status != nil { return true }
                    state.waiting.append(continuation)
                    return false
                }
                if isLate { continuation.resume() }
            }
        }
    }

    private static func change(_ shared: Shared, _ body: (inout State) -> Void) {
        let waiting = shared.state.withLock { state in
            body(&state)
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
