import Platform
import Store
import Synchronization
import Telemetry

/// Delivers what waits for one receiver, a bounded number of messages at a time.
///
/// Messages of one group keep their order: while one waits for its next attempt, later ones of the group wait
/// behind it, so that "resolved" never overtakes "firing". Groups do not wait for each other.
actor ReceiverQueue {
    /// Rows of one reading: the bodies are held in memory.
    private static let window = 256
    /// Longest sleep: entries that somebody put in without raising the signal are found after it.
    private static let pollInterval: Duration = .seconds(5)

    private let receiver: NotificationEndpoint
    private let outbox: Outbox
    private let policy: RetryPolicy
    private let clock: any Clock
    private let events: EventLog
    private let ending: LaneEnding
    private let latency: NotificationLatency
    private var line: WaitingLine
    /// Outcomes that the catalog has not taken yet: these must not be sent again.
    private var unsaved: [Int64: DeliveryOutcome] = [:]
    /// The outbox could not be read.
    private var isStalled = false

    init(
        _ receiver: NotificationEndpoint, outbox: Outbox, clock: any Clock,
        random: any RandomSource, events: EventLog, ending: LaneEnding, messagesMax: Int,
        latency: NotificationLatency
    ) {
        self.latency = latency
        line = WaitingLine(messagesMax: messagesMax)
        self.receiver = receiver
        self.outbox = outbox
        policy = RetryPolicy(random: random, refusedPause: receiver.refusedPause)
        self.clock = clock
        self.events = events
        self.ending = ending
    }

    /// Sends what is due when its time comes, until others take this one's place or the task is cancelled.
    func run(_ signal: WakeSignal) async { await work(signal, isOnce: false) }

    /// Sends everything whose time has come.
    func deliverDue() async { await work(WakeSignal(), isOnce: true) }

    private func work(_ signal: WakeSignal, isOnce: Bool) async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled, !ending.hasBegun {
                let (due, next) = await turns()
                for turn in due {
                    group.addTask { [self] in
                        await attempt(turn)
                        signal.raise()
                    }
                }
                if isOnce, due.isEmpty, line.isIdle { return }
                let now = Timestamp(nanoseconds: clock.wallNanoseconds)
                let wait = next.map { max(1_000_000, $0.nanoseconds(since: now)) } ?? .max
                await signal.wait(atMost: min(.nanoseconds(wait), Self.pollInterval))
            }
        }
    }

    /// What is to be sent now, and when the next attempt is due.
    private func turns() async -> (due: [WaitingLine.Turn], next: Timestamp?) {
        guard await saveOutcomes(), await takeIn(), !isStalled else {
            isStalled = false
            return ([], nil)
        }
        for id in line.dropReplaced() {
            events.emit(NotificationReplaced(receiver: receiver.name))
            await settle(
                id, .failed(error: "replaced by a later notification of the same alerts"))
        }
        await giveUpOverflow()
        return line.turns(at: Timestamp(nanoseconds: clock.wallNanoseconds))
    }

    /// The bound on what waits: the oldest go.
    private func giveUpOverflow() async {
        let dropped = line.dropOverflow()
        guard !dropped.isEmpty else { return }
        events.emit(NotificationsOverflowed(receiver: receiver.name, count: dropped.count))
        let reason = "given up for newer ones: too many wait"
        for id in dropped { await settle(id, .failed(error: reason)) }
        receiver.countGivenUp(dropped.count, in: events)
    }

    /// Reads what came in since; false if that failed.
    private func takeIn() async -> Bool {
        while true {
            guard
                let fresh = await outbox.waiting(
                    for: receiver.name, after: line.lastID, limit: Self.window)
            else { return false }
            for delivery in fresh { line.append(delivery) }
            if fresh.count < Self.window { return true }
        }
    }

    private func attempt(_ turn: WaitingLine.Turn) async {
        let found = await outbox.waiting(for: receiver.name, after: turn.id - 1, limit: 1)
        guard let found else {
            isStalled = !Task.isCancelled
            return line.end(turn, nil)
        }
        // Somebody else may have dealt with it.
        guard let delivery = found.first, delivery.id == turn.id else {
            return line.end(turn, .delivered)
        }
        let start = Timestamp(nanoseconds: clock.wallNanoseconds)
        let begun = clock.monotonicNanoseconds
        let result = await receiver.send(delivery.body, start)
        latency.note(clock.monotonicNanoseconds &- begun, receiver.kind)
        // A send that was broken off by the shutdown is no attempt; the next start makes it.
        if Task.isCancelled, case .transient = result { return line.end(turn, nil) }
        let now = Timestamp(nanoseconds: clock.wallNanoseconds)
        let outcome = policy.outcome(result, of: delivery, at: now)
        report(result, outcome, of: delivery)
        await settle(delivery.id, outcome)
        line.end(turn, outcome, isRefused: result.isRefusal)
    }

    private func report(
        _ result: SendResult, _ outcome: DeliveryOutcome, of delivery: Delivery
    ) {
        receiver.count(result, outcome, in: events)
        if case .accepted(_, let missed?) = result {
            events.emit(NotificationPartlyRefused(receiver: receiver.name, reason: missed))
        }
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
    }

    private func settle(_ id: Int64, _ outcome: DeliveryOutcome) async {
        if !(await outbox.settle(id, outcome)) { unsaved[id] = outcome }
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
