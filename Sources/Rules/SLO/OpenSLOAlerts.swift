import PromQL
import Yams

/// OpenSLO's alert policies: each condition on a burn rate becomes an alert of the objective.
struct OpenSLOAlerts {
    private(set) var policies: [String: YAMLNode] = [:]
    private(set) var conditions: [String: YAMLNode] = [:]
    private(set) var targets: Set<String> = []

    /// Takes up a document of one of the three kinds.
    /// - Returns: false for another kind.
    mutating func collect(
        _ kind: String, _ name: String, _ spec: YAMLNode, at node: YAMLNode
    ) throws(RuleFileError) -> Bool {
        let isFirst: Bool
        switch kind {
        case "AlertPolicy": isFirst = policies.updateValue(spec, forKey: name) == nil
        case "AlertCondition": isFirst = conditions.updateValue(spec, forKey: name) == nil
        case "AlertNotificationTarget":
            _ = try spec.fields(["description", "target"])
            isFirst = targets.insert(name).inserted
        default: return false
        }
        guard isFirst else { throw node.failure("a second \(kind) is named \"\(name)\"") }
        return true
    }

    /// The alerts of an objective that lists `policies`.
    func alerts(
        _ list: YAMLNode, of objective: ServiceLevelObjective
    ) throws(RuleFileError) -> [ServiceLevelObjective.ExtraAlert] {
        var alerts: [ServiceLevelObjective.ExtraAlert] = []
        for entry in try list.elements() {
            let (name, spec) = try resolve(
                entry, key: "alertPolicyRef", kind: "AlertPolicy", known: policies)
            alerts += try self.alerts(name, spec, of: objective)
        }
        return alerts
    }

    private func alerts(
        _ policy: String, _ spec: YAMLNode, of objective: ServiceLevelObjective
    ) throws(RuleFileError) -> [ServiceLevelObjective.ExtraAlert] {
        let fields = try spec.fields([
            "description", "alertWhenNoData", "alertWhenResolved", "alertWhenBreaching",
            "conditions", "notificationTargets",
        ])
        // Receivers choose whether they are told of the end (`send_resolved`).
        _ = try fields.given("alertWhenResolved")?.boolean()
        let list = try fields.required("conditions", of: spec)
        let entries = try list.elements()
        guard entries.count == 1, let entry = entries.first else {
            throw list.failure("conditions must have exactly one entry")
        }
        var labels = [
            "sloth_id": objective.id, "sloth_slo": objective.name,
            "sloth_service": objective.service,
        ]
        let targets = try targetNames(fields.given("notificationTargets"))
        if !targets.isEmpty { labels["notification_targets"] = targets.joined(separator: ",") }
        let (name, condition) = try resolve(
            entry, key: "conditionRef", kind: "AlertCondition", known: conditions)
        let text = try fields.text("description")
        let annotations = text.isEmpty ? [:] : ["description": text]
        let (alert, severity) = try alert(
            "\(policy) \(name)", condition, of: objective, labels, annotations)
        var alerts: [ServiceLevelObjective.ExtraAlert] = []
        if try fields.given("alertWhenBreaching")?.boolean() ?? true { alerts.append(alert) }
        if try fields.given("alertWhenNoData")?.boolean() ?? false {
            labels["severity"] = severity
            alerts.append(
                ServiceLevelObjective.ExtraAlert(
                    name: "\(policy) no data",
                    expression: "absent(\(objective.indicator.expression(over: 300_000)))",
                    holdDuration: alert.holdDuration, labels: labels, annotations: annotations))
        }
        return alerts
    }

    private func alert(
        _ name: String, _ spec: YAMLNode, of objective: ServiceLevelObjective,
        _ labels: [String: String], _ annotations: [String: String]
    ) throws(RuleFileError) -> (ServiceLevelObjective.ExtraAlert, severity: String) {
        let fields = try spec.fields(["description", "severity", "condition"])
        let severity = try fields.required("severity", of: spec).text()
        let condition = try fields.required("condition", of: spec)
        let terms = try condition.fields([
            "kind", "op", "threshold", "lookbackWindow", "alertAfter",
        ])
        let kind = try terms.required("kind", of: condition)
        guard try kind.text().lowercased() == "burnrate" else {
            throw kind.failure("kind must be burnrate")
        }
        let op = terms.given("op")
        let operators = ["lte": "<=", "gte": ">=", "lt": "<", "gt": ">"]
        guard let sign = operators[try op?.text() ?? "gt"] else {
            throw (op ?? condition).failure("op must be lte, gte, lt or gt")
        }
        let threshold = try terms.required("threshold", of: condition)
        let rate = try threshold.number()
        let least = rate * objective.errorBudget
        guard sign.hasPrefix("<") || least < 1 else {
            throw threshold.failure(
                "the alert could never fire: it waits for a share of bad events above "
                    + "\(GoNumber.significant4(rate))·\(GoNumber.significant4(objective.errorBudget))"
                    + " = \(GoNumber.significant4(least)), and no share exceeds 1")
        }
        let lookback = try terms.required("lookbackWindow", of: condition).duration()
        guard lookback > 0 else { throw condition.failure("lookbackWindow must be longer than 0") }
        let ratio = objective.indicator.expression(over: lookback)
        let budget = GoNumber.shortest(objective.errorBudget)
        let made = ServiceLevelObjective.ExtraAlert(
            name: name, expression: "(\(ratio)) \(sign) (\(GoNumber.shortest(rate)) * \(budget))",
            holdDuration: try terms.given("alertAfter")?.duration() ?? 0,
            labels: labels.merging(["severity": severity]) { $1 }, annotations: annotations)
        return (made, severity)
    }

    /// Names of receivers' targets, which become a label to route by.
    private func targetNames(_ node: YAMLNode?) throws(RuleFileError) -> [String] {
        guard let node else { return [] }
        var names: [String] = []
        for entry in try node.elements() {
            let fields = try entry.fields(["targetRef", "kind", "metadata", "spec"])
            if let reference = fields.given("targetRef") {
                let name = try reference.text()
                guard targets.contains(name) else {
                    throw reference.failure(
                        "there is no AlertNotificationTarget named \"\(name)\" in these files")
                }
                names.append(name)
            } else {
                names.append(
                    try OpenSLOMetadata(try fields.required("metadata", of: entry)).name)
            }
        }
        return names
    }

    /// What an entry names, or holds itself.
    private func resolve(
        _ entry: YAMLNode, key: String, kind: String, known: [String: YAMLNode]
    ) throws(RuleFileError) -> (name: String, spec: YAMLNode) {
        let reference: YAMLNode
        if case .scalar = entry.node {
            reference = entry
        } else {
            let fields = try entry.fields([key, "kind", "metadata", "spec"])
            guard let given = fields.given(key) else {
                let metadata = try OpenSLOMetadata(try fields.required("metadata", of: entry))
                return (metadata.name, try fields.required("spec", of: entry))
            }
            reference = given
        }
        let name = try reference.text()
        guard let spec = known[name] else {
            throw reference.failure("there is no \(kind) named \"\(name)\" in these files")
        }
        return (name, spec)
    }
}
