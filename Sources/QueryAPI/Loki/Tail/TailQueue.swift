import Synchronization
import Telemetry

/// Batches of log records on their way to one tail. Bounded; a batch that finds no room is dropped
/// (what waits is older, and goes first), and some of its records are remembered, so that the client is
/// told.
final class TailQueue: Sendable {
    /// Records that wait: a second of what a busy server receives.
    static let recordsMax = 100_000
    /// Bytes of what waits, which may be shared with the store and with other tails.
    static let bytesMax = 32 << 20
    /// Batches of which records are remembered.
    static let droppedBatchesMax = 8

    struct Item: Sendable {
        var batch: LogBatch
        /// Nanoseconds of the monotonic clock.
        var arrival: Int64
    }

    private struct State {
        var items: [Item] = []
        var records = 0
        var bytes = 0
        var dropped: [LogBatch] = []
        var waiter: CheckedContinuation<Void, Never>?
        var isEnded = false
    }

    private let state = Mutex(State())

    /// - Returns: whether there was room.
    func offer(_ batch: LogBatch, at arrival: Int64) -> Bool {
        let (isTaken, waiter) = state.withLock { state in
            let waiter = state.waiter.take()
            let size = Self.size(of: batch)
            guard
                state.items.isEmpty
                    || state.records + batch.count <= Self.recordsMax
                        && state.bytes + size <= Self.bytesMax
            else {
                if state.dropped.count < Self.droppedBatchesMax {
                    state.dropped.append(batch.rows(0..<min(batch.count, DroppedLines.countMax)))
                }
                return (false, waiter)
            }
            state.items.append(Item(batch: batch, arrival: arrival))
            state.records += batch.count
            state.bytes += size
            return (true, waiter)
        }
        waiter?.resume()
        return isTaken
    }

    /// Returns when there is something, or at once when the calling task is cancelled.
    func waitUntilFilled() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    guard state.items.isEmpty, state.dropped.isEmpty, !state.isEnded else {
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.isEnded = true
                return state.waiter.take()
            }
            waiter?.resume()
        }
    }

    /// When the first that waits has arrived; `nil` if none waits.
    var firstArrival: Int64? { state.withLock { $0.items.first?.arrival } }

    /// What arrived until `deadline`, and batches of which records were dropped.
    func take(until deadline: Int64) -> (items: [Item], dropped: [LogBatch]) {
        state.withLock { state in
            let count = state.items.firstIndex { $0.arrival > deadline } ?? state.items.count
            let items = Array(state.items[..<count])
            state.items.removeFirst(count)
            for item in items {
                state.records -= item.batch.count
                state.bytes -= Self.size(of: item.batch)
            }
            defer { state.dropped = [] }
            return (items, state.dropped)
        }
    }

    private static func size(of batch: LogBatch) -> Int {
        // A record's columns have 90 bytes, an attribute's 13.
        batch.strings.byteCount + batch.count * 90 + batch.attributes.count * 13
    }
}

/// Lines that a tail's client is told it missed.
enum DroppedLines {
    /// In one message. The counter has all.
    static let countMax = 100
}
