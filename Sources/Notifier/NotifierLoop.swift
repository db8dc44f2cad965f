import Platform
import Store
import Telemetry

/// Delivers the catalog's outbox to webhooks, each notification at least once: a notification leaves the
/// outbox only after its receiver took it, refused it for good, or a day has passed. What was not
/// delivered when the program ended is delivered after the next start.
///
/// Receivers do not wait for each other.
package final class NotifierLoop: Sendable {
    /// Longest sleep: entries that somebody put in without a call of `wake` are found after it.
    private static let pollInterval: Duration = .seconds(5)

    private let lanes: [(queue: ReceiverQueue, signal: WakeSignal)]
    private let names: Set<String>
    private let housekeeping = WakeSignal()
    private let outbox: Outbox
    private let sender: any NotificationSender
    private let clock: any Clock
    private let events: EventLog

    package init(
        catalog: any Catalog, receivers: [WebhookReceiver], clock: any Clock,
        random: any RandomSource, events: EventLog,
        sender: any NotificationSender = WebhookSender()
    ) {
        let outbox = Outbox(
            catalog: catalog,
            pool: BlockingPool(name: "outbox", threads: 2, capacity: 1_024), events: events)
        lanes = receivers.map { receiver in
            (
                ReceiverQueue(
                    receiver, outbox: outbox, sender: sender, clock: clock, random: random,
                    events: events), WakeSignal()
            )
        }
        names = Set(receivers.map(\.name))
        self.outbox = outbox
        self.sender = sender
        self.clock = clock
        self.events = events
    }

    /// Runs until the task is cancelled; then closes all connections.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for (queue, signal) in lanes {
                group.addTask { [self] in
                    await repeating(signal) { await queue.deliverDue() }
                }
            }
            group.addTask { [self] in
                await repeating(housekeeping) {
                    await self.giveUpUnclaimed()
                    return nil
                }
            }
        }
        await shutdown()
    }

    /// Says that something was put into the outbox. From any thread.
    package func wake() {
        for lane in lanes { lane.signal.raise() }
        housekeeping.raise()
    }

    /// Makes one attempt at everything that is due and returns: what `run` repeats.
    package func deliverDue() async {
        await giveUpUnclaimed()
        await withDiscardingTaskGroup { group in
            for (queue, _) in lanes { group.addTask { _ = await queue.deliverDue() } }
        }
    }

    /// Closes connections and threads. `run` does it at its end.
    package func shutdown() async {
        await sender.shutdown()
        outbox.pool.stop()
    }

    /// Repeats `work` when it says so, when `signal` is raised and now and then.
    private func repeating(
        _ signal: WakeSignal, _ work: @Sendable () async -> Timestamp?
    ) async {
        while !Task.isCancelled {
            let next = await work()
            let now = Timestamp(nanoseconds: clock.wallNanoseconds)
            let wait = next.map { max(1_000_000, $0.nanoseconds(since: now)) } ?? .max
            await signal.wait(atMost: min(.nanoseconds(wait), Self.pollInterval))
        }
    }

    /// Notifications for receivers that are no longer configured cannot be delivered by anyone.
    private func giveUpUnclaimed() async {
        let names = names
        for delivery in await outbox.pending(where: { !names.contains($0.receiver) }) {
            let reason = "no receiver of this name is configured any more"
            events.emit(NotificationFailed(receiver: delivery.receiver, reason: reason))
            guard await outbox.settle(delivery.id, .failed(error: reason)) else { return }
        }
    }
}
