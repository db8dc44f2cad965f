import Platform
import Store
import Synchronization
import Telemetry

/// Who wants to see log records as they arrive. Costs the way of records into the store one look when
/// nobody does.
package final class LogTails: Sendable {
    /// Tails at once: each evaluates its query over all that arrives.
    static let countMax = 64

    private struct State {
        var queues: [Int: TailQueue] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())
    private let isWatched = Atomic(false)
    private let clock: any Clock
    private let events: EventLog

    package init(clock: any Clock, events: EventLog) {
        self.clock = clock
        self.events = events
    }

    /// Shows a batch that was stored to all tails.
    package func publish(_ batch: LogBatch) {
        guard isWatched.load(ordering: .acquiring) else { return }
        let arrival = clock.monotonicNanoseconds
        let queues = state.withLock { Array($0.queues.values) }
        for queue in queues where !queue.offer(batch, at: arrival) {
            events.emit(TailedRecordsDropped(increment: UInt64(batch.count)))
        }
    }

    var isFull: Bool { state.withLock { $0.queues.count >= Self.countMax } }

    /// - Returns: `nil` when there are as many tails as may be. What is returned goes to `remove`.
    func add() -> (id: Int, queue: TailQueue)? {
        state.withLock { state in
            guard state.queues.count < Self.countMax else { return nil }
            let id = state.nextID
            let queue = TailQueue()
            state.nextID += 1
            state.queues[id] = queue
            isWatched.store(true, ordering: .releasing)
            return (id, queue)
        }
    }

    func remove(_ id: Int) {
        state.withLock { state in
            state.queues[id] = nil
            isWatched.store(!state.queues.isEmpty, ordering: .releasing)
        }
    }
}

/// Log records were not shown to a tail whose client, or whose query, is too slow for them.
struct TailedRecordsDropped: InternalEvent {
    static let counter = "sidelight_tail_dropped_records_total"
    static let help = "Stored log records not looked at by a tail that lags behind."

    var increment: UInt64
    var labels: [(name: String, value: String)] { [] }
}
