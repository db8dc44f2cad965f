import Logging
import Platform
import Store
import Synchronization

/// Tells the operator that nothing can be stored, at once and then every ten seconds, and when it can
/// again; counts every batch that was refused because of it.
final class WriteAlarm: Sendable {
    private struct State {
        var isFailing = false
        var nextMessage: Int64 = 0
    }

    private static let repeatNanoseconds: Int64 = 10_000_000_000

    private let path: String
    private let clock: any Clock
    private let events: EventLog
    private let state = Mutex(State())

    /// - Parameter path: the folder that is written to.
    init(path: String, clock: any Clock, events: EventLog) {
        self.path = path
        self.clock = clock
        self.events = events
    }

    func note(_ result: Result<UInt64, StoreError>) {
        switch result {
        case .success:
            let wasFailing = state.withLock { state in
                defer { state.isFailing = false }
                return state.isFailing
            }
            if wasFailing { events.emit(StoreWriteRecovered(path: path)) }
        case .failure(.writeFailed(let path, let reason)):
            let now = clock.monotonicNanoseconds
            let isDue = state.withLock { state in
                guard !state.isFailing || now >= state.nextMessage else { return false }
                state.isFailing = true
                state.nextMessage = now + WriteAlarm.repeatNanoseconds
                return true
            }
            events.emit(
                StoreWriteFailed(path: path, reason: reason, level: isDue ? .error : nil))
        case .failure: break
        }
    }
}

/// A batch could not be written, and was refused.
struct StoreWriteFailed: InternalEvent {
    static let counter = "sidelight_store_write_failures_total"
    static let help = "Batches refused because they could not be written."
    var path: String
    var reason: String
    /// Not every one is logged: a full disk fails thousands.
    var level: Logger.Level?

    var message: String {
        "cannot write \(path), so nothing is taken until it can be: \(reason)"
    }
}

/// Batches can be written again.
struct StoreWriteRecovered: InternalEvent {
    static let counter = "sidelight_store_write_recoveries_total"
    static let help = "Times that writing succeeded again after it had failed."
    var path: String

    var level: Logger.Level? { .info }
    var message: String { "\(path) can be written again" }
}
