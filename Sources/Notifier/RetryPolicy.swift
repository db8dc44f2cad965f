import Platform
import Store
import Telemetry

/// How an attempt to send ended.
package enum SendResult: Hashable, Sendable {
    /// - Parameter missed: who of several did not take it.
    case accepted(status: Int, missed: String? = nil)
    /// Worth another attempt, not before `retryAfter` nanoseconds if the receiver said so.
    case transient(reason: String, retryAfter: Int64? = nil)
    /// Not taken as it is: soon is no use, but the receiver or the alerts may be others after a while.
    case permanent(reason: String)

    var isRefusal: Bool { if case .permanent = self { true } else { false } }
}

/// Decides when a notification is sent again: after 1 s, then twice as long each time, at most 5 min,
/// shortened by up to half at random so that receivers that were down are not met by all at once. What was
/// refused is tried again after a pause of its own: an address, a password or a template may be mended meanwhile.
struct RetryPolicy: Sendable {
    static let first: Int64 = 1_000_000_000
    static let longest: Int64 = 300_000_000_000
    /// A receiver may ask for a longer pause, within reason.
    static let longestAsked: Int64 = 3_600_000_000_000
    /// An alert that nobody could be told of for a day is no news.
    static let giveUpAfter: Int64 = 86_400_000_000_000
    /// Fewer attempts are no day's: the clock has jumped ahead, or nothing ran for a while.
    static let attemptsMin = 20

    let random: any RandomSource
    /// Nanoseconds between attempts at what was refused.
    var refusedPause: Int64 = 300_000_000_000

    func outcome(_ result: SendResult, of delivery: Delivery, at now: Timestamp) -> DeliveryOutcome
    {
        switch result {
        case .accepted: return .delivered
        case .permanent(let reason):
            let wait = min(max(refusedPause, Self.first), Self.longestAsked)
            return again(delivery, at: now.advanced(byNanoseconds: wait), reason)
        case .transient(let reason, let asked):
            let wait = max(
                pause(afterAttempts: delivery.attempts), min(asked ?? 0, Self.longestAsked))
            return again(delivery, at: now.advanced(byNanoseconds: wait), reason)
        }
    }

    private func again(
        _ delivery: Delivery, at next: Timestamp, _ reason: String
    ) -> DeliveryOutcome {
        guard
            next.nanoseconds(since: delivery.createdAt) <= Self.giveUpAfter
                || delivery.attempts + 1 < Self.attemptsMin
        else { return .failed(error: "given up after 24 hours; the last error: \(reason)") }
        return .retry(at: next, error: reason)
    }

    private func pause(afterAttempts attempts: Int) -> Int64 {
        // 2^9 s is beyond the longest pause.
        let doubled = Self.first << Int64(min(max(attempts, 0), 9))
        let full = min(doubled, Self.longest)
        return full - Int64(Double(full / 2) * random.unit())
    }
}

/// What an HTTP answer means.
enum WebhookAnswer {
    static func result(status: Int, retryAfter: String?, now: Timestamp) -> SendResult {
        let reason = "answered \(status)"
        switch status {
        case 200..<300: return .accepted(status: status)
        case 408, 429, 500...:
            return .transient(
                reason: reason, retryAfter: retryAfter.flatMap { pause($0, now: now) })
        // Redirects are not followed: they would carry the notification somewhere nobody chose.
        case 300..<400: return .permanent(reason: "\(reason): redirects are not followed")
        default: return .permanent(reason: reason)
        }
    }

    /// `Retry-After` in nanoseconds: seconds or an HTTP date (RFC 9110, 10.2.3).
    static func pause(_ text: String, now: Timestamp) -> Int64? {
        if let seconds = Int64(text), seconds >= 0 {
            return Timestamp(seconds: seconds).nanoseconds
        }
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT",
            let month = months.firstIndex(of: String(words[2])),
            let date = RFC3339.parse(
                "\(words[3])-\(month < 9 ? "0" : "")\(month + 1)-\(words[1])T\(words[4])Z")
        else { return nil }
        return max(0, date.nanoseconds(since: now))
    }
}
