import Synchronization

/// A latch that one task waits on and anybody may signal. Signals that come while nobody waits are
/// remembered, once.
final class WakeUp: Sendable {
    private struct State {
        var isSignalled = false
        /// The number of the wait that `waiting` belongs to.
        var generation = 0
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func signal() {
        let waiting = state.withLock { state in
            let waiting = state.waiting
            state.waiting = nil
            state.isSignalled = waiting == nil
            return waiting
        }
        waiting?.resume()
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isSignalled = state.withLock { state in
                guard !state.isSignalled else {
                    state.isSignalled = false
                    return true
                }
                state.generation += 1
                state.waiting = continuation
                return false
            }
            if isSignalled { continuation.resume() }
        }
    }

    /// Waits for a signal or until `limit` has passed.
    func wait(atMost limit: Duration) async {
        let generation = state.withLock { $0.generation + 1 }
        let timer = Task {
            do {
                try await Task.sleep(for: limit)
            } catch {
                return
            }
            self.expire(generation)
        }
        await wait()
        timer.cancel()
    }

    private func expire(_ generation: Int) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.generation == generation else { return nil }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }
}
