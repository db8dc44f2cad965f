import Platform
import Store
import Synchronization
import Telemetry

/// Delivers what waits for one receiver, one message at a time.
///
/// Messages of one rule group keep their order: while one waits for its next attempt, later ones of the
/// group wait behind it, so that "resolved" never overtakes "firing". Groups do not wait for each other.
actor ReceiverQueue {
    private let receiver: NotificationEndpoint
    private let outbox: Outbox
    private let policy: RetryPolicy
    private let clock: any Clock
    private let events: EventLog
    private let ending: LaneEnding
    /// Outcomes that the catalog has not taken yet: these must not be sent again.
    private var unsaved: [Int64: DeliveryOutcome] = [:]

    init(
        _ receiver: NotificationEndpoint, outbox: Outbox, clock: any Clock,
        random: any RandomSource, events: EventLog, ending: LaneEnding
    ) {
        self.receiver = receiver
        self.outbox = outbox
        policy = RetryPolicy(random: random)
        self.clock = clock
        self.events = events
        self.ending = ending
    }

    /// Sends everything whose time has come.
    /// - Returns: when the next attempt is due; `nil` if nothing waits.
    func deliverDue() async -> Timestamp? {
        while !Task.isCancelled, !ending.hasBegun {
            guard await saveOutcomes() else { return nil }
            let heads = await heads()
            let now = Timestamp(nanoseconds: clock.wallNanoseconds)
            guard let next = heads.first(where: { Self.isDue($0, at: now) }) else {
                return heads.map(\.nextAttemptAt).min()
            }
            await attempt(next)
        }
        return nil
    }

    /// Also if the clock was set back since the next attempt was put down: that time may be long in coming.
    private static func isDue(_ delivery: Delivery, at now: Timestamp) -> Bool {
        delivery.nextAttemptAt <= now
            // No pause is that long.
            || delivery.nextAttemptAt.nanoseconds(since: now) > RetryPolicy.longestAsked
            || delivery.createdAt > now && delivery.nextAttemptAt >= delivery.createdAt
    }

    /// The oldest message of every group.
    private func heads() async -> [Delivery] {
        let name = receiver.name
        let waiting = await outbox.pending { $0.receiver == name }
        var queues: [[UInt8]: [Delivery]] = [:]
        var order: [[UInt8]] = []
        for delivery in waiting where unsaved[delivery.id] == nil {
            let key = MessageIdentity.group(delivery.body)
            if queues[key] == nil { order.append(key) }
            queues[key, default: []].append(delivery)
        }
        var heads: [Delivery] = []
        for key in order {
            if let head = await withoutRepetitions(queues[key] ?? []) { heads.append(head) }
        }
        return heads
    }

    /// The first message that is not repeated by the one right behind it. While a receiver is down the
    /// reminders of firing alerts pile up; only the latest says anything.
    private func withoutRepetitions(_ queue: [Delivery]) async -> Delivery? {
        var rest = queue[...]
        while let head = rest.popFirst() {
            guard let next = rest.first,
                MessageIdentity.alerts(head.body) == MessageIdentity.alerts(next.body)
            else { return head }
            let outcome = DeliveryOutcome.failed(
                error: "replaced by a later notification of the same alerts")
            events.emit(NotificationReplaced(receiver: receiver.name))
            if !(await outbox.settle(head.id, outcome)) { unsaved[head.id] = outcome }
        }
        return nil
    }

    private func attempt(_ delivery: Delivery) async {
        let start = Timestamp(nanoseconds: clock.wallNanoseconds)
        let result = await receiver.send(delivery.body, start)
        // A send that was broken off by the shutdown is no attempt; the next start makes it.
        if Task.isCancelled, case .transient = result { return }
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let outcome = policy.outcome(result, of: delivery, at: now)
        receiver.count(result, outcome, in: events)
        switch outcome {
        case .delivered:
            events.emit(
                NotificationDelivered(receiver: receiver.name, attempts: delivery.attempts + 1))
        case .retry(_, let reason):
            events.emit(
                NotificationRetried(
                    receiver: receiver.name, url: receiver.address, reason: reason))
        case .failed(let reason):
            events.emit(NotificationFailed(receiver: receiver.name, reason: reason))
        }
        if !(await outbox.settle(delivery.id, outcome)) { unsaved[delivery.id] = outcome }
    }

    /// False if outcomes still wait to be saved: then nothing more is sent.
    private func saveOutcomes() async -> Bool {
        for (id, outcome) in unsaved {
            guard await outbox.settle(id, outcome) else { return false }
            unsaved[id] = nil
        }
        return true
    }
}

/// Tells the queues of receivers that others take their place: they end what they are at and begin nothing more.
final class LaneEnding: Sendable {
    private let flag = Atomic(false)

    var hasBegun: Bool { flag.load(ordering: .acquiring) }
    func begin() { flag.store(true, ordering: .releasing) }
}

/// What can be told of a message from its bytes, as `WebhookMessage` writes them. A quote inside a JSON
/// string is escaped, so that the marks below stand only where they were written as syntax.
enum MessageIdentity {
    private static let afterGroup = Array(",\"truncatedAlerts\":".utf8)
    private static let afterStatus = Array(",\"receiver\":".utf8)
    private static let fingerprint = Array("\"fingerprint\":\"".utf8)
    private static let fingerprintLength = 16

    /// The same for all messages of a rule group.
    static func group(_ body: [UInt8]) -> [UInt8] {
        body.firstRange(of: afterGroup).map { Array(body[..<$0.lowerBound]) } ?? body
    }

    /// The same for messages that tell the same status of the same alerts.
    static func alerts(_ body: [UInt8]) -> [UInt8] {
        guard let head = body.firstRange(of: afterStatus) else { return body }
        var identity = Array(body[..<head.lowerBound])
        var rest = body[head.upperBound...]
        while let found = rest.firstRange(of: fingerprint) {
            rest = rest[found.upperBound...]
            identity += rest.prefix(fingerprintLength)
        }
        return identity
    }
}
