import QueryCore
import Telemetry

/// A value written in a query.
package enum Literal: Hashable, Sendable {
    case int(Int64)
    case double(Double)
    case string(String)
    case bool(Bool)
    /// Nanoseconds.
    case duration(Int64)
    case status(SpanStatus)
    case kind(SpanKind)

    /// The constants that are words.
    init?(word: String) {
        switch word {
        case "true": self = .bool(true)
        case "false": self = .bool(false)
        case "minInt": self = .int(.min)
        case "maxInt": self = .int(.max)
        case "ok": self = .status(.ok)
        case "error": self = .status(.error)
        case "unset": self = .status(.unset)
        case "unspecified": self = .kind(.unspecified)
        case "internal": self = .kind(.internal)
        case "server": self = .kind(.server)
        case "client": self = .kind(.client)
        case "producer": self = .kind(.producer)
        case "consumer": self = .kind(.consumer)
        default: return nil
        }
    }

    var type: ValueType {
        switch self {
        case .int: .int
        case .double: .double
        case .string: .string
        case .bool: .bool
        case .duration: .duration
        case .status: .status
        case .kind: .kind
        }
    }

    /// As a number; durations in nanoseconds.
    var number: Double? {
        switch self {
        case .int(let value), .duration(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// With the sign turned; `nil` if it is no number or its negation does not fit.
    var negated: Literal? {
        switch self {
        case .int(let value): value == .min ? nil : .int(-value)
        case .double(let value): .double(-value)
        case .duration(let value): value == .min ? nil : .duration(-value)
        default: nil
        }
    }
}

extension Literal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .int(.min): "minInt"
        case .int(let value): String(value)
        case .double(let value): "\(value)"
        case .string(let text): QuotedText.quote(text)
        case .bool(let flag): flag ? "true" : "false"
        case .duration(let nanoseconds): DurationText.format(nanoseconds)
        case .status(let status): "\(status)"
        case .kind(let kind): "\(kind)"
        }
    }
}

/// The type that a piece of a query is known to have.
enum ValueType: Hashable, Sendable {
    /// Known only when an attribute is read.
    case attribute
    case null, int, double, string, bool, duration, status, kind

    var isNumeric: Bool { self == .int || self == .double || self == .duration }

    /// Whether values of both types may stand on the two sides of an operator.
    func matches(_ other: ValueType) -> Bool {
        self == other || self == .attribute || other == .attribute || self == .null
            || other == .null || isNumeric && other.isNumeric
    }
}
