import Foundation
import Rules
import Store
import Telemetry

/// A notification as it stands in the outbox: what every receiver's message is made of. Its JSON is the
/// body of Alertmanager's webhook, version 4.
package struct GroupMessage: Codable, Hashable, Sendable {
    /// What stands beside the fields of version 4: its readers pass over it.
    package struct Beyond: Codable, Hashable, Sendable {
        package var evidence: PageEvidence
    }

    /// One alert of the group.
    package struct Alert: Codable, Hashable, Sendable {
        package var status: String
        package var labels: [String: String]
        package var annotations: [String: String]
        package var startsAt: String
        package var endsAt: String
        package var generatorURL: String
        package var fingerprint: String
        package var sidelight: Beyond?
    }

    package var version = "4"
    package var groupKey: String
    package var truncatedAlerts = 0
    package var status: String
    package var receiver: String
    package var groupLabels: [String: String]
    package var commonLabels: [String: String]
    package var commonAnnotations: [String: String]
    package var externalURL: String
    package var alerts: [Alert]

    /// What Alertmanager writes as the end of an alert that still fires: Go's zero time.
    static let noTime = "0001-01-01T00:00:00Z"

    /// - Throws: if the bytes are no message.
    package init(_ body: [UInt8]) throws {
        self = try JSONDecoder().decode(GroupMessage.self, from: Data(body))
    }

    init(
        groupKey: String, receiver: String, groupLabels: [String: String], externalURL: String,
        alerts: [Alert]
    ) {
        self.groupKey = groupKey
        self.receiver = receiver
        self.groupLabels = groupLabels
        self.externalURL = externalURL
        self.alerts = alerts
        status = alerts.contains { $0.status == "firing" } ? "firing" : "resolved"
        commonLabels = Self.common(alerts.map(\.labels))
        commonAnnotations = Self.common(alerts.map(\.annotations))
    }

    /// With at most so many alerts; 0 keeps all.
    func truncated(to count: Int) -> GroupMessage {
        guard count > 0, alerts.count > count else { return self }
        var message = self
        message.truncatedAlerts = alerts.count - count
        message.alerts = Array(alerts.prefix(count))
        message.commonLabels = Self.common(message.alerts.map(\.labels))
        message.commonAnnotations = Self.common(message.alerts.map(\.annotations))
        return message
    }

    var isFiring: Bool { status == "firing" }

    /// The JSON text, its members in the order in which `MessageIdentity` looks for them.
    package var body: [UInt8] {
        JSONBody.object([
            ("version", .text(version)), ("groupKey", .text(groupKey)),
            ("truncatedAlerts", .number(Int64(truncatedAlerts))), ("status", .text(status)),
            ("receiver", .text(receiver)), ("groupLabels", .texts(groupLabels)),
            ("commonLabels", .texts(commonLabels)),
            ("commonAnnotations", .texts(commonAnnotations)), ("externalURL", .text(externalURL)),
            ("alerts", .list(alerts.map(\.json))),
        ]).bytes
    }

    /// Tells this group from others in services that want a key: hexadecimal digits.
    var keyHash: String { SHA256.hexadecimal(Array(groupKey.utf8)) }

    private static func common(_ sets: [[String: String]]) -> [String: String] {
        guard let first = sets.first else { return [:] }
        return first.filter { pair in sets.allSatisfy { $0[pair.key] == pair.value } }
    }

    /// What templates see.
    package var data: TemplateData {
        .record(
            type: "template.Data",
            [
                "Receiver": .text(receiver), "Status": .text(status),
                "Alerts": .list(alerts.map(\.data)), "GroupLabels": .labels(groupLabels),
                "CommonLabels": .labels(commonLabels),
                "CommonAnnotations": .labels(commonAnnotations),
                "ExternalURL": .text(externalURL),
            ])
    }
}

extension GroupMessage.Alert {
    fileprivate var json: JSONBody {
        var members: [(String, JSONBody)] = [
            ("status", .text(status)), ("labels", .texts(labels)),
            ("annotations", .texts(annotations)), ("startsAt", .text(startsAt)),
            ("endsAt", .text(endsAt)), ("generatorURL", .text(generatorURL)),
            ("fingerprint", .text(fingerprint)),
        ]
        if let sidelight {
            members.append(("sidelight", .object([("evidence", sidelight.evidence.json)])))
        }
        return .object(members)
    }

    fileprivate var data: TemplateData {
        .record(
            type: "template.Alert",
            [
                "Status": .text(status), "Labels": .labels(labels),
                "Annotations": .labels(annotations), "StartsAt": .time(RFC3339.parse(startsAt)),
                "EndsAt": .time(endsAt == GroupMessage.noTime ? nil : RFC3339.parse(endsAt)),
                "GeneratorURL": .text(generatorURL), "Fingerprint": .text(fingerprint),
            ])
    }
}
