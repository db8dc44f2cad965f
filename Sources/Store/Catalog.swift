import Telemetry

/// Small state that must survive any restart: alerts and what is still to be told about them. Every
/// change is one transaction.
package protocol Catalog: Sendable {
    /// The alerts of a rule group that are pending, firing, or resolved and not yet forgotten.
    func alerts(group: RuleGroupKey) throws(StoreError) -> [AlertRecord]
    /// Applies all of `change` or nothing.
    func commit(_ change: CatalogChange) throws(StoreError)
    /// Transitions, newest first.
    func alertHistory(limit: Int) throws(StoreError) -> [AlertTransition]
    /// Those that a filter accepts, newest first.
    func alertHistory(
        _ filter: AlertHistoryFilter, limit: Int
    ) throws(StoreError) -> [AlertTransition]
    /// Undelivered notifications whose time has come, oldest first.
    func dueDeliveries(at now: Timestamp, limit: Int) throws(StoreError) -> [Delivery]
    /// Undelivered notifications for one receiver with ids beyond `id`, by id, whether their time has come or not.
    func waitingDeliveries(
        to receiver: String, after id: Int64, limit: Int
    ) throws(StoreError) -> [Delivery]
    /// The receivers of all undelivered notifications.
    func waitingReceivers() throws(StoreError) -> Set<String>
    /// Records the outcome of an attempt.
    func settle(_ delivery: Int64, _ outcome: DeliveryOutcome) throws(StoreError)
    /// All groups that have alerts; may name some that have none.
    func alertGroups() throws(StoreError) -> Set<RuleGroupKey>
}

extension Catalog {
    package func waitingDeliveries(
        to receiver: String, after id: Int64, limit: Int
    ) throws(StoreError) -> [Delivery] {
        let all = try dueDeliveries(at: .distantFuture, limit: .max)
        return Array(
            all.filter { $0.receiver == receiver && $0.id > id }.sorted { $0.id < $1.id }
                .prefix(max(0, limit)))
    }

    package func waitingReceivers() throws(StoreError) -> Set<String> {
        Set(try dueDeliveries(at: .distantFuture, limit: .max).map(\.receiver))
    }

    /// The groups that the history names: an alert has entered it by a transition.
    package func alertGroups() throws(StoreError) -> Set<RuleGroupKey> {
        Set(try alertHistory(limit: 100_000).map(\.group))
    }
}

/// Names a rule group: the file it stands in and its name there.
package struct RuleGroupKey: Hashable, Sendable {
    package var file: String
    package var name: String

    package init(file: String, name: String) {
        self.file = file
        self.name = name
    }
}

/// Where an alert stands. Times are of the evaluation that caused the step.
package enum AlertState: Hashable, Sendable {
    case pending(since: Timestamp)
    case firing(since: Timestamp, firedAt: Timestamp)
    case resolved(at: Timestamp, firedAt: Timestamp)

    package var name: String {
        switch self {
        case .pending: "pending"
        case .firing: "firing"
        case .resolved: "resolved"
        }
    }
}

/// One alert instance: a rule with the labels it fired for.
package struct AlertRecord: Hashable, Sendable {
    package var group: RuleGroupKey
    package var rule: String
    /// With `alertname`.
    package var labels: Labels
    package var annotations: [Attribute]
    package var state: AlertState
    package var value: Double
    package var lastSentAt: Timestamp?
    /// Since when the alert fires only because it is to be kept firing for a while.
    package var keepFiringSince: Timestamp?

    package init(
        group: RuleGroupKey, rule: String, labels: Labels, annotations: [Attribute],
        state: AlertState, value: Double, lastSentAt: Timestamp? = nil,
        keepFiringSince: Timestamp? = nil
    ) {
        self.group = group
        self.rule = rule
        self.labels = labels
        self.annotations = annotations
        self.state = state
        self.value = value
        self.lastSentAt = lastSentAt
        self.keepFiringSince = keepFiringSince
    }
}

/// A step of an alert, kept as history. `to` is `inactive` when a pending alert went away.
package struct AlertTransition: Hashable, Sendable {
    package var at: Timestamp
    package var group: RuleGroupKey
    package var rule: String
    package var labels: Labels
    package var from: String
    package var to: String
    package var value: Double

    package init(
        at: Timestamp, group: RuleGroupKey, rule: String, labels: Labels, from: String,
        to: String, value: Double
    ) {
        self.at = at
        self.group = group
        self.rule = rule
        self.labels = labels
        self.from = from
        self.to = to
        self.value = value
    }
}

/// A notification in the outbox.
package struct Delivery: Hashable, Sendable {
    package var id: Int64
    /// Name of the configured receiver.
    package var receiver: String
    /// The body as it will be sent.
    package var body: [UInt8]
    package var attempts: Int
    package var createdAt: Timestamp
    package var nextAttemptAt: Timestamp
    package var lastError: String

    package init(
        id: Int64 = 0, receiver: String, body: [UInt8], attempts: Int = 0, createdAt: Timestamp,
        nextAttemptAt: Timestamp, lastError: String = ""
    ) {
        self.id = id
        self.receiver = receiver
        self.body = body
        self.attempts = attempts
        self.createdAt = createdAt
        self.nextAttemptAt = nextAttemptAt
        self.lastError = lastError
    }
}

/// How an attempt to deliver a notification ended.
package enum DeliveryOutcome: Hashable, Sendable {
    case delivered
    case retry(at: Timestamp, error: String)
    /// Given up, with the reason; stays visible.
    case failed(error: String)
}

/// Changes that belong together: alert state, its history and the notifications it causes.
package struct CatalogChange: Sendable {
    package var upserts: [AlertRecord] = []
    /// Alerts that are over and forgotten.
    package var removals: [AlertRecord] = []
    package var transitions: [AlertTransition] = []
    package var deliveries: [Delivery] = []

    package init() {}
    package var isEmpty: Bool {
        upserts.isEmpty && removals.isEmpty && transitions.isEmpty && deliveries.isEmpty
    }
}
