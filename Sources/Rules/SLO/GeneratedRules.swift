import PromQL

/// A group of rules that was made, not read.
package struct GeneratedGroup: Sendable, Hashable {
    package var name: String
    package var rules: [GeneratedRule]

    package init(name: String, rules: [GeneratedRule]) {
        self.name = name
        self.rules = rules
    }
}

/// One rule of such a group.
package struct GeneratedRule: Sendable, Hashable {
    /// Which of the two kinds of rules; the raw value is the key in the file.
    package enum Kind: String, Sendable {
        case record, alert
    }

    package var kind: Kind
    package var name: String
    package var expression: String
    /// Milliseconds.
    package var holdDuration: Int64 = 0
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]

    package init(
        kind: Kind, name: String, expression: String, holdDuration: Int64 = 0,
        labels: [String: String] = [:], annotations: [String: String] = [:]
    ) {
        self.kind = kind
        self.name = name
        self.expression = expression
        self.holdDuration = holdDuration
        self.labels = labels
        self.annotations = annotations
    }
}

extension GeneratedRule {
    init(_ alert: ServiceLevelObjective.ExtraAlert) {
        self.init(
            kind: .alert, name: alert.name, expression: alert.expression,
            holdDuration: alert.holdDuration, labels: alert.labels, annotations: alert.annotations)
    }
}

/// Writes rule files: the same rules give the same bytes.
package struct RuleFileText {
    package private(set) var text: String

    /// - Parameter comment: one line on top.
    package init(_ groups: [GeneratedGroup], comment: String) {
        text = "# \(comment)\n\n"
        guard !groups.isEmpty else {
            text += "groups: []\n"
            return
        }
        text += "groups:\n"
        for group in groups {
            text += "- name: \(Self.scalar(group.name))\n  rules:\n"
            for rule in group.rules { append(rule) }
        }
    }

    private mutating func append(_ rule: GeneratedRule) {
        text += "  - \(rule.kind.rawValue): \(Self.scalar(rule.name))\n"
        text += "    expr: \(Self.block(rule.expression, indent: "      "))\n"
        if rule.holdDuration > 0 {
            text += "    for: \(PromQLDuration.format(milliseconds: rule.holdDuration))\n"
        }
        append("labels", rule.labels)
        append("annotations", rule.annotations)
    }

    private mutating func append(_ key: String, _ values: [String: String]) {
        guard !values.isEmpty else { return }
        text += "    \(key):\n"
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            text += "      \(Self.scalar(name)): \(Self.scalar(value))\n"
        }
    }

    /// Several lines as a literal block, whose lines stay as they are; others as a scalar.
    private static func block(_ value: String, indent: String) -> String {
        let lines = value.split(separator: "\n", omittingEmptySubsequences: false)
        let isPlain = value.unicodeScalars.allSatisfy { $0 == "\n" || !$0.isSpecialInYAML }
        guard lines.count > 1, isPlain, lines[0].first != " ", !value.hasSuffix("\n\n"),
            !lines[0].isEmpty
        else { return scalar(value) }
        let body = value.hasSuffix("\n") ? lines.dropLast() : lines[...]
        let marker = value.hasSuffix("\n") ? "|" : "|-"
        return marker + body.map { $0.isEmpty ? "\n" : "\n\(indent)\($0)" }.joined()
    }

    /// A scalar that reads back as the same text: plain where nothing in it could mean something else,
    /// quoted otherwise.
    private static func scalar(_ value: String) -> String {
        isPlain(value) ? value : quoted(value)
    }

    private static func isPlain(_ value: String) -> Bool {
        guard let first = value.utf8.first, let last = value.utf8.last else { return false }
        let isWord: (UInt8) -> Bool = { $0.isAlphanumeric || "_".utf8.contains($0) }
        guard (isWord(first) && !(48...57).contains(first)), last != UInt8(ascii: ":"),
            last != UInt8(ascii: " "), !value.contains(": "), !value.contains(" #"),
            value.utf8.allSatisfy({ $0 >= 32 && $0 < 127 })
        else { return false }
        // Words that YAML 1.1 takes for something else than text, and what might be a number.
        let reserved = [
            "y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan",
        ]
        return !reserved.contains(value.lowercased())
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where scalar.isSpecialInYAML:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

extension Unicode.Scalar {
    /// Control characters, line breaks other than the line feed, and the byte order mark.
    fileprivate var isSpecialInYAML: Bool {
        switch value {
        case 0..<32, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF: true
        default: false
        }
    }
}
