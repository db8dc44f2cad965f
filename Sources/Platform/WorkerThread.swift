/// One named OS thread that runs closures in the order they were submitted: for work that blocks and
/// must not be reordered, such as writing.
package final class WorkerThread: Sendable {
    private let queue: ThreadedQueue

    /// - Parameter capacity: closures waiting; one more is refused.
    package init(name: String, capacity: Int) {
        queue = ThreadedQueue(name: name, threads: 1, capacity: capacity)
    }

    deinit { queue.endWithoutWaiting() }

    /// Queues `work`; false, and nothing is queued, if the mailbox is full or the thread is stopping.
    package func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        do throws(ThreadedQueue.Refusal) {
            try queue.submit(work)
            return true
        } catch {
            return false
        }
    }

    /// Takes nothing more, runs what is queued and returns when the thread has ended. Must not be
    /// called on the thread itself.
    package func stop() { queue.stop() }
}
