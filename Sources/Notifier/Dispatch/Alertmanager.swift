import Foundation
import Platform
import Rules
import Store
import Synchronization
import Telemetry

/// The dispatcher with its catalog, its clock and the loop that delivers: what rules, API and commands speak
/// to. Every change is in the catalog before it is in memory; a catalog that refuses leaves both as they were.
package final class Alertmanager: Sendable {
    /// What the rules put into the outbox for the dispatcher.
    private struct Incoming: Codable {
        var alerts: [DispatchedAlert]
    }

    private struct State {
        var dispatcher: Dispatcher
        /// Configurations in force before, counted.
        var generation = 0
    }

    private let state: Mutex<State>
    private let store: any Catalog & NotifierStore
    private let loop: NotifierLoop
    private let carrier: HTTPCarrier
    private let clock: any Clock
    private let random: any RandomSource
    private let events: EventLog
    private let signal = WakeSignal()
    private let pool = BlockingPool(name: "dispatcher", threads: 1, capacity: 64)

    /// Takes up what the catalog remembers.
    package init(
        config: AlertmanagerConfig, externalURL: String, store: any Catalog & NotifierStore,
        loop: NotifierLoop, carrier: HTTPCarrier, clock: any Clock, random: any RandomSource,
        events: EventLog, others: [NotificationEndpoint] = [],
        calls: @escaping @Sendable () -> ServiceCalls = { ServiceCalls() }
    ) throws(StoreError) {
        var dispatcher = Dispatcher(config: config, externalURL: externalURL)
        var records: [NotifierRecord] = []
        for kind in NotifierRecord.Kind.allCases { records += try store.notifierRecords(kind) }
        dispatcher.restore(records, at: Timestamp(nanoseconds: clock.wallNanoseconds))
        state = Mutex(State(dispatcher: dispatcher))
        self.store = store
        self.loop = loop
        self.carrier = carrier
        self.clock = clock
        self.random = random
        self.events = events
        self.others = others
        self.calls = calls
        loop.replace(endpoints(config))
        registerGauges()
    }

    /// Endpoints that the configuration does not name.
    private let others: [NotificationEndpoint]
    /// Who calls whom.
    private let calls: @Sendable () -> ServiceCalls

    package var now: Timestamp { Timestamp(nanoseconds: clock.wallNanoseconds) }
    /// A copy to look at.
    package var snapshot: Dispatcher { state.withLock { $0.dispatcher } }

    /// What would become of an alert with these labels that begins to fire at `time`.
    package func dryRun(_ labels: [String: String], at time: Timestamp) -> DryRun {
        var found = snapshot.dryRun(labels, at: time)
        found.direct = others.filter(\.isTold)
        return found
    }

    // MARK: Configuration

    /// Goes on by another configuration.
    package func replace(_ config: AlertmanagerConfig) {
        let now = now
        state.withLock { state in
            state.dispatcher.replace(config, at: now)
            state.generation += 1
        }
        loop.replace(endpoints(config))
        signal.raise()
    }

    private func endpoints(_ config: AlertmanagerConfig) -> [NotificationEndpoint] {
        let carrier = Carrier(http: carrier, templates: config.templates, random: random)
        let routes = config.route.all
        return others
            + config.integrations.map { integration in
                let pauses = routes.filter { $0.receiver == integration.receiver }
                    .map(\.groupInterval)
                return NotificationEndpoint(
                    integration, carrier, groupInterval: pauses.min() ?? config.route.groupInterval)
            }
    }

    // MARK: Rules

    /// Makes the entries of the outbox by which the dispatcher hears of what the rules have to tell: in the
    /// same transaction as the alerts' state.
    package static let builder: NotificationBuilder = { notification in
        let incoming = Incoming(alerts: DispatchedAlert.alerts(of: notification))
        return [
            Delivery(
                receiver: NotifierLoop.inbox, body: DispatcherCoding.bytes(incoming),
                createdAt: notification.at, nextAttemptAt: notification.at)
        ]
    }

    // MARK: Running

    /// Something may have come in. From any thread.
    package func wake() { signal.raise() }

    /// Runs until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            do {
                try await pool.run { [self] in try step() }
            } catch let error as StoreError {
                events.emit(OutboxFailed(reason: "\(error)"))
            } catch {
                // The pool is shutting down, and so is this.
                break
            }
            let now = now
            let due = state.withLock { $0.dispatcher.nextDue(at: now) }
            let wait = due.map { max(1_000_000, $0.nanoseconds(since: now)) } ?? .max
            // Also without being woken: clocks jump.
            await signal.wait(atMost: min(.nanoseconds(wait), .seconds(5)))
        }
    }

    package func shutdown() { pool.stop() }

    /// Takes in what waits and tells what is due: what `run` repeats.
    package func step() throws(StoreError) {
        while try takeIn() {}
        let now = now
        let isAsking = state.withLock { $0.dispatcher.asksForCalls(at: now) }
        // Not under the lock: it may take a while.
        let calls = isAsking ? calls() : ServiceCalls()
        try change { dispatcher, now in ((), dispatcher.advance(to: now, calls: calls)) }
    }

    /// A few entries of the outbox at once; false if there were none.
    private func takeIn() throws(StoreError) -> Bool {
        let waiting = try store.waitingDeliveries(
            to: NotifierLoop.inbox, after: 0, limit: 10_000)
        guard !waiting.isEmpty else { return false }
        try change { dispatcher, now in
            var change = NotifierChange()
            for delivery in waiting {
                let incoming = DispatcherCoding.value(Incoming.self, delivery.body)
                change.append(dispatcher.receive(incoming?.alerts ?? [], at: now))
                change.taken.append(delivery.id)
            }
            return ((), change)
        }
        return true
    }

    /// Changes the dispatcher, if the catalog takes it.
    private func change<Value>(
        _ body: (inout Dispatcher, Timestamp) -> (Value, NotifierChange)
    ) throws(StoreError) -> Value {
        let now = now
        let (value, isWaking) = try state.withLock { state throws(StoreError) in
            var copy = state.dispatcher
            let (value, change) = body(&copy, now)
            if !change.isEmpty { try store.commit(change) }
            let refused = copy.overflow.count - state.dispatcher.overflow.count
            if refused > 0 {
                events.emit(AlertsOverflowed(count: refused, name: copy.overflow.last))
            }
            state.dispatcher = copy
            return (value, !change.deliveries.isEmpty)
        }
        if isWaking { loop.wake() }
        return value
    }

    // MARK: The API

    /// Alerts that a client tells of.
    package func receive(_ alerts: [DispatchedAlert]) throws(StoreError) {
        events.emit(AlertsReceived(count: alerts.count))
        try change { dispatcher, now in ((), dispatcher.receive(alerts, at: now)) }
        signal.raise()
    }

    /// - Returns: the id.
    package func set(
        _ silence: Silence
    ) throws(StoreError) -> Result<String, SilenceFailure> {
        let fresh = identifier()
        let result: Result<String, SilenceFailure> = try change { dispatcher, now in
            do throws(SilenceFailure) {
                let (id, change) = try dispatcher.set(silence, fresh: fresh, at: now)
                return (.success(id), change)
            } catch {
                return (.failure(error), NotifierChange())
            }
        }
        signal.raise()
        return result
    }

    package func expire(_ id: String) throws(StoreError) -> Result<Void, SilenceFailure> {
        try change { dispatcher, now in
            do throws(SilenceFailure) {
                return (.success(()), try dispatcher.expire(id, at: now))
            } catch {
                return (.failure(error), NotifierChange())
            }
        }
    }

    /// What became of notifications, newest first.
    package func deliveryLog(limit: Int) throws(StoreError) -> [DeliveryLogEntry] {
        try store.deliveryLog(limit: limit)
    }

    /// A UUID of version 4.
    private func identifier() -> String {
        let high = random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = [high, low].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        var parts: [Substring] = []
        var rest = digits[...]
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }

    private func registerGauges() {
        events.announce(OutboxFailed.self)
        events.announce(AlertsReceived.self)
        events.announce(AlertsOverflowed.self)
        events.collect { [weak self] in self?.readings ?? [] }
    }
}
