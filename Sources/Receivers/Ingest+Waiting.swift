import Platform
import Store
import Telemetry
import WireFormats

extension Ingest {
    /// Senders that get no answer cannot send again, so their records wait for the store this long.
    private static let waitNanosecondsMax: Int64 = 30_000_000_000

    /// Stores records of a sender that gets no answer: tries again while the store is overloaded, and
    /// counts the records as rejected if it stays so, or cannot keep them.
    /// - Parameter isKept: the sender still has them, as a file does: there is no end to the waiting, and
    ///   nothing is counted when the task is cancelled.
    /// - Returns: whether there is nothing more to do. When the task is cancelled while waiting, they are
    ///   not stored.
    func storeWaiting(
        _ decoded: Decoded<LogBatch>, digest: ContentHash? = nil, isKept: Bool = false,
        by way: ReceiverProtocol
    ) async -> Bool {
        let deadline =
            isKept ? .max : clock.monotonicNanoseconds &+ Self.waitNanosecondsMax
        while true {
            let refusal: StoreRefusal
            do throws(StoreError) {
                _ = try await store(decoded, digest: digest, by: way)
                return true
            } catch { refusal = StoreRefusal(error: error) }
            if let delay = refusal.retryDelayNanoseconds,
                clock.monotonicNanoseconds &+ delay < deadline
            {
                if await slept(delay) { continue }
                if isKept { return false }
            }
            events.emit(
                ItemsRejected(
                    signal: .logs, way: way, reason: refusal.reason,
                    increment: UInt64(decoded.batch.count)))
            return isKept
        }
    }

    private func slept(_ nanoseconds: Int64) async -> Bool {
        do {
            try await Task.sleep(nanoseconds: UInt64(nanoseconds))
            return true
        } catch {
            return false
        }
    }
}
