import Platform
import Store
import Synchronization
import Telemetry

extension MetricStore {
    /// Appends and blocks until the samples are durable.
    /// - Throws: the store's refusal as text, or that it took more than `timeout` nanoseconds.
    func appendDurably(_ batch: MetricBatch, timeout: Int64) throws(RuleFailure) {
        if batch.isEmpty { return }
        let outcome = AppendBox()
        append(metrics: batch, digest: nil) { outcome.set($0) }
        outcome.wakeUp.wait(nanoseconds: timeout)
        switch outcome.value {
        case .success: return
        case .failure(let error): throw RuleFailure(reason: "cannot store the result: \(error)")
        case nil: throw RuleFailure(reason: "the store took too long to keep the result")
        }
    }
}

private final class AppendBox: Sendable {
    let wakeUp = WakeUp()
    private let result = Mutex<Result<AppendOutcome, StoreError>?>(nil)

    var value: Result<AppendOutcome, StoreError>? { result.withLock { $0 } }

    func set(_ value: Result<AppendOutcome, StoreError>) {
        result.withLock { $0 = value }
        wakeUp.signal()
    }
}
