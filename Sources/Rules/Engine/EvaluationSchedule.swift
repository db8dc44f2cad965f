import Store
import Telemetry

/// When a group is evaluated: at instants one interval apart, shifted by a hash of the group so that
/// groups do not all begin in the same second (as Prometheus's `EvalTimestamp`). Milliseconds since
/// the epoch.
struct EvaluationSchedule: Sendable {
    /// Groups of at most this interval begin at once: nobody waits for them, and a shift by part of so
    /// little spreads nothing.
    static let shortInterval: Int64 = 5_000

    let interval: Int64
    private let offset: Int64
    /// The next instant.
    private(set) var next: Int64

    init(interval: Int64, key: RuleGroupKey, now: Int64) {
        self.interval = max(1, interval)
        if interval <= Self.shortInterval {
            offset = Self.remainder(now, self.interval)
        } else {
            let hash = ContentHash(Array(key.file.utf8) + [0] + Array(key.name.utf8))
            offset = Int64(hash.low % UInt64(self.interval))
        }
        next = now
        align(to: now)
    }

    /// The instant to evaluate at and how many before it were missed; `nil` if it is not time yet.
    mutating func take(at now: Int64) -> (instant: Int64, missed: Int64)? {
        guard now >= next else {
            // The clock was set back: do not wait until it has caught up.
            if next - now > interval { align(to: now) }
            return nil
        }
        let missed = (now - next) / interval
        let instant = next + missed * interval
        next = instant + interval
        return (instant, missed)
    }

    private mutating func align(to now: Int64) {
        let past = Self.remainder(now &- offset, interval)
        next = past == 0 ? now : now &+ (interval - past)
    }

    private static func remainder(_ value: Int64, _ divisor: Int64) -> Int64 {
        let remainder = value % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
