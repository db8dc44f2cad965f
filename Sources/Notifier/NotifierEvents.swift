import Logging
import Platform

/// A notification was taken by its receiver.
struct NotificationDelivered: InternalEvent {
    static let counter = "sidelight_notifications_delivered_total"
    static let help = "Notifications that a receiver took."

    var receiver: String
    var attempts: Int
    /// Receivers are named in the configuration: few and fixed.
    var labels: [(name: String, value: String)] { [(name: "receiver", value: receiver)] }
    var level: Logger.Level? { .debug }
    var message: String { "receiver \(receiver) took a notification at attempt \(attempts)" }
}

/// A notification could not be delivered and will be tried again.
struct NotificationRetried: InternalEvent {
    static let counter = "sidelight_notification_retries_total"
    static let help = "Attempts to deliver a notification that failed and are repeated."

    var receiver: String
    var url: String
    var reason: String
    var labels: [(name: String, value: String)] { [(name: "receiver", value: receiver)] }
    var level: Logger.Level? { .warning }
    var message: String {
        "receiver \(receiver) at \(url) did not take a notification, which is tried again: \(reason)"
    }
}

/// A notification will never be delivered; it stays in the catalog with the reason.
struct NotificationFailed: InternalEvent {
    static let counter = "sidelight_notification_failures_total"
    static let help = "Notifications that were given up."

    var receiver: String
    var reason: String
    var labels: [(name: String, value: String)] { [(name: "receiver", value: receiver)] }
    var level: Logger.Level? { .error }
    var message: String { "a notification for receiver \(receiver) is given up: \(reason)" }
}

/// The outbox could not be read or written; the loop goes on later.
struct OutboxFailed: InternalEvent {
    static let counter = "sidelight_notification_outbox_failures_total"
    static let help = "Failed reads and writes of the outbox of notifications."

    var reason: String
    var level: Logger.Level? { .error }
    var message: String { "the outbox of notifications failed: \(reason)" }
}

/// A notification was not sent because a later one tells the same of the same alerts.
struct NotificationReplaced: InternalEvent {
    static let counter = "sidelight_notifications_replaced_total"
    static let help = "Notifications left out because a later one said the same."

    var receiver: String
    var labels: [(name: String, value: String)] { [(name: "receiver", value: receiver)] }
}

/// The oldest notifications for a receiver were given up because too many wait.
struct NotificationsOverflowed: InternalEvent {
    static let counter = "sidelight_notifications_overflowed_total"
    static let help = "Notifications given up because more than 10,000 wait for their receiver."

    var receiver: String
    var count: Int
    var increment: UInt64 { UInt64(count) }
    var labels: [(name: String, value: String)] { [(name: "receiver", value: receiver)] }
    var level: Logger.Level? { .error }
    var message: String {
        "the \(count) oldest notifications for receiver \(receiver) are given up: too many wait"
    }
}

/// A notification was taken, but not for all that it was meant for.
struct NotificationPartlyRefused: InternalEvent {
    static let counter = "sidelight_notifications_partly_refused_total"
    static let help = "Notifications that were delivered to some of their recipients only."

    var receiver: String
    var reason: String
    var labels: [(name: String, value: String)] { [(name: "receiver", value: receiver)] }
    var level: Logger.Level? { .error }
    var message: String { "receiver \(receiver) took a notification but for: \(reason)" }
}

/// Alerts are not taken because too many are kept.
struct AlertsOverflowed: InternalEvent {
    static let counter = "sidelight_alerts_refused_total"
    static let help = "Alerts that were not taken because 200,000 are kept already."

    var count: Int
    /// Of the last one.
    var name: String
    var increment: UInt64 { UInt64(count) }
    var level: Logger.Level? { count > 0 ? .error : nil }
    var message: String {
        "\(count) alerts, the last one \(name), are told to nobody: \(Dispatcher.alertsMax) are kept already"
    }
}

/// A client told of alerts.
struct AlertsReceived: InternalEvent {
    static let counter = "alertmanager_alerts_received_total"
    static let help = "Alerts that clients told of by the API."

    var count: Int
    var increment: UInt64 { UInt64(count) }
}
