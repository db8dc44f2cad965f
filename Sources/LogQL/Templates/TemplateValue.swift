import Telemetry

/// A value in a template, of the types that Go's template functions tell apart.
indirect enum TemplateValue: Sendable, Equatable {
    case none
    case text(String)
    case int(Int64)
    case float(Double)
    case bool(Bool)
    /// With the zone in which it is shown.
    case time(Timestamp, TemplateZone)
    case list([TemplateValue])
    /// By name.
    case map([(name: String, value: TemplateValue)])

    static func == (a: TemplateValue, b: TemplateValue) -> Bool {
        switch (a, b) {
        case (.none, .none): true
        case (.text(let a), .text(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.float(let a), .float(let b)): a == b
        case (.bool(let a), .bool(let b)): a == b
        case (.time(let a, _), .time(let b, _)): a == b
        default: false
        }
    }

    /// Whether `if` takes the first branch.
    var isTrue: Bool {
        switch self {
        case .none: false
        case .text(let text): !text.isEmpty
        case .int(let number): number != 0
        case .float(let number): number != 0
        case .bool(let flag): flag
        case .time: true
        case .list(let list): !list.isEmpty
        case .map(let members): !members.isEmpty
        }
    }

    /// How Go names the type in messages.
    var typeName: String {
        switch self {
        case .none: "nil"
        case .text: "string"
        case .int: "int64"
        case .float: "float64"
        case .bool: "bool"
        case .time: "time.Time"
        case .list: "[]interface {}"
        case .map: "map[string]interface {}"
        }
    }

    /// As an action prints it (Go's `%v`).
    var printed: String {
        switch self {
        case .none: "<no value>"
        case .text(let text): text
        case .int(let number): String(number)
        case .float(let number): TemplateValue.format(number)
        case .bool(let flag): flag ? "true" : "false"
        case .time(let time, let zone):
            GoLayout("2006-01-02 15:04:05.999999999 -0700 MST").format(time, in: zone)
        case .list(let list): "[\(list.map(\.printed).joined(separator: " "))]"
        case .map(let members):
            "map[\(members.map { "\($0.name):\($0.value.printed)" }.joined(separator: " "))]"
        }
    }

    /// The shortest text, without exponent below 1e21.
    static func format(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        if number == number.rounded(), number.magnitude < 1e15 { return String(Int64(number)) }
        if number == number.rounded(), number.magnitude < 1e21 {
            return (number < 0 ? "-" : "") + String(UInt128(number.magnitude))
        }
        return "\(number)"
    }

    /// As a whole number, 0 if it is none (sprig's `toInt64`).
    var whole: Int64 {
        switch self {
        case .int(let number): number
        case .float(let number): TemplateValue.truncated(number)
        case .bool(let flag): flag ? 1 : 0
        case .text(let text): TemplateValue.whole(text)
        default: 0
        }
    }

    private static func whole(_ text: String) -> Int64 {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first else { return 0 }
        if parts.count == 2, !parts[1].allSatisfy({ $0 == "0" }) { return 0 }
        return Int64(first) ?? 0
    }

    /// As a number, 0 if it is none (sprig's `toFloat64`).
    var number: Double {
        switch self {
        case .int(let number): Double(number)
        case .float(let number): number
        case .bool(let flag): flag ? 1 : 0
        case .text(let text): Double(text) ?? 0
        default: 0
        }
    }

    static func truncated(_ number: Double) -> Int64 {
        guard number.magnitude < 0x1p63 else { return number.isNaN ? 0 : number < 0 ? .min : .max }
        return Int64(number)
    }
}
