import Synchronization

/// Named OS threads for reads that block, so that neither event loops nor Swift's own few threads do.
package final class BlockingPool: Sendable {
    /// Why work was not taken.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// As many jobs wait as may: the caller should answer "try again".
        case full(pool: String, capacity: Int)
        case stopped(pool: String)

        package var description: String {
            switch self {
            case .full(let pool, let capacity):
                "\(capacity) jobs already wait for \(pool); try again shortly"
            case .stopped(let pool): "\(pool) is shutting down"
            }
        }
    }

    private let queue: ThreadedQueue
    private let turns: LongTurns?

    /// - Parameter capacity: jobs waiting, those being run not counted; one more is refused.
    package init(name: String, threads: Int, capacity: Int) {
        queue = ThreadedQueue(name: name, threads: threads, capacity: capacity)
        turns = nil
    }

    /// A pool in which jobs that take long give way to short ones, if they have a `turn`.
    /// - Parameters:
    ///   - places: jobs that run at once.
    ///   - longTurns: jobs that run at once besides them, of those that take long.
    ///   - longWaiting: jobs that take long and wait for their next turn; more of them keep their places.
    package init(
        name: String, places: Int, longTurns: Int, longWaiting: Int, capacity: Int
    ) {
        queue = ThreadedQueue(
            name: name, threads: places + longTurns + longWaiting, capacity: capacity,
            places: places)
        turns = LongTurns(count: longTurns, waitingMax: longWaiting)
    }

    /// For one job; `nil` if jobs of this pool do not give way.
    package func turn() -> WorkTurn? { turns.map { WorkTurn(queue, $0) } }

    deinit { queue.endWithoutWaiting() }

    /// Runs `work` on one of the threads. If the calling task is cancelled before the work has begun,
    /// it never begins; work that runs is not interrupted.
    /// - Throws: what `work` throws, `Failure`, or `CancellationError`.
    package func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                do throws(ThreadedQueue.Refusal) {
                    try queue.submit {
                        guard !cancellation.isRequested.load(ordering: .acquiring) else {
                            return continuation.resume(throwing: CancellationError())
                        }
                        continuation.resume(with: Result { try work() })
                    }
                } catch {
                    continuation.resume(throwing: failure(error))
                }
            }
        } onCancel: {
            cancellation.isRequested.store(true, ordering: .releasing)
        }
    }

    /// Takes nothing more, runs what is queued and returns when all threads have ended.
    package func stop() { queue.stop() }

    private func failure(_ refusal: ThreadedQueue.Refusal) -> Failure {
        switch refusal {
        case .full: .full(pool: queue.name, capacity: queue.capacity)
        case .stopped: .stopped(pool: queue.name)
        }
    }
}

private final class Cancellation: Sendable {
    let isRequested = Atomic(false)
}
