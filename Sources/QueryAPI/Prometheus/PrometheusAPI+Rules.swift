import HTTPServer
import PromQL
import QueryCore
import Store
import Telemetry
import WireFormats

extension PrometheusAPI {
    /// `/api/v1/rules`.
    func ruleGroups(_ request: HTTPRequest) async throws -> HTTPResponse {
        let filter = try RuleFilter(request.parameters)
        let page = try RulePage(request.parameters)
        let (groups, next) = page.cut(rules?.ruleGroups() ?? [], filter.apply)
        let bytes = PrometheusEnvelope.success { data in
            data.object {
                $0.arrayField("groups") { array in
                    for group in groups { array.value(group, withAlerts: filter.showsAlerts) }
                }
                if let next { $0.field("groupNextToken", next) }
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

/// The part of the groups that a request wants to see.
private struct RulePage {
    /// 0 shows all.
    private let limit: Int
    private let token: String

    init(_ parameters: Parameters) throws(HTTPError) {
        token = parameters["group_next_token"] ?? ""
        let text = parameters["group_limit"] ?? ""
        guard !text.isEmpty else {
            guard token.isEmpty else {
                throw PrometheusParameters.invalid(
                    "group_next_token",
                    "group_limit needs to be present in order to paginate over the groups")
            }
            limit = 0
            return
        }
        guard let number = Int32(text) else {
            throw PrometheusParameters.invalid(
                "group_limit", "group_limit needs to be a valid number: \(text)")
        }
        guard number > 0 else {
            throw PrometheusParameters.invalid(
                "group_limit", "group_limit needs to be greater than 0")
        }
        limit = Int(number)
    }

    /// - Returns: the groups that `apply` keeps, and what asks for those that follow.
    func cut(
        _ groups: [RuleGroupReport], _ apply: (RuleGroupReport) -> RuleGroupReport?
    ) -> (groups: [RuleGroupReport], next: String?) {
        guard limit > 0 else { return (groups.compactMap(apply), nil) }
        var shown: [RuleGroupReport] = []
        let rest = token.isEmpty ? groups[...] : groups.drop { Self.token(of: $0) != token }
        for group in rest {
            guard let kept = apply(group) else { continue }
            if shown.count == limit { return (shown, Self.token(of: group)) }
            shown.append(kept)
        }
        return (shown, nil)
    }

    private static func token(of group: RuleGroupReport) -> String {
        let hash = ContentHash(Array("\(group.file);\(group.name)".utf8))
        return [hash.high, hash.low].map {
            let digits = String($0, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
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
    /// Any of these; empty wants all.
    private let selectors: [[ValueMatcher]]

    init(_ parameters: Parameters) throws(HTTPError) {
        let type = parameters["type"] ?? ""
        kind = Kind(rawValue: type)
        guard type.isEmpty || kind != nil else {
            throw PrometheusParameters.invalid("type", "not supported value \"\(type)\"")
        }
        names = Set(parameters.all("rule_name[]"))
        groups = Set(parameters.all("rule_group[]"))
        files = Set(parameters.all("file[]"))
        let exclusion = parameters["exclude_alerts"]?.lowercased() ?? ""
        guard ["", "true", "false", "1", "0", "t", "f"].contains(exclusion) else {
            throw PrometheusParameters.invalid(
                "exclude_alerts", "error converting exclude_alerts: \(exclusion)")
        }
        showsAlerts = !["true", "1", "t"].contains(exclusion)
        var selectors: [[ValueMatcher]] = []
        for set in try PrometheusParameters(parameters).matchers(namesParameter: false) {
            var matchers: [ValueMatcher] = []
            for matcher in set {
                do throws(QueryError) { matchers.append(try ValueMatcher(matcher)) } catch {
                    throw PrometheusParameters.invalid("match[]", error.message)
                }
            }
            selectors.append(matchers)
        }
        self.selectors = selectors
    }

    /// The group with the rules that are wanted; `nil` if none is.
    func apply(_ group: RuleGroupReport) -> RuleGroupReport? {
        guard groups.isEmpty || groups.contains(group.name),
            files.isEmpty || files.contains(group.file)
        else { return nil }
        guard kind != nil || !names.isEmpty || !selectors.isEmpty else { return group }
        var group = group
        group.rules.removeAll { !isWanted($0) }
        return group.rules.isEmpty ? nil : group
    }

    private func isWanted(_ rule: RuleReport) -> Bool {
        guard names.isEmpty || names.contains(rule.name) else { return false }
        let isSelected = selectors.contains { matchers in
            matchers.allSatisfy { $0.accepts(rule.labels[$0.matcher.name] ?? "") }
        }
        guard selectors.isEmpty || isSelected else { return false }
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
