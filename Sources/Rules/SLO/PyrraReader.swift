import PromQL
import QueryCore

/// Reads Pyrra's `ServiceLevelObjective` (kubernetes/api/v1alpha1). Its windows and factors are kept;
/// the two alerts of each severity become one, as Sloth has them, without Pyrra's `for`.
struct PyrraReader {
    private static let propagated = "pyrra.dev/"

    func objective(of document: YAMLNode) throws(RuleFileError) -> ServiceLevelObjective {
        let root = try document.fields(["apiVersion", "kind", "metadata", "spec", "status"])
        let metadata = try KubernetesMetadata(try root.required("metadata", of: document))
        guard metadata.name.isSafeName else {
            _ = try metadata.nameNode.safeName()
            preconditionFailure("BUG: an unsafe name was taken for safe")
        }
        let spec = try root.required("spec", of: document)
        let fields = try spec.fields([
            "description", "target", "window", "indicator", "alerting",
            "performanceOverAccuracy", "partial_response_strategy", "ruleOutput",
        ])
        try fields.refuse(["ruleOutput"], because: "all rules go into one file")
        try fields.refuse(
            ["partial_response_strategy"], because: "it is for Thanos's ruler alone")
        // Sloth's period rule is always the fast one.
        _ = try fields.given("performanceOverAccuracy")?.boolean()
        let target = try fields.required("target", of: spec)
        let percent = try target.number()
        guard percent > 0, percent <= 100 else {
            throw target.failure("target must be above 0 and at most 100, in percent")
        }
        let windowNode = try fields.required("window", of: spec)
        let period = try windowNode.duration()
        guard period >= AlertWindows.day else {
            throw windowNode.failure("window must be a day or longer")
        }
        let labels = try labels(metadata)
        let service = labels["service"] ?? metadata.namespace
        var objective = ServiceLevelObjective(
            id: service.isSafeName ? "\(service)-\(metadata.name)" : metadata.name,
            name: metadata.name, service: service.isSafeName ? service : metadata.name,
            description: try fields.text("description"), indicator: .raw(try .always()),
            objectivePercent: percent, windows: .pyrra(period: period), labels: labels,
            origin: ServiceLevelObjective.Origin(
                path: document.path, line: target.line, specification: "pyrra.dev/v1alpha1",
                mode: "cli-gen-pyrra"))
        let indicator = try PyrraIndicator(try fields.required("indicator", of: spec))
        objective.indicator = indicator.indicator
        try alerting(fields.given("alerting"), of: indicator, into: &objective)
        return objective
    }

    /// Labels of the object that Pyrra hands on to the rules, without its prefix, and the namespace.
    private func labels(_ metadata: KubernetesMetadata) throws(RuleFileError) -> [String: String] {
        var labels: [String: String] = [:]
        if !metadata.namespace.isEmpty { labels["namespace"] = metadata.namespace }
        for (name, value) in metadata.labels where name.hasPrefix(Self.propagated) {
            let name = String(name.dropFirst(Self.propagated.count))
            guard name.isLabelName else {
                throw metadata.nameNode.failure(
                    "the label \(Self.propagated)\(name) of \(metadata.name) gives no name of a "
                        + "Prometheus label")
            }
            labels[name] = value
        }
        return labels
    }

    private func alerting(
        _ node: YAMLNode?, of indicator: PyrraIndicator, into objective: inout ServiceLevelObjective
    ) throws(RuleFileError) {
        let fields =
            try node?.fields([
                "disabled", "burnrates", "absent", "name", "absentName", "severities",
            ]) ?? [:]
        if try fields.given("disabled")?.boolean() == true { return }
        let severities = try Severities(fields.given("severities"))
        if try fields.given("burnrates")?.boolean() ?? true {
            let name = try fields.text("name")
            func texts(_ severity: String) -> ServiceLevelObjective.AlertTexts {
                ServiceLevelObjective.AlertTexts(
                    name: name.isEmpty ? "ErrorBudgetBurn" : name, labels: ["severity": severity],
                    annotations: objective.description.isEmpty
                        ? [:] : ["description": objective.description.escapedForTemplates])
            }
            objective.page = texts(severities.page)
            objective.ticket = texts(severities.ticket)
        }
        if try fields.given("absent")?.boolean() ?? true {
            let name = try fields.text("absentName")
            objective.extraAlerts = [
                absence(
                    of: indicator.absences, name.isEmpty ? "SLOMetricAbsent" : name,
                    severities.absent, objective)
            ]
        }
    }

    /// An alert when nothing is measured any more, after the time in which nothing but errors would
    /// have raised the quickest alert.
    private func absence(
        of selectors: [String], _ name: String, _ severity: String,
        _ objective: ServiceLevelObjective
    ) -> ServiceLevelObjective.ExtraAlert {
        let quick = objective.windows.pageQuick
        let untilAlert = quick.factor * objective.errorBudget * Double(quick.long)
        let held = objective.windows.period / (28 * 24 * 30)
        let minutes = ((untilAlert + Double(held)) / 60_000).rounded(.up)
        let labels = ["severity": severity, "slo": objective.name]
        return ServiceLevelObjective.ExtraAlert(
            name: name,
            expression: selectors.map { "absent(\($0)) == 1" }.joined(separator: " or "),
            holdDuration: Int64(exactly: minutes * 60_000) ?? quick.long,
            labels: labels.merging(objective.labels) { $1 }, annotations: [:])
    }
}

/// The words for how bad it is.
private struct Severities {
    var page = "critical"
    var ticket = "warning"
    var absent = "critical"

    init(_ node: YAMLNode?) throws(RuleFileError) {
        guard let node else { return }
        let fields = try node.fields([
            "absent", "fastBurn", "mediumBurn", "slowBurn", "longTermBurn",
        ])
        absent = try fields.given("absent")?.text() ?? absent
        let fast = try fields.given("fastBurn")?.text() ?? page
        let slow = try fields.given("slowBurn")?.text() ?? ticket
        guard try fields.given("mediumBurn")?.text() ?? page == fast else {
            throw (fields["mediumBurn"] ?? node).failure(
                "mediumBurn must be the severity of fastBurn, because one alert has both windows")
        }
        guard try fields.given("longTermBurn")?.text() ?? ticket == slow else {
            throw (fields["longTermBurn"] ?? node).failure(
                "longTermBurn must be the severity of slowBurn, because one alert has both windows")
        }
        page = fast
        ticket = slow
    }
}

extension String {
    /// So that a text with `{{` in it is not taken for a template.
    fileprivate var escapedForTemplates: String {
        split(separator: "{{", omittingEmptySubsequences: false).joined(separator: "{{ `{{` }}")
    }
}

extension WindowQuery {
    /// Stands where a query is not known yet.
    fileprivate static func always() throws(RuleFileError) -> WindowQuery {
        do throws(WindowQuery.Failure) {
            return try WindowQuery("vector({{.window}})")
        } catch {
            preconditionFailure("BUG: \(error.reason)")
        }
    }
}
