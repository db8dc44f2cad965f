import HTTPServer
import Telemetry
import WireFormats

extension Decoded<LogBatch> {
    /// More lines than this with times of their own are the same twice only if they are sent again.
    private static let alikeLinesMax = 16

    /// The same for protocols whose senders give each record a time in nanoseconds, and repeat what they send:
    /// any time of its own tells a retry.
    func exactRetryDigest(_ digest: ContentHash, receivedAt: Timestamp) -> ContentHash? {
        batch.times.contains { $0 != receivedAt } ? digest : nil
    }

    /// `digest`, if a body that is sent twice is a retry rather than two events: if one of its records has a time
    /// of its own that is finer than seconds, or many have one. Records without a time have that of their arrival;
    /// access logs in whole seconds are often alike. Losing an event is worse than showing one twice.
    func retryDigest(_ digest: ContentHash, receivedAt: Timestamp) -> ContentHash? {
        var count = 0
        for time in batch.times where time != receivedAt {
            count += 1
            guard time.nanoseconds % 1_000_000_000 == 0, count <= Self.alikeLinesMax else {
                return digest
            }
        }
        return nil
    }
}

extension HTTPRequest {
    /// What is the same for retries: path and query decide what is stored as much as the body does.
    var retryIdentity: ContentHash {
        let target = ContentHash(Array("\(path)?\(rawQuery)".utf8))
        let body = ContentHash(ofBody: body)
        let words = [target.high, target.low, body.high, body.low]
        return words.withUnsafeBytes { ContentHash($0) }
    }
}
