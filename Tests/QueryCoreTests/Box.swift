import Store
import Synchronization

/// Keeps the outcome that a completion was called with.
final class Box: Sendable {
    private let outcome = Mutex<Result<AppendOutcome, StoreError>?>(nil)

    var value: Result<AppendOutcome, StoreError>? { outcome.withLock { $0 } }
    func set(_ value: Result<AppendOutcome, StoreError>) { outcome.withLock { $0 = value } }
}
