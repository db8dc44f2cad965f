import Platform
import Synchronization

/// Lets many threads append to one journal: a writer thread takes whatever has been submitted as soon as
/// it is free, writes it as one unit with one sync, and answers all. An idle writer takes a record at
/// once, a busy one gathers what comes meanwhile; nothing ever waits for company.
///
/// What is queued is bounded by `JournalLimits.queuedBytesMax`; beyond it a submission is refused with
/// `JournalError.overloaded` and a hint when to try again.
package final class GroupCommitter: Sendable {
    /// Runs on the writer thread, in sequence order, once the record is durable and before any
    /// completion of its batch: the place to hand the record to the in-memory head.
    package typealias DurableHook = @Sendable (_ sequence: UInt64) -> Void
    /// Runs exactly once for every submission: on the writer thread, or, if the submission is refused,
    /// on the submitting one. Must not block.
    package typealias Completion = @Sendable (Result<UInt64, JournalError>) -> Void

    private struct Submission {
        var entry: JournalEntry
        var bytes: Int
        var onDurable: DurableHook
        var completion: Completion
    }

    private enum Item {
        case record(Submission)
        case barrier(@Sendable () -> Void)
    }

    private struct State {
        var queue: [Item] = []
        /// Of `queue` and of what the writer has taken and not answered yet.
        var queuedBytes = 0
        var isDraining = false
        var isClosed = false
    }

    package let journal: Journal
    private let limits: JournalLimits
    private let worker: WorkerThread
    private let state = Mutex(State())

    /// - Parameter threadName: at most 15 bytes are shown.
    package init(journal: Journal, threadName: String = "journal") {
        self.journal = journal
        limits = journal.limits
        // One job that drains is queued at a time.
        worker = WorkerThread(name: threadName, capacity: 1)
    }

    /// Queues a record; `completion` gets its sequence once it is as durable as the journal promises.
    package func submit(
        _ entry: JournalEntry, onDurable: @escaping DurableHook = { _ in },
        completion: @escaping Completion
    ) {
        do throws(JournalError) {
            try journal.check(entry)
            // A small record costs its header and bookkeeping too.
            let bytes = entry.payloadBytes + RecordHeader.byteCount
            let submission = Submission(
                entry: entry, bytes: bytes, onDurable: onDurable, completion: completion)
            try enqueue(.record(submission), bytes: bytes)
        } catch {
            completion(.failure(error))
        }
    }

    /// Runs `body` on the writer thread when all records submitted before are answered and none
    /// submitted later has been written: a point between two sequences.
    /// - Throws: `JournalError.closed`; then `body` never runs.
    package func barrier(_ body: @escaping @Sendable () -> Void) throws(JournalError) {
        try enqueue(.barrier(body), bytes: 0)
    }

    /// Payload and header bytes that are not answered yet.
    package var queuedBytes: Int { state.withLock { $0.queuedBytes } }

    /// Takes nothing more, answers everything that was submitted and ends the writer thread. The journal
    /// stays open. Must not be called by a hook or completion.
    package func close() {
        state.withLock { $0.isClosed = true }
        worker.stop()
    }

    // MARK: The writer thread

    private func enqueue(_ item: Item, bytes: Int) throws(JournalError) {
        let mustStart = try state.withLock { state throws(JournalError) -> Bool in
            if state.isClosed { throw .closed }
            guard state.queuedBytes == 0 || state.queuedBytes + bytes <= limits.queuedBytesMax
            else {
                throw .overloaded(
                    queuedBytes: state.queuedBytes,
                    retryAfterMilliseconds: limits.retryAfterMilliseconds)
            }
            state.queue.append(item)
            state.queuedBytes += bytes
            defer { state.isDraining = true }
            return !state.isDraining
        }
        guard mustStart else { return }
        // Closing stops the worker; what was queued just before is answered here instead.
        if !worker.submit({ self.drain() }) { drain() }
    }

    private func drain() {
        while true {
            let items = state.withLock { state -> [Item] in
                let items = state.queue
                state.queue = []
                if items.isEmpty { state.isDraining = false }
                return items
            }
            if items.isEmpty { return }
            process(items)
        }
    }

    private func process(_ items: [Item]) {
        var batch: [Submission] = []
        var bytes = 0
        for item in items {
            switch item {
            case .record(let submission):
                if bytes + submission.bytes > limits.batchBytesMax {
                    commit(&batch)
                    bytes = 0
                }
                batch.append(submission)
                bytes += submission.bytes
            case .barrier(let body):
                commit(&batch)
                bytes = 0
                body()
            }
        }
        commit(&batch)
    }

    private func commit(_ batch: inout [Submission]) {
        guard !batch.isEmpty else { return }
        let bytes = batch.reduce(0) { $0 + $1.bytes }
        do throws(JournalError) {
            let first = try journal.append(batch.map(\.entry))
            for (index, submission) in batch.enumerated() {
                submission.onDurable(first + UInt64(index))
            }
            release(bytes)
            for (index, submission) in batch.enumerated() {
                submission.completion(.success(first + UInt64(index)))
            }
        } catch {
            release(bytes)
            for submission in batch { submission.completion(.failure(error)) }
        }
        batch.removeAll(keepingCapacity: true)
    }

    private func release(_ bytes: Int) { state.withLock { $0.queuedBytes -= bytes } }
}
