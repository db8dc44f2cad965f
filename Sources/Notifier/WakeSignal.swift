import Synchronization

/// A flag that one task waits for with a time limit and others raise.
final class WakeSignal: Sendable {
    private struct State {
        var isRaised = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// A wait that is running or comes next returns at once.
    func raise() {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            if state.waiting == nil { state.isRaised = true }
            return state.waiting
        }
        waiting?.resume()
    }

    /// Returns when the flag was raised, which takes it down, when the time is over or when the task is
    /// cancelled.
    func wait(atMost time: Duration) async {
        let timer = Task { [self] in
            do {
                try await Task.sleep(for: time)
                raise()
            } catch {
                // The wait ended before its time.
                return
            }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if state.isRaised {
                        state.isRaised = false
                        return true
                    }
                    state.waiting = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            raise()
        }
        timer.cancel()
    }
}
