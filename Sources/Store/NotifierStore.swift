import Telemetry

/// What the dispatcher of notifications must remember over restarts: alerts it was told of, silences and
/// what each group was last notified of. Bodies are the dispatcher's own.
package protocol NotifierStore: Sendable {
    /// All records of a kind, by key.
    func notifierRecords(_ kind: NotifierRecord.Kind) throws(StoreError) -> [NotifierRecord]
    /// Applies all of `change` or nothing.
    func commit(_ change: NotifierChange) throws(StoreError)
    /// Entries of the outbox, newest first, whatever became of them.
    func deliveryLog(limit: Int) throws(StoreError) -> [DeliveryLogEntry]
}

/// One thing that the dispatcher remembers.
package struct NotifierRecord: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// An alert by its fingerprint.
        case alert
        /// A silence by its id.
        case silence
        /// What a receiver was last told of a group.
        case notified
        /// When a group is due.
        case group
    }

    package var kind: Kind
    package var key: String
    package var body: [UInt8]

    package init(kind: Kind, key: String, body: [UInt8]) {
        self.kind = kind
        self.key = key
        self.body = body
    }
}

/// Changes of the dispatcher that belong together with the notifications they cause.
package struct NotifierChange: Sendable {
    /// New or changed.
    package var puts: [NotifierRecord] = []
    package var removals: [(kind: NotifierRecord.Kind, key: String)] = []
    package var deliveries: [Delivery] = []
    /// Entries of the outbox that the dispatcher has taken in.
    package var taken: [Int64] = []

    package init() {}
    package var isEmpty: Bool {
        puts.isEmpty && removals.isEmpty && deliveries.isEmpty && taken.isEmpty
    }

    /// Adds what `other` changes after this.
    package mutating func append(_ other: NotifierChange) {
        puts += other.puts
        removals += other.removals
        deliveries += other.deliveries
        taken += other.taken
    }
}

/// What became of a notification.
package struct DeliveryLogEntry: Hashable, Sendable {
    package enum State: String, Sendable {
        case due, delivered, failed
    }

    package var delivery: Delivery
    package var state: State

    package init(delivery: Delivery, state: State) {
        self.delivery = delivery
        self.state = state
    }
}
