import Platform
import Store
import Synchronization
import Telemetry

/// Delivers the catalog's outbox to webhooks, each notification at least once: a notification leaves the
/// outbox only after its receiver took it, refused it for good, or a day has passed. What was not
/// delivered when the program ended is delivered after the next start.
///
/// Receivers do not wait for each other. They may be exchanged while the loop runs.
package final class NotifierLoop: Sendable {
    private typealias Lane = (queue: ReceiverQueue, signal: WakeSignal)

    /// Who is delivered to.
    private struct State {
        var lanes: [Lane]
        var names: Set<String>
        /// Ends the running lanes when others take their place.
        var ending: LaneEnding
    }

    /// Longest sleep: entries that somebody put in without a call of `wake` are found after it.
    private static let pollInterval: Duration = .seconds(5)

    private let state: Mutex<State>
    private let random: any RandomSource
    private let housekeeping = WakeSignal()
    private let outbox: Outbox
    private let sender: any NotificationSender
    private let clock: any Clock
    private let events: EventLog
    private let messagesMax: Int
    private let latency = NotificationLatency()

    /// - Parameter messagesMax: how many may wait for one receiver; of more the oldest are given up.
    package init(
        catalog: any Catalog, receivers: [WebhookReceiver], clock: any Clock,
        random: any RandomSource, events: EventLog,
        sender: any NotificationSender = WebhookSender(),
        messagesMax: Int = NotifierLoop.messagesMax
    ) {
        self.messagesMax = messagesMax
        outbox = Outbox(
            catalog: catalog,
            pool: BlockingPool(name: "outbox", threads: 2, capacity: 16_384), events: events)
        state = Mutex(State(lanes: [], names: [], ending: LaneEnding()))
        self.random = random
        self.sender = sender
        self.clock = clock
        self.events = events
        events.collect { [latency] in latency.readings }
        replace(
            receivers.map { receiver in
                NotificationEndpoint(receiver) { await sender.send($0, to: receiver, at: $1) }
            })
    }

    /// Delivers to these from now on, as soon as the attempts that are being made have ended.
    package func replace(_ endpoints: [NotificationEndpoint]) {
        for endpoint in endpoints {
            endpoint.announce(to: events)
            latency.announce(endpoint.kind)
        }
        let ending = LaneEnding()
        let lanes: [Lane] = endpoints.map { endpoint in
            (
                ReceiverQueue(
                    endpoint, outbox: outbox, clock: clock, random: random, events: events,
                    ending: ending, messagesMax: messagesMax, latency: latency), WakeSignal()
            )
        }
        let next = State(lanes: lanes, names: Set(endpoints.map(\.name)), ending: ending)
        let old = state.withLock { state in
            defer { state = next }
            return state
        }
        old.ending.begin()
        for lane in old.lanes { lane.signal.raise() }
        housekeeping.raise()
    }

    /// Messages kept for one receiver: seven a minute for a day.
    package static let messagesMax = 10_000
    /// Entries of the outbox for this name are not deliveries: somebody else takes them.
    package static let inbox = "inbox"

    /// Runs until the task is cancelled; then closes all connections.
    package func run() async {
        while !Task.isCancelled { await runLanes() }
        await shutdown()
    }

    /// Until other receivers take the place of these.
    private func runLanes() async {
        let (lanes, ending) = state.withLock { ($0.lanes, $0.ending) }
        await withDiscardingTaskGroup { group in
            for (queue, signal) in lanes {
                group.addTask { await queue.run(signal) }
            }
            group.addTask { [self] in
                while !Task.isCancelled, !ending.hasBegun {
                    await giveUpUnclaimed()
                    await housekeeping.wait(atMost: Self.pollInterval)
                }
            }
        }
    }

    /// Says that something was put into the outbox. From any thread.
    package func wake() {
        let lanes = state.withLock { $0.lanes }
        for lane in lanes { lane.signal.raise() }
        housekeeping.raise()
    }

    /// Makes one attempt at everything that is due and returns: what `run` repeats.
    package func deliverDue() async {
        await giveUpUnclaimed()
        let lanes = state.withLock { $0.lanes }
        await withDiscardingTaskGroup { group in
            for (queue, _) in lanes { group.addTask { await queue.deliverDue() } }
        }
    }

    /// Closes connections and threads. `run` does it at its end.
    package func shutdown() async {
        await sender.shutdown()
        outbox.pool.stop()
    }

    /// Notifications for receivers that are no longer configured cannot be delivered by anyone.
    private func giveUpUnclaimed() async {
        let names = state.withLock { $0.names }.union([Self.inbox])
        let reason = "no receiver of this name is configured any more"
        for name in await outbox.receivers().subtracting(names).sorted() {
            var last: Int64 = 0
            while let batch = await outbox.waiting(for: name, after: last, limit: 256),
                let newest = batch.last
            {
                for delivery in batch {
                    events.emit(NotificationFailed(receiver: name, reason: reason))
                    guard await outbox.settle(delivery.id, .failed(error: reason)) else { return }
                }
                last = newest.id
            }
        }
    }
}
