import RegularExpressions

/// One step of `relabel_configs` or `metric_relabel_configs` (prometheus.io/docs/prometheus/latest/
/// configuration/configuration, "relabel_config"; prometheus/model/relabel).
package struct RelabelRule: Sendable {
    /// What a rule does with the text of its source labels, or with label names.
    package enum Action: String, Sendable, CaseIterable {
        case replace, keep, drop, lowercase, uppercase
        case keepEqual = "keepequal"
        case dropEqual = "dropequal"
        case hashMod = "hashmod"
        case labelMap = "labelmap"
        case labelDrop = "labeldrop"
        case labelKeep = "labelkeep"
    }

    package var action: Action
    package var sourceLabels: [String]
    package var separator: String
    package var regex: Pattern
    package var modulus: UInt64
    package let targetLabel: String
    /// As written.
    package let replacementText: String
    private let replacement: Replacement
    private let target: Replacement

    /// - Parameters:
    ///   - regex: must match the whole text.
    ///   - modulus: above 0 for `hashMod`.
    package init(
        action: Action, sourceLabels: [String] = [], separator: String = ";", regex: Pattern,
        targetLabel: String = "", replacement: String = "$1", modulus: UInt64 = 0
    ) {
        self.action = action
        self.sourceLabels = sourceLabels
        self.separator = separator
        self.regex = regex
        self.modulus = modulus
        self.targetLabel = targetLabel
        replacementText = replacement
        self.replacement = Replacement(replacement, for: regex)
        target = Replacement(targetLabel, for: regex)
    }

    /// Applies this rule alone.
    /// - Returns: whether the target or series is kept.
    package func applied(to labels: inout LabelBuilder) -> Bool { apply(to: &labels) }

    /// Applies `rules` in order.
    /// - Returns: whether the target or series is kept.
    package static func apply(_ rules: [RelabelRule], to labels: inout LabelBuilder) -> Bool {
        rules.allSatisfy { $0.apply(to: &labels) }
    }

    private func apply(to labels: inout LabelBuilder) -> Bool {
        switch action {
        case .keep: return regex.matchesWhole(source(labels))
        case .drop: return !regex.matchesWhole(source(labels))
        case .keepEqual: return labels[targetLabel] == source(labels)
        case .dropEqual: return labels[targetLabel] != source(labels)
        case .replace: replace(&labels)
        case .lowercase: labels[targetLabel] = source(labels).lowercased()
        case .uppercase: labels[targetLabel] = source(labels).uppercased()
        case .hashMod: labels[targetLabel] = String(MD5.low64(source(labels)) % max(1, modulus))
        case .labelMap: map(&labels)
        case .labelDrop: labels.removeAll { regex.matchesWhole($0) }
        case .labelKeep: labels.removeAll { !regex.matchesWhole($0) }
        }
        return true
    }

    private func source(_ labels: LabelBuilder) -> String {
        sourceLabels.map { labels[$0] }.joined(separator: separator)
    }

    private func replace(_ labels: inout LabelBuilder) {
        guard let captures = regex.captures(source(labels), whole: true) else { return }
        let name = target.expanded(with: captures)
        guard !name.isEmpty else { return }
        labels[name] = replacement.expanded(with: captures)
    }

    private func map(_ labels: inout LabelBuilder) {
        for (name, value) in labels.pairs {
            guard let captures = regex.captures(name, whole: true) else { continue }
            let mapped = replacement.expanded(with: captures)
            if !mapped.isEmpty { labels[mapped] = value }
        }
    }
}
