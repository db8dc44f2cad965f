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
    /// A structure with named fields.
    case record(TemplateRecord)
    /// Labels or annotations of a notification: texts by name, with methods.
    case labels([String: String])
    /// Sorted names and values.
    case pairs([TemplatePair])
    /// HTML that is not escaped again.
    case safe(String)
    /// Nanoseconds since the epoch, shown so many seconds east of UTC under that name.
    case zonedTime(Int64, offset: Int64, name: String)

    /// As Go prints it.
    var text: String {
        switch self {
        case .nothing: "<nil>"
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .number(let number): GoNumber.shortest(number)
        case .string(let string): string
        case .time(let nanoseconds): GoTime.text(nanoseconds)
        case .zonedTime(let nanoseconds, let offset, let name):
            GoTime.text(
                nanoseconds, layout: "2006-01-02 15:04:05 -0700 MST", offset: offset, zone: name)
        case .safe(let text): text
        case .record(let record): "{\(record.shown.map(\.text).joined(separator: " "))}"
        case .labels(let texts): TemplateValue.texts(texts).text
        case .pairs(let pairs):
            pairs.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
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
        case .time, .zonedTime: "time.Time"
        case .record(let record): record.typeName
        case .labels: "template.KV"
        case .pairs: "template.Pairs"
        case .safe: "template.HTML"
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
        case .labels(let texts): !texts.isEmpty
        case .pairs(let pairs): !pairs.isEmpty
        case .safe(let text): !text.isEmpty
        case .time, .zonedTime, .sample, .data, .record: true
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
        case (.time, "UTC"), (.time, "Local"): return self
        case (.zonedTime(let time, _, _), "UTC"), (.zonedTime(let time, _, _), "Local"):
            return .time(time)
        case (.time, _), (.zonedTime, _):
            guard let value = timeField(name) else {
                throw RenderFailure(reason: "can't evaluate field \(name) in type \(typeName)")
            }
            return value
        case (.record(let record), _):
            guard let value = record.fields[name] else {
                throw RenderFailure(
                    reason: "can't evaluate field \(name) in type \(record.typeName)")
            }
            return value
        case (.labels(let texts), _): return TemplateValue.member(name, of: texts)
        case (.pairs(let pairs), "Names"): return .list(pairs.map { .string($0.name) })
        case (.pairs(let pairs), "Values"): return .list(pairs.map { .string($0.value) })
        case (.list(let values), "Firing"), (.list(let values), "Resolved"):
            return .list(values.filter { $0.alertStatus == name.lowercased() })
        case (.duration(let time), "Seconds"): return .number(Double(time) / 1e9)
        case (.duration(let time), "Minutes"): return .number(Double(time) / 60e9)
        case (.duration(let time), "Hours"): return .number(Double(time) / 3_600e9)
        case (.nothing, _): throw RenderFailure(reason: "nil data; no entry for key \"\(name)\"")
        default:
            throw RenderFailure(reason: "can't evaluate field \(name) in type \(typeName)")
        }
    }
}

extension TemplateValue {
    /// A method of a set of labels, else the label of that name.
    private static func member(_ name: String, of texts: [String: String]) -> TemplateValue {
        let pairs = TemplatePair.sorted(texts)
        return switch name {
        case "SortedPairs": .pairs(pairs)
        case "Names": .list(pairs.map { .string($0.name) })
        case "Values": .list(pairs.map { .string($0.value) })
        default: .string(texts[name] ?? "")
        }
    }

    private var alertStatus: String? {
        guard case .record(let record) = self, case .string(let status)? = record.fields["Status"]
        else { return nil }
        return status
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
