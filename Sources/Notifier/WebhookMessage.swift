import Store
import Telemetry

/// A notification as a body of Alertmanager's webhook, version 4 (notify/webhook/webhook.go,
/// template/template.go).
///
/// Grouping: one message for each evaluation of a rule group and status. `groupKey` names the file and
/// group, `groupLabels` is empty; `status` is that of all alerts in the message.
struct WebhookMessage {
    /// What Alertmanager writes as the end of an alert that still fires: Go's zero time.
    private static let noTime = "0001-01-01T00:00:00Z"

    let notification: AlertNotification
    let receiver: String
    let alertsMax: Int

    /// The JSON text.
    var body: [UInt8] {
        let told = notification.alerts.prefix(alertsMax)
        var body: [UInt8] = Array("{\"version\":\"4\",\"groupKey\":".utf8)
        JSONText.append(string: WebhookMessage.groupKey(notification.group), to: &body)
        field("truncatedAlerts", to: &body)
        JSONText.append(Int64(notification.alerts.count - told.count), to: &body)
        field("status", to: &body)
        JSONText.append(string: notification.status.rawValue, to: &body)
        field("receiver", to: &body)
        JSONText.append(string: receiver, to: &body)
        field("groupLabels", to: &body)
        object([], to: &body)
        field("commonLabels", to: &body)
        object(WebhookMessage.common(told.map { $0.labels.pairs }), to: &body)
        field("commonAnnotations", to: &body)
        object(WebhookMessage.common(told.map(\.annotationPairs)), to: &body)
        field("externalURL", to: &body)
        JSONText.append(string: notification.externalURL, to: &body)
        field("alerts", to: &body)
        body.append(UInt8(ascii: "["))
        for (index, alert) in told.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            append(alert, to: &body)
        }
        body += "]}".utf8
        return body
    }

    static func groupKey(_ group: RuleGroupKey) -> String { "\(group.file);\(group.name)" }

    private func append(_ alert: AlertNotice, to body: inout [UInt8]) {
        body += "{\"status\":".utf8
        JSONText.append(string: notification.status.rawValue, to: &body)
        field("labels", to: &body)
        object(alert.labels.pairs, to: &body)
        field("annotations", to: &body)
        object(alert.annotationPairs, to: &body)
        field("startsAt", to: &body)
        JSONText.append(string: RFC3339.string(alert.startsAt), to: &body)
        field("endsAt", to: &body)
        JSONText.append(
            string: alert.endsAt.map { RFC3339.string($0) } ?? WebhookMessage.noTime, to: &body)
        field("generatorURL", to: &body)
        JSONText.append(string: alert.generatorURL, to: &body)
        field("fingerprint", to: &body)
        JSONText.append(string: AlertFingerprint.text(alert.labels), to: &body)
        if let evidence = alert.evidence {
            field("sidelight", to: &body)
            body += JSONBody.object([("evidence", evidence.json)]).bytes
        }
        body.append(UInt8(ascii: "}"))
    }

    private func field(_ name: StaticString, to body: inout [UInt8]) {
        body += ",\"\(name)\":".utf8
    }

    private func object(_ pairs: [(name: String, value: String)], to body: inout [UInt8]) {
        body.append(UInt8(ascii: "{"))
        for (index, pair) in pairs.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            JSONText.append(string: pair.name, to: &body)
            body.append(UInt8(ascii: ":"))
            JSONText.append(string: pair.value, to: &body)
        }
        body.append(UInt8(ascii: "}"))
    }

    /// The pairs that stand in all of `sets`.
    private static func common(
        _ sets: [[(name: String, value: String)]]
    ) -> [(name: String, value: String)] {
        guard let first = sets.first else { return [] }
        return first.filter { pair in
            sets.dropFirst().allSatisfy { set in set.contains { $0 == pair } }
        }
    }
}

extension AlertNotice {
    fileprivate var annotationPairs: [(name: String, value: String)] {
        annotations.map { (name: $0.key, value: $0.value.text) }
    }
}

/// The identity of an alert as Alertmanager computes it (prometheus/common, `LabelSet.Fingerprint`):
/// FNV-1a of 64 bits over sorted names and values, each followed by a byte 255.
enum AlertFingerprint {
    /// 16 hexadecimal digits.
    static func text(_ labels: Labels) -> String {
        var hash: UInt64 = 14_695_981_039_346_656_037
        for (name, value) in labels.pairs {
            for part in [name, value] {
                for byte in part.utf8 { hash = step(hash, byte) }
                hash = step(hash, 255)
            }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 1_099_511_628_211
    }
}

extension [WebhookReceiver] {
    /// Makes the outbox entries of a notification: the `NotificationBuilder` of these receivers.
    package var builder: NotificationBuilder {
        { notification in
            self.compactMap { receiver in
                guard notification.status == .firing || receiver.sendsResolved else { return nil }
                let message = WebhookMessage(
                    notification: notification, receiver: receiver.name,
                    alertsMax: receiver.alertsMax)
                return Delivery(
                    receiver: receiver.name, body: message.body, createdAt: notification.at,
                    nextAttemptAt: notification.at)
            }
        }
    }
}
