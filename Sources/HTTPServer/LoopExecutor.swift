import NIOCore

/// Runs a connection's task on its event loop: what a request passes on its way to a query and back is
/// then not handed from thread to thread, each of which must wake up first.
///
/// What takes long does not run here: see `Responder`.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Runs what takes time on Swift's own threads instead of the connection's event loop.
func offLoop<Value>(_ work: () async throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(globalConcurrentExecutor, operation: work)
}
