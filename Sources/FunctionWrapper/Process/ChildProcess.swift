import CProcess
import Glibc
import Platform
import Synchronization

/// A command that runs in a process group of its own, with its output captured. When it ends, or when this
/// program does, what it started in its group is killed.
final class ChildProcess: Sendable {
    struct Command: Sendable {
        var arguments: [String]
        var environment: [String: String]
        var folder: String?
    }

    private enum State {
        case running
        /// Its id may belong to somebody else by now.
        case reaped
    }

    let id: Int32
    let output: ChildOutput
    private let state = Mutex(State.running)

    private init(id: Int32, output: ChildOutput) {
        self.id = id
        self.output = output
    }

    /// The pipes' ends that the child gets, and `/dev/null`.
    private struct Descriptors {
        var null: Int32 = -1
        var reading: [Int32] = []
        var writing: [Int32] = []

        static func open() throws(FunctionWrapperError) -> Descriptors {
            var descriptors = Descriptors()
            descriptors.null = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptors.null >= 0 else { throw .pipe(errno: errno) }
            for _ in 0..<3 {
                var ends: [Int32] = [-1, -1]
                let error = cprocess_pipe(&ends)
                guard error == 0 else {
                    descriptors.closeChildEnds()
                    for descriptor in descriptors.reading { Glibc.close(descriptor) }
                    throw .pipe(errno: error)
                }
                descriptors.reading.append(ends[0])
                descriptors.writing.append(ends[1])
            }
            return descriptors
        }

        func closeChildEnds() {
            Glibc.close(null)
            for descriptor in writing { Glibc.close(descriptor) }
        }
    }

    /// Starts a command on a thread of its own, which then waits for its end: the child dies with it.
    /// - Parameters:
    ///   - context: what the first output belongs to.
    ///   - ended: called once, when the child has ended, its group is gone and its output was read; with
    ///     its exit status, or 128 plus the signal.
    static func spawn(
        _ command: Command, sink: @escaping LogSink, context: LogContext,
        ended: @escaping @Sendable (_ status: Int32) -> Void
    ) async throws(FunctionWrapperError) -> ChildProcess {
        let descriptors = try Descriptors.open()
        let output = ChildOutput(
            out: descriptors.reading[0], error: descriptors.reading[1],
            frames: descriptors.reading[2], sink: sink, context: context)
        let result = await withCheckedContinuation { continuation in
            Self.thread("child-\(command.arguments.first ?? "")") {
                let started = start(command, descriptors, output)
                continuation.resume(returning: started)
                if case .success(let child) = started { ended(child.waitForEnd()) }
            }
        }
        switch result {
        case .success(let child):
            Self.thread("child-output") { output.run() }
            return child
        case .failure(let error):
            output.discard()
            throw error
        }
    }

    private static func thread(_ name: String, _ work: @escaping @Sendable () -> Void) {
        let worker = WorkerThread(name: String(name.prefix(15)), capacity: 1)
        guard worker.submit(work) else {
            preconditionFailure("BUG: a new thread takes no work")
        }
    }

    private static func start(
        _ command: Command, _ descriptors: Descriptors, _ output: ChildOutput
    ) -> Result<ChildProcess, FunctionWrapperError> {
        defer { descriptors.closeChildEnds() }
        let arguments = CStrings(command.arguments)
        let environment = CStrings(command.environment.map { "\($0.key)=\($0.value)" }.sorted())
        defer {
            arguments.free()
            environment.free()
        }
        let targets = [descriptors.null] + descriptors.writing
        var id: Int32 = 0
        let error = cprocess_spawn(
            arguments.pointers[0], arguments.pointers, environment.pointers, command.folder,
            targets, &id)
        guard error == 0 else {
            return .failure(.spawn(program: command.arguments.first ?? "", errno: error))
        }
        return .success(ChildProcess(id: id, output: output))
    }

    private func waitForEnd() -> Int32 {
        let error = cprocess_wait(id)
        guard error == 0 else { preconditionFailure("BUG: the child is not ours: \(error)") }
        // The id is still taken, so this group is ours.
        kill(-id, SIGKILL)
        output.finish()
        return state.withLock { state in
            state = .reaped
            return cprocess_reap(id)
        }
    }

    /// Signals the child and what it started in its group, unless it has ended.
    func signal(_ number: Int32) {
        state.withLock { state in
            guard state == .running else { return }
            kill(-id, number)
        }
    }

    /// What it has used so far; `nil` if it has ended.
    func usage() -> ProcessUsage? {
        state.withLock { $0 == .running ? ProcessUsage.read(process: id) : nil }
    }
}

/// Null-terminated strings for C.
private struct CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) { pointers = strings.map { strdup($0) } + [nil] }

    func free() { for pointer in pointers { Glibc.free(pointer) } }
}
