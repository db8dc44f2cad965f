import Telemetry
import WireFormats

extension Decoded<LogBatch> {
    /// `digest`, unless records had no time of their own and got that of their arrival: sent twice, such
    /// a body is two events as likely as one retry, and losing an event is worse than showing one twice.
    func retryDigest(_ digest: ContentHash, receivedAt: Timestamp) -> ContentHash? {
        batch.times.contains(receivedAt) ? nil : digest
    }
}
