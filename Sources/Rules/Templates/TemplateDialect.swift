/// Which functions and variables a template may name.
struct TemplateDialect: Sendable {
    /// At the beginning.
    let variables: [String]
    private let hidden: Set<TemplateFunction>

    func knows(_ function: TemplateFunction) -> Bool { !hidden.contains(function) }

    /// Labels and annotations of rules.
    static let rules = TemplateDialect(
        variables: ["$", "$labels", "$externalLabels", "$externalURL", "$value"],
        hidden: [
            .trimSpace, .join, .safeUrl, .urlUnescape, .stringSlice, .list, .append, .dict, .toJson,
            .date, .tz, .since, .base64encode, .base64decode,
        ])

    /// Messages to receivers.
    static let notifications = TemplateDialect(
        variables: ["$"],
        hidden: [
            .query, .first, .label, .value, .strvalue, .sortByLabel, .humanize, .humanize1024,
            .humanizePercentage, .humanizeTimestamp, .toTime, .toDuration, .parseDuration,
            .stripPort, .stripDomain, .args, .graphLink, .tableLink, .externalURL, .pathPrefix,
            .urlQueryEscape,
        ])
}

/// A structure of a template's data.
struct TemplateRecord: Sendable, Hashable {
    /// Go's name of the type, for complaints.
    var typeName: String
    var fields: [String: TemplateValue]
    /// Their names in the order of the structure, in which they are printed.
    var order: [String]

    init(typeName: String, _ fields: [(name: String, value: TemplateValue)]) {
        self.typeName = typeName
        self.fields = Dictionary(fields.map { ($0.name, $0.value) }) { $1 }
        order = fields.map(\.name)
    }

    /// What is printed.
    var shown: [TemplateValue] { order.compactMap { fields[$0] } }
}

/// A name with its value.
struct TemplatePair: Sendable, Hashable {
    var name: String
    var value: String

    var record: TemplateRecord {
        TemplateRecord(
            typeName: "template.Pair", [("Name", .string(name)), ("Value", .string(value))])
    }

    /// By name, the alert's first (Alertmanager, template/template.go).
    static func sorted(_ texts: [String: String]) -> [TemplatePair] {
        let pairs = texts.sorted { a, b in
            if (a.key == "alertname") != (b.key == "alertname") { return a.key == "alertname" }
            return a.key.utf8.lexicographicallyPrecedes(b.key.utf8)
        }
        return pairs.map { TemplatePair(name: $0.key, value: $0.value) }
    }
}
