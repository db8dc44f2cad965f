import Synchronization

/// Datagrams between the socket and who decodes them, bounded in bytes: one more is dropped and counted,
/// because a datagram's sender cannot be told to wait.
final class DatagramQueue: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        var bytes = 0
        var isEnded = false
    }

    private let state = Mutex(State())
    private let bytesMax: Int
    /// Gives an element when there is something to take; ends with the queue.
    let arrivals: AsyncStream<Void>
    private let arrived: AsyncStream<Void>.Continuation

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
        (arrivals, arrived) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// False if there is no room.
    func add(_ datagram: [UInt8]) -> Bool {
        // What a small datagram costs besides its bytes.
        let cost = datagram.count + 128
        let isTaken = state.withLock { state in
            guard !state.isEnded, state.bytes + cost <= bytesMax else { return false }
            state.waiting.append(datagram)
            state.bytes += cost
            return true
        }
        if isTaken { arrived.yield() }
        return isTaken
    }

    /// All that waits.
    func take() -> [[UInt8]] {
        state.withLock { state in
            defer {
                state.waiting = []
                state.bytes = 0
            }
            return state.waiting
        }
    }

    /// Takes nothing more. What waits can still be taken.
    func end() {
        state.withLock { $0.isEnded = true }
        arrived.finish()
    }
}
