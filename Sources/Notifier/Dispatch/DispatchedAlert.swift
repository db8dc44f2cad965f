import Foundation
import Store
import Telemetry

/// An alert that the dispatcher was told of.
package struct DispatchedAlert: Codable, Hashable, Sendable {
    package var labels: [String: String]
    package var annotations: [String: String]
    /// Nanoseconds since the epoch, like all times here.
    package var startsAt: Int64
    /// `.max` until somebody says otherwise.
    package var endsAt: Int64
    package var updatedAt: Int64
    package var generatorURL: String
    /// Whether the end was only set because none was given.
    package var hasTimeout: Bool
    /// Whether it tells of a silence, which must not hide it.
    package var isExempt = false
    /// Why it fires, where this server looked.
    package var evidence: PageEvidence?

    package init(
        labels: [String: String], annotations: [String: String], startsAt: Timestamp,
        endsAt: Timestamp, updatedAt: Timestamp, generatorURL: String = "",
        hasTimeout: Bool = false, evidence: PageEvidence? = nil
    ) {
        self.labels = labels
        self.annotations = annotations
        self.startsAt = startsAt.nanoseconds
        self.endsAt = endsAt.nanoseconds
        self.updatedAt = updatedAt.nanoseconds
        self.generatorURL = generatorURL
        self.hasTimeout = hasTimeout
        self.evidence = evidence
    }

    /// 16 hexadecimal digits.
    package var fingerprint: String {
        AlertFingerprint.text(Labels(labels.map { (name: $0.key, value: $0.value) }))
    }

    package func isResolved(at now: Timestamp) -> Bool { endsAt <= now.nanoseconds }

    /// What is known after `newer` was told (Alertmanager, types.Alert.Merge and provider/mem): where the
    /// two overlap the alert goes on, else it has begun anew.
    func merged(with newer: DispatchedAlert, at now: Timestamp) -> DispatchedAlert {
        let endsWithin = newer.endsAt > startsAt && newer.endsAt < endsAt
        let startsWithin = newer.startsAt > startsAt && newer.startsAt < endsAt
        guard endsWithin || startsWithin else { return newer }
        var merged = newer
        merged.startsAt = min(startsAt, newer.startsAt)
        if newer.isResolved(at: now) {
            if isResolved(at: now) { merged.endsAt = max(endsAt, newer.endsAt) }
        } else if endsAt > newer.endsAt, !hasTimeout {
            merged.endsAt = endsAt
        }
        return merged
    }

    /// As it is told.
    func told(at now: Timestamp) -> GroupMessage.Alert {
        let isResolved = isResolved(at: now)
        return GroupMessage.Alert(
            status: isResolved ? "resolved" : "firing", labels: labels, annotations: annotations,
            startsAt: RFC3339.string(Timestamp(nanoseconds: startsAt)),
            endsAt: isResolved
                ? RFC3339.string(Timestamp(nanoseconds: endsAt)) : GroupMessage.noTime,
            generatorURL: generatorURL, fingerprint: fingerprint,
            sidelight: evidence.map(GroupMessage.Beyond.init))
    }
}

extension DispatchedAlert {
    /// The alerts of a rule group's notification. They end when the rules say so and not by time: their
    /// state is in the catalog like this, so that silence between the two means nothing.
    static func alerts(of notification: AlertNotification) -> [DispatchedAlert] {
        notification.alerts.map { alert in
            DispatchedAlert(
                labels: Dictionary(alert.labels.pairs.map { ($0.name, $0.value) }) { $1 },
                annotations: Dictionary(alert.annotations.map { ($0.key, $0.value.text) }) { $1 },
                startsAt: alert.startsAt, endsAt: alert.endsAt ?? .distantFuture,
                updatedAt: notification.at, generatorURL: alert.generatorURL,
                evidence: alert.evidence)
        }
    }
}

/// What is kept in the catalog, as JSON.
enum DispatcherCoding {
    /// - Throws: never for the types that are kept; a failure of the encoder is a mistake of this program.
    static func bytes(_ value: some Encodable) -> [UInt8] {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            return Array(try encoder.encode(value))
        } catch {
            preconditionFailure("BUG: state of notifications cannot be encoded: \(error)")
        }
    }

    /// `nil` for what this program did not write.
    static func value<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            return nil
        }
    }
}
