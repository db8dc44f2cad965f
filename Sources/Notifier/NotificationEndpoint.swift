import Platform
import Store
import Telemetry

/// One place that the outbox is delivered to.
package struct NotificationEndpoint: Sendable {
    /// Stands in the outbox: unique.
    package let name: String
    /// For people; holds no secret.
    package let address: String
    /// `webhook`, `slack` …
    package let kind: String
    /// Never throws: what went wrong is a result.
    let send: @Sendable (_ body: [UInt8], _ now: Timestamp) async -> SendResult
    /// Nanoseconds until what was refused is tried again.
    let refusedPause: Int64
    /// Whether it is told of every alert of the rules, whatever routes and silences say.
    package let isTold: Bool

    package init(
        name: String, address: String, kind: String, refusedPause: Int64 = 300_000_000_000,
        isTold: Bool = false,
        send: @escaping @Sendable (_ body: [UInt8], _ now: Timestamp) async -> SendResult
    ) {
        self.name = name
        self.address = address
        self.kind = kind
        self.send = send
        self.refusedPause = refusedPause
        self.isTold = isTold
    }

    package init(
        _ receiver: WebhookReceiver, isTold: Bool = false,
        send: @escaping @Sendable (_ body: [UInt8], _ now: Timestamp) async -> SendResult
    ) {
        self.init(
            name: receiver.name, address: receiver.url.description, kind: "webhook",
            isTold: isTold, send: send)
    }

    /// - Parameter groupInterval: nanoseconds; at this pace Alertmanager repeats what was refused.
    package init(_ integration: Integration, _ carrier: Carrier, groupInterval: Int64) {
        self.init(
            name: integration.key, address: integration.address, kind: integration.kind,
            refusedPause: groupInterval
        ) { body, now in
            do {
                let message = try GroupMessage(body)
                return await integration.settings.send(message, by: carrier, at: now)
            } catch {
                return .permanent(reason: "the outbox holds no message: \(error)")
            }
        }
    }

    // MARK: Counters

    /// Shows the counters before anything is sent, so that their first rise is one.
    func announce(to events: EventLog) {
        events.emit(IntegrationNotified(integration: kind, increment: 0))
        events.emit(IntegrationFailed(integration: kind, reason: "clientError", increment: 0))
        events.emit(IntegrationFailed(integration: kind, reason: "other", increment: 0))
        events.emit(IntegrationRequested(integration: kind, increment: 0))
        events.emit(IntegrationRequestFailed(integration: kind, increment: 0))
        let labels = [(name: "receiver", value: name)]
        events.announce(NotificationDelivered.self, labels: labels)
        events.announce(NotificationRetried.self, labels: labels)
        events.announce(NotificationFailed.self, labels: labels)
        events.announce(NotificationsOverflowed.self, labels: labels)
    }

    func count(_ result: SendResult, _ outcome: DeliveryOutcome, in events: EventLog) {
        events.emit(IntegrationRequested(integration: kind, increment: 1))
        if case .accepted = result {
        } else {
            events.emit(IntegrationRequestFailed(integration: kind, increment: 1))
        }
        switch (result, outcome) {
        case (.permanent, _): countFailure("clientError", in: events)
        case (_, .retry): return
        case (_, .delivered): events.emit(IntegrationNotified(integration: kind, increment: 1))
        case (_, .failed): countFailure("other", in: events)
        }
    }

    /// Of notifications that were never taken.
    func countGivenUp(_ count: Int, in events: EventLog) {
        events.emit(IntegrationNotified(integration: kind, increment: UInt64(count)))
        events.emit(
            IntegrationFailed(integration: kind, reason: "other", increment: UInt64(count)))
    }

    private func countFailure(_ reason: String, in events: EventLog) {
        events.emit(IntegrationNotified(integration: kind, increment: 1))
        events.emit(IntegrationFailed(integration: kind, reason: reason, increment: 1))
    }
}

/// Counters by Alertmanager's names, so that its alerts on itself work here.
struct IntegrationNotified: InternalEvent {
    static let counter = "alertmanager_notifications_total"
    static let help = "Notifications that were delivered, refused or given up, by kind of receiver."

    var integration: String
    var increment: UInt64
    var labels: [(name: String, value: String)] { [(name: "integration", value: integration)] }
}

/// A notification was refused or given up.
struct IntegrationFailed: InternalEvent {
    static let counter = "alertmanager_notifications_failed_total"
    static let help = "Notifications that were refused or given up, by kind of receiver and reason."

    var integration: String
    var reason: String
    var increment: UInt64
    var labels: [(name: String, value: String)] {
        [(name: "integration", value: integration), (name: "reason", value: reason)]
    }
}

/// An attempt was made.
struct IntegrationRequested: InternalEvent {
    static let counter = "alertmanager_notification_requests_total"
    static let help = "Attempts to deliver a notification, by kind of receiver."

    var integration: String
    var increment: UInt64
    var labels: [(name: String, value: String)] { [(name: "integration", value: integration)] }
}

/// An attempt failed.
struct IntegrationRequestFailed: InternalEvent {
    static let counter = "alertmanager_notification_requests_failed_total"
    static let help = "Failed attempts to deliver a notification, by kind of receiver."

    var integration: String
    var increment: UInt64
    var labels: [(name: String, value: String)] { [(name: "integration", value: integration)] }
}
