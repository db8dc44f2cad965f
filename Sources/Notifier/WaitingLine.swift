import Store
import Telemetry

/// What waits for one receiver, by group and without the messages themselves: in each group the oldest comes
/// first. A message that the next one of its group makes needless is left out.
struct WaitingLine {
    /// A message whose turn it is.
    struct Turn: Sendable {
        fileprivate var group: ContentHash
        var id: Int64
    }

    private struct Entry {
        var id: Int64
        var createdAt: Timestamp
        var nextAttemptAt: Timestamp
        /// The same for messages that tell the same of the same alerts.
        var alerts: ContentHash
        var isRetry: Bool
        /// The receiver does not take it as it is.
        var isRefused = false

        /// Also if the clock was set back since the next attempt was put down: that time may be long in coming.
        func isDue(at now: Timestamp) -> Bool {
            nextAttemptAt <= now
                // No pause is that long.
                || nextAttemptAt.nanoseconds(since: now) > RetryPolicy.longestAsked
                || createdAt > now && nextAttemptAt >= createdAt
        }
    }

    /// Attempts at the same time.
    static let turnsMax = 16
    /// Of these for messages that have failed before: others find a place always.
    static let retriesMax = 12

    private let messagesMax: Int
    private var groups: [ContentHash: ArraySlice<Entry>] = [:]
    /// Groups with an attempt under way, and whether it is a further one.
    private var busy: [ContentHash: Bool] = [:]
    /// Of everything that was taken in.
    private(set) var lastID: Int64 = 0

    init(messagesMax: Int) { self.messagesMax = messagesMax }

    /// Whether no attempt is under way.
    var isIdle: Bool { busy.isEmpty }

    mutating func append(_ delivery: Delivery) {
        lastID = max(lastID, delivery.id)
        let entry = Entry(
            id: delivery.id, createdAt: delivery.createdAt, nextAttemptAt: delivery.nextAttemptAt,
            alerts: ContentHash(MessageIdentity.alerts(delivery.body)),
            isRetry: delivery.attempts > 0)
        groups[ContentHash(MessageIdentity.group(delivery.body)), default: []].append(entry)
    }

    /// Drops messages that were not taken, or not yet, and that a later one of their group repeats or follows.
    /// - Returns: their ids.
    mutating func dropReplaced() -> [Int64] {
        var dropped: [Int64] = []
        for (group, entries) in groups where entries.count > 1 && busy[group] == nil {
            var rest = entries
            while let head = rest.first, let next = rest.dropFirst().first,
                head.isRefused || head.alerts == next.alerts
            {
                dropped.append(head.id)
                rest.removeFirst()
            }
            groups[group] = rest
        }
        return dropped
    }

    /// Drops the oldest messages beyond the bound, but none that is being sent: newer ones say what is true
    /// now.
    /// - Returns: their ids.
    mutating func dropOverflow() -> [Int64] {
        let excess = groups.values.reduce(0) { $0 + $1.count } - messagesMax
        guard excess > 0 else { return [] }
        let waiting = groups.filter { busy[$0.key] == nil }
        let dropped = waiting.values.joined().map(\.id).sorted().prefix(excess)
        guard let last = dropped.last else { return [] }
        for (group, entries) in waiting {
            let rest = entries.drop { $0.id <= last }
            groups[group] = rest.isEmpty ? nil : rest
        }
        return Array(dropped)
    }

    /// The messages whose turn it is, and when the next one is due if nothing comes in.
    mutating func turns(at now: Timestamp) -> (due: [Turn], next: Timestamp?) {
        var due: [(entry: Entry, group: ContentHash)] = []
        var next: Timestamp?
        for (group, entries) in groups where busy[group] == nil {
            guard let head = entries.first else { continue }
            if head.isDue(at: now) {
                due.append((head, group))
            } else {
                next = min(next ?? head.nextAttemptAt, head.nextAttemptAt)
            }
        }
        due.sort {
            ($0.entry.isRetry ? 1 : 0, $0.entry.nextAttemptAt, $0.entry.id)
                < ($1.entry.isRetry ? 1 : 0, $1.entry.nextAttemptAt, $1.entry.id)
        }
        var turns: [Turn] = []
        var retries = busy.values.count { $0 }
        for (entry, group) in due {
            guard busy.count < Self.turnsMax, !entry.isRetry || retries < Self.retriesMax else {
                break
            }
            busy[group] = entry.isRetry
            retries += entry.isRetry ? 1 : 0
            turns.append(Turn(group: group, id: entry.id))
        }
        return (turns, next)
    }

    /// An attempt has ended; `nil` if none was made after all.
    mutating func end(_ turn: Turn, _ outcome: DeliveryOutcome?, isRefused: Bool = false) {
        busy[turn.group] = nil
        guard let outcome, var entries = groups[turn.group],
            let first = entries.indices.first, entries[first].id == turn.id
        else { return }
        if case .retry(let time, _) = outcome {
            entries[first].nextAttemptAt = time
            entries[first].isRetry = true
            entries[first].isRefused = isRefused
        } else {
            entries.removeFirst()
        }
        groups[turn.group] = entries.isEmpty ? nil : entries
    }
}
