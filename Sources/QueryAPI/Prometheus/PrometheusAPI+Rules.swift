import HTTPServer
import Telemetry
import WireFormats

extension PrometheusAPI {
    /// `/api/v1/rules`.
    func ruleGroups(_ request: HTTPRequest) async throws -> HTTPResponse {
        let filter = try RuleFilter(request.parameters)
        let groups = (rules?.ruleGroups() ?? []).compactMap(filter.apply)
        let bytes = PrometheusEnvelope.success { data in
            data.object {
                $0.arrayField("groups") { array in
                    for group in groups { array.value(group, withAlerts: filter.showsAlerts) }
                }
            }
        }
        return .json(bytes)
    }

    /// `/api/v1/alerts`: all pending and firing alerts.
    func alerts(_ request: HTTPRequest) async throws -> HTTPResponse {
        let groups = rules?.ruleGroups() ?? []
        let bytes = PrometheusEnvelope.success { data in
            data.object {
                $0.arrayField("alerts") { array in
                    for rule in groups.flatMap(\.rules) {
                        guard case .alerting(_, _, _, let alerts) = rule.kind else { continue }
                        for alert in alerts { array.value(alert) }
                    }
                }
            }
        }
        return .json(bytes)
    }
}

/// Which rules a request wants to see.
private struct RuleFilter {
    private enum Kind: String {
        case alert, record
    }

    let showsAlerts: Bool
    private let kind: Kind?
    private let names: Set<String>
    private let groups: Set<String>
    private let files: Set<String>

    init(_ parameters: Parameters) throws(HTTPError) {
        let type = parameters["type"] ?? ""
        kind = Kind(rawValue: type)
        guard type.isEmpty || kind != nil else {
            throw PrometheusParameters.invalid("type", "not supported value \"\(type)\"")
        }
        names = Set(parameters.all("rule_name[]"))
        groups = Set(parameters.all("rule_group[]"))
        files = Set(parameters.all("file[]"))
        showsAlerts = parameters["exclude_alerts"] != "true"
    }

    /// The group with the rules that are wanted; `nil` if none is.
    func apply(_ group: RuleGroupReport) -> RuleGroupReport? {
        guard groups.isEmpty || groups.contains(group.name),
            files.isEmpty || files.contains(group.file)
        else { return nil }
        guard kind != nil || !names.isEmpty else { return group }
        var group = group
        group.rules.removeAll { !isWanted($0) }
        return group.rules.isEmpty ? nil : group
    }

    private func isWanted(_ rule: RuleReport) -> Bool {
        guard names.isEmpty || names.contains(rule.name) else { return false }
        return switch (rule.kind, kind) {
        case (_, nil), (.alerting, .alert), (.recording, .record): true
        default: false
        }
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ group: RuleGroupReport, withAlerts: Bool) {
        object {
            $0.field("name", group.name)
            $0.field("file", group.file)
            $0.arrayField("rules") { array in
                for rule in group.rules { array.value(rule, withAlerts: withAlerts) }
            }
            $0.field("interval", group.interval)
            $0.field("limit", group.limit)
            $0.field("evaluationTime", group.evaluationTime)
            $0.time("lastEvaluation", group.lastEvaluation)
        }
    }

    private mutating func value(_ rule: RuleReport, withAlerts: Bool) {
        object {
            if case .alerting(let hold, let keepFiring, let annotations, let alerts) = rule.kind {
                $0.field("state", Self.state(of: alerts))
                $0.field("name", rule.name)
                $0.field("query", rule.query)
                $0.field("duration", hold)
                $0.field("keepFiringFor", keepFiring)
                $0.field("labels", rule.labels)
                $0.field("annotations", annotations)
                $0.arrayField("alerts") { array in
                    if withAlerts { for alert in alerts { array.value(alert) } }
                }
            } else {
                $0.field("name", rule.name)
                $0.field("query", rule.query)
                if !rule.labels.isEmpty { $0.field("labels", rule.labels) }
            }
            $0.field("health", rule.health.rawValue)
            if !rule.lastError.isEmpty { $0.field("lastError", rule.lastError) }
            $0.field("evaluationTime", rule.evaluationTime)
            $0.time("lastEvaluation", rule.lastEvaluation)
            if case .recording = rule.kind {
                $0.field("type", "recording")
            } else {
                $0.field("type", "alerting")
            }
        }
    }

    private static func state(of alerts: [AlertReport]) -> String {
        if alerts.contains(where: \.isFiring) { return "firing" }
        return alerts.isEmpty ? "inactive" : "pending"
    }

    fileprivate mutating func value(_ alert: AlertReport) {
        object {
            $0.field("labels", alert.labels)
            $0.field("annotations", alert.annotations)
            $0.field("state", alert.isFiring ? "firing" : "pending")
            $0.time("activeAt", alert.activeAt)
            if let since = alert.keepFiringSince { $0.time("keepFiringSince", since) }
            $0.key("value")
            $0.quoted { GoFloat.appendExponential(alert.value, to: &$0) }
        }
    }

    private mutating func field(_ name: StaticString, _ attributes: [Attribute]) {
        objectField(name) { object in
            for attribute in attributes {
                object.key(attribute.key)
                object.value(attribute.value.text)
            }
        }
    }

    /// Seconds.
    private mutating func field(_ name: StaticString, _ duration: Duration) {
        key(name)
        rawValue { GoFloat.appendFixed(duration / .seconds(1), to: &$0) }
    }

    /// Go's zero time stands for none.
    private mutating func time(_ name: StaticString, _ time: Timestamp?) {
        guard let time else { return field(name, "0001-01-01T00:00:00Z") }
        key(name)
        value(rfc3339: time)
    }
}
