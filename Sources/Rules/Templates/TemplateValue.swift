import PromQL
import Telemetry

/// A value inside a template, of the types that Go tells apart.
indirect enum TemplateValue: Sendable, Hashable {
    case nothing
    case bool(Bool)
    case int(Int64)
    case number(Double)
    case string(String)
    /// Nanoseconds since the epoch.
    case time(Int64)
    /// Nanoseconds.
    case duration(Int64)
    case list([TemplateValue])
    /// Texts by name: labels.
    case texts([String: String])
    /// Values by name: what `args` makes.
    case map([String: TemplateValue])
    case sample(TemplateSurroundings.Sample)
    /// What the dot is at first: the alert's data.
    case data

    /// As Go prints it.
    var text: String {
        switch self {
        case .nothing: "<nil>"
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .number(let number): GoNumber.shortest(number)
        case .string(let string): string
        case .time(let nanoseconds): GoTime.text(nanoseconds)
        case .duration(let nanoseconds): GoTime.duration(nanoseconds)
        case .list(let values): "[\(values.map(\.text).joined(separator: " "))]"
        case .texts(let texts):
            "map["
                + texts.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }
                .joined(separator: " ") + "]"
        case .map(let values):
            "map["
                + values.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.text)" }
                .joined(separator: " ") + "]"
        case .sample(let sample):
            "{\(TemplateValue.texts(sample.labelTexts).text) \(GoNumber.shortest(sample.value))}"
        case .data: "{}"
        }
    }

    /// Go's name of the type, for complaints.
    var typeName: String {
        switch self {
        case .nothing: "<nil>"
        case .bool: "bool"
        case .int: "int"
        case .number: "float64"
        case .string: "string"
        case .time: "time.Time"
        case .duration: "time.Duration"
        case .list: "template.queryResult"
        case .texts: "map[string]string"
        case .map: "map[string]interface {}"
        case .sample: "*template.sample"
        case .data: "struct"
        }
    }

    /// Whether `if` takes it for true: what is not zero or empty.
    var isTrue: Bool {
        switch self {
        case .nothing: false
        case .bool(let flag): flag
        case .int(let number), .duration(let number): number != 0
        case .number(let number): number != 0
        case .string(let string): !string.isEmpty
        case .list(let values): !values.isEmpty
        case .texts(let texts): !texts.isEmpty
        case .map(let values): !values.isEmpty
        case .time, .sample, .data: true
        }
    }

    /// What stands behind a dot.
    func field(_ name: String, of subject: Template.Subject) throws(RenderFailure) -> TemplateValue
    {
        switch (self, name) {
        case (.data, "Labels"): return .texts(subject.labels.texts)
        case (.data, "ExternalLabels"): return .texts(subject.surroundings.externalLabels)
        case (.data, "ExternalURL"): return .string(subject.surroundings.externalURL)
        case (.data, "Value"): return .number(subject.value)
        case (.texts(let texts), _): return .string(texts[name] ?? "")
        case (.map(let values), _): return values[name] ?? .nothing
        case (.sample(let sample), "Labels"): return .texts(sample.labelTexts)
        case (.sample(let sample), "Value"): return .number(sample.value)
        case (.time(let time), "Unix"): return .int(Timestamp(nanoseconds: time).wholeSeconds)
        case (.time, "UTC"): return self
        case (.duration(let time), "Seconds"): return .number(Double(time) / 1e9)
        case (.duration(let time), "Minutes"): return .number(Double(time) / 60e9)
        case (.duration(let time), "Hours"): return .number(Double(time) / 3_600e9)
        case (.nothing, _): throw RenderFailure(reason: "nil data; no entry for key \"\(name)\"")
        default:
            throw RenderFailure(reason: "can't evaluate field \(name) in type \(typeName)")
        }
    }
}

extension Labels {
    fileprivate var texts: [String: String] {
        Dictionary(pairs.map { ($0.name, $0.value) }) { $1 }
    }
}

extension TemplateSurroundings.Sample {
    var labelTexts: [String: String] { labels.texts }
}

extension Timestamp {
    /// Seconds since the epoch, rounded down.
    fileprivate var wholeSeconds: Int64 {
        let (quotient, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return rest < 0 ? quotient - 1 : quotient
    }
}
