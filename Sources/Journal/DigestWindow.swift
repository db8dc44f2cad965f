import Telemetry

/// Remembers which batches were taken during about the last ten minutes, so that one that a sender tries
/// again is acknowledged and dropped before anything is derived from it. After a restart it is filled
/// from the replay, whose records carry digest and arrival.
///
/// A value that decides; the owner holds the lock. A batch is `pending` from its first arrival until it
/// is durable: a retry in between must not be acknowledged yet. The window is bounded by count, too:
/// beyond it the oldest digest is forgotten first, which shortens the window, and a later retry of that
/// batch would be stored again.
package struct DigestWindow: Sendable {
    /// What to do with a batch.
    package enum Verdict: Hashable, Sendable {
        /// Not seen: store it, then call `confirm` or `abandon`.
        case fresh
        /// The same batch is being stored right now: answer when that is decided, or "try again".
        case pending
        /// Stored already: acknowledge and drop.
        case duplicate
    }

    private struct Remembered {
        var digest: ContentHash
        var at: Timestamp
    }

    package let windowNanoseconds: Int64
    package let countMax: Int
    /// Oldest first, from `oldest` on; what lies before is forgotten.
    private var order: [Remembered] = []
    private var oldest = 0
    private var stored: Set<ContentHash> = []
    private var pending: Set<ContentHash> = []

    /// - Parameters:
    ///   - windowNanoseconds: senders retry for five minutes (the OpenTelemetry Collector's default);
    ///     ten allow for a restart in between.
    ///   - countMax: about 60 bytes each.
    package init(windowNanoseconds: Int64 = 600_000_000_000, countMax: Int = 131_072) {
        precondition(countMax > 0, "BUG: a window that remembers nothing")
        self.windowNanoseconds = windowNanoseconds
        self.countMax = countMax
    }

    /// Digests remembered, pending ones not counted.
    package var count: Int { stored.count }

    /// What is remembered, oldest first: what `remember` takes again after a restart.
    package var entries: [(digest: ContentHash, at: Timestamp)] {
        order[oldest...].map { ($0.digest, $0.at) }
    }

    /// Judges a batch that arrives at `now`; a fresh one is pending from here on.
    package mutating func admit(_ digest: ContentHash, at now: Timestamp) -> Verdict {
        forget(before: now)
        if stored.contains(digest) { return .duplicate }
        return pending.insert(digest).inserted ? .fresh : .pending
    }

    /// The batch is durable.
    package mutating func confirm(_ digest: ContentHash, at now: Timestamp) {
        pending.remove(digest)
        remember(digest, at: now)
    }

    /// The batch was not stored: the next try is fresh.
    package mutating func abandon(_ digest: ContentHash) { pending.remove(digest) }

    /// Notes a batch that a replay found; in the order of the replay.
    package mutating func remember(_ digest: ContentHash, at arrival: Timestamp) {
        guard stored.insert(digest).inserted else { return }
        order.append(Remembered(digest: digest, at: arrival))
        if stored.count > countMax { forgetOldest() }
    }

    private mutating func forget(before now: Timestamp) {
        let horizon = now.advanced(byNanoseconds: -windowNanoseconds)
        while oldest < order.count, order[oldest].at < horizon { forgetOldest() }
    }

    private mutating func forgetOldest() {
        stored.remove(order[oldest].digest)
        oldest += 1
        if oldest >= 1_024, oldest * 2 >= order.count {
            order.removeFirst(oldest)
            oldest = 0
        }
    }
}
