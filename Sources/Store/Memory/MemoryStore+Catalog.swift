import Synchronization
import Telemetry

/// The alerts, their history and the outbox.
struct MemoryCatalog: Sendable {
    /// What makes an alert one and the same.
    struct AlertKey: Hashable, Sendable {
        var group: RuleGroupKey
        var rule: String
        var labels: Labels

        init(_ alert: AlertRecord) {
            group = alert.group
            rule = alert.rule
            labels = alert.labels
        }
    }

    struct Outgoing: Sendable {
        var delivery: Delivery
        /// Delivered or given up.
        var isSettled: Bool { state != .due }
        var state = DeliveryLogEntry.State.due
    }

    var alerts: [AlertKey: AlertRecord] = [:]
    /// Oldest first.
    var history: [AlertTransition] = []
    var outbox: [Outgoing] = []
    /// Bodies by kind and key.
    var notifier: [NotifierRecord.Kind: [String: [UInt8]]] = [:]
    private var lastDelivery: Int64 = 0

    mutating func apply(_ change: CatalogChange) {
        for alert in change.upserts { alerts[AlertKey(alert)] = alert }
        for alert in change.removals { alerts[AlertKey(alert)] = nil }
        history += change.transitions
        append(change.deliveries)
    }

    mutating func apply(_ change: NotifierChange) {
        for record in change.puts { notifier[record.kind, default: [:]][record.key] = record.body }
        for removal in change.removals { notifier[removal.kind]?[removal.key] = nil }
        append(change.deliveries)
        let taken = Set(change.taken)
        if !taken.isEmpty { outbox.removeAll { taken.contains($0.delivery.id) } }
    }

    private mutating func append(_ deliveries: [Delivery]) {
        for var delivery in deliveries {
            lastDelivery += 1
            delivery.id = lastDelivery
            outbox.append(Outgoing(delivery: delivery))
        }
    }

    mutating func settle(_ id: Int64, _ outcome: DeliveryOutcome) {
        guard let index = outbox.firstIndex(where: { $0.delivery.id == id }) else { return }
        outbox[index].delivery.attempts += 1
        switch outcome {
        case .delivered: outbox[index].state = .delivered
        case .retry(let time, let error):
            outbox[index].delivery.nextAttemptAt = time
            outbox[index].delivery.lastError = error
        case .failed(let error):
            outbox[index].state = .failed
            outbox[index].delivery.lastError = error
        }
    }
}

extension MemoryStore: Catalog {
    package func alerts(group: RuleGroupKey) throws(StoreError) -> [AlertRecord] {
        let found = state.withLock { state in
            state.catalog.alerts.values.filter { $0.group == group }
        }
        return found.sorted {
            $0.rule != $1.rule
                ? $0.rule < $1.rule
                : $0.labels.bytes.lexicographicallyPrecedes($1.labels.bytes)
        }
    }

    package func alertGroups() throws(StoreError) -> Set<RuleGroupKey> {
        state.withLock { Set($0.catalog.alerts.keys.map(\.group)) }
    }

    package func commit(_ change: CatalogChange) throws(StoreError) {
        state.withLock { $0.catalog.apply(change) }
    }

    package func alertHistory(limit: Int) throws(StoreError) -> [AlertTransition] {
        let history = state.withLock { $0.catalog.history }
        let newestFirst = history.enumerated().sorted {
            $0.element.at != $1.element.at
                ? $0.element.at > $1.element.at : $0.offset > $1.offset
        }
        return newestFirst.prefix(max(0, limit)).map(\.element)
    }

    package func dueDeliveries(
        at now: Timestamp, limit: Int
    ) throws(StoreError) -> [Delivery] {
        let due = state.withLock { state in
            state.catalog.outbox
                .filter { !$0.isSettled && $0.delivery.nextAttemptAt <= now }
                .map(\.delivery)
        }
        let oldestFirst = due.sorted {
            $0.createdAt != $1.createdAt ? $0.createdAt < $1.createdAt : $0.id < $1.id
        }
        return Array(oldestFirst.prefix(max(0, limit)))
    }

    package func settle(
        _ delivery: Int64, _ outcome: DeliveryOutcome
    ) throws(StoreError) {
        state.withLock { $0.catalog.settle(delivery, outcome) }
    }
}

extension MemoryStore: NotifierStore {
    package func notifierRecords(
        _ kind: NotifierRecord.Kind
    ) throws(StoreError) -> [NotifierRecord] {
        let found = state.withLock { $0.catalog.notifier[kind] ?? [:] }
        return found.sorted { $0.key < $1.key }.map {
            NotifierRecord(kind: kind, key: $0.key, body: $0.value)
        }
    }

    package func commit(_ change: NotifierChange) throws(StoreError) {
        state.withLock { $0.catalog.apply(change) }
    }

    package func deliveryLog(limit: Int) throws(StoreError) -> [DeliveryLogEntry] {
        let outbox = state.withLock { $0.catalog.outbox }
        return outbox.suffix(max(0, limit)).reversed().map {
            DeliveryLogEntry(delivery: $0.delivery, state: $0.state)
        }
    }
}
