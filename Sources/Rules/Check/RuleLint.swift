import PromQL

/// Something about a rule that is allowed and hardly meant.
package struct RuleFinding: Sendable, Hashable, CustomStringConvertible {
    package var path: String
    /// From 1.
    package var line: Int
    package var rule: String
    package var reason: String
    /// A rule with such a finding cannot do what it is for; others may be meant so.
    package var isFatal: Bool

    package var description: String { "\(path):\(line): \(rule): \(reason)" }
}

/// Looks over rules that are well formed.
package struct RuleLint {
    package private(set) var findings: [RuleFinding] = []
    private var seen: [[String]: (path: String, line: Int)] = [:]

    package init() {}

    package mutating func look(at file: RuleFile) {
        for group in file.groups {
            for rule in group.rules {
                lookForTwins(rule, in: file.path)
                lookAtExpression(rule, in: file.path)
                lookAtTemplates(rule, in: file.path)
                lookAtIdentity(rule, in: file.path)
            }
        }
    }

    /// The same name and labels in another group: both write one series, or tell one alert twice.
    private mutating func lookForTwins(_ rule: Rule, in path: String) {
        var identity: [String]
        switch rule {
        case .recording(let rule):
            identity = ["record", rule.name]
            for label in rule.labels.sorted(by: { $0.name < $1.name }) {
                identity += [label.name, label.value]
            }
        case .alerting(let rule):
            identity = ["alert", rule.name]
            for label in rule.labels.sorted(by: { $0.name < $1.name }) {
                identity += [label.name, label.value.source]
            }
        }
        if let first = seen[identity] {
            note(
                rule, path, isFatal: false,
                "a rule with the same name and labels stands in \(first.path):\(first.line)")
        } else {
            seen[identity] = (path, rule.query.line)
        }
    }

    private mutating func lookAtExpression(_ rule: Rule, in path: String) {
        guard let expression = rule.query.promQL else { return }
        for reason in ContradictoryMatchers.reasons(in: expression) {
            note(rule, path, isFatal: true, reason)
        }
        for reason in ExclusiveComparisons.reasons(in: expression) {
            note(rule, path, isFatal: true, reason)
        }
        var thresholds = ImpossibleThresholds()
        let range = thresholds.range(of: expression)
        for reason in thresholds.reasons {
            // One side of an `or` may be dead while the other one lives.
            note(rule, path, isFatal: range == nil, reason)
        }
    }

    /// Labels that the expression has aggregated away are empty in the text.
    private mutating func lookAtTemplates(_ rule: Rule, in path: String) {
        guard case .alerting(let alert) = rule, let expression = alert.query.promQL,
            let labels = LostLabels.possible(in: expression)
        else { return }
        for (name, template) in alert.labels + alert.annotations {
            for label in template.labelsUsed.sorted()
            where !labels.contains(label) && label != "__name__" {
                note(
                    rule, path, isFatal: false,
                    "\(name) uses $labels.\(label), which the expression does not have")
            }
        }
    }

    /// An alert is another one when its labels change.
    private mutating func lookAtIdentity(_ rule: Rule, in path: String) {
        guard case .alerting(let alert) = rule, alert.holdDuration > 0 else { return }
        for (name, template) in alert.labels
        where template.source.contains("$value") || template.source.contains(".Value") {
            note(
                rule, path, isFatal: false,
                "label \(name) is made of the value: with every new value another alert begins to wait, "
                    + "and for may never pass; say it in an annotation")
        }
    }

    private mutating func note(_ rule: Rule, _ path: String, isFatal: Bool, _ reason: String) {
        findings.append(
            RuleFinding(
                path: path, line: rule.query.line, rule: rule.name, reason: reason,
                isFatal: isFatal))
    }
}
