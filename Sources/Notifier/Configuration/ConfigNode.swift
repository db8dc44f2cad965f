import Foundation
import Rules
import Yams

/// A mistake in a configuration of notifications: where it is and what is wrong, as Alertmanager words it.
package struct NotifierConfigError: Error, Hashable, Sendable, CustomStringConvertible {
    package var path: String
    /// From 1; 0 when it is about the file as a whole.
    package var line: Int
    package var reason: String

    package init(path: String, line: Int = 0, reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    package var description: String {
        line > 0 ? "\(path):\(line): \(reason)" : "\(path): \(reason)"
    }
}

/// A place in the file, with what reading it takes.
struct ConfigNode {
    /// What does not stand in the file itself.
    struct Surroundings: Sendable {
        var path: String
        /// For secrets that are written as `${env:NAME}`.
        var environment: [String: String]
    }

    let surroundings: Surroundings
    /// Words for messages: `group_wait`.
    let what: String
    let node: Node

    var line: Int { node.mark?.line ?? 0 }

    func failure(_ reason: String) -> NotifierConfigError {
        NotifierConfigError(path: surroundings.path, line: line, reason: reason)
    }

    /// Whether the value is left out or written as `null`.
    var isNull: Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else {
            return false
        }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// The values of a mapping whose keys must be among `known`. Those in `refused` are known, but not
    /// carried out.
    func fields(
        _ known: [String], type: String, refused: [String: String] = [:]
    ) throws(NotifierConfigError) -> ConfigFields {
        guard case .mapping(let mapping) = node else {
            if isNull { return ConfigFields(parent: self, values: [:]) }
            throw failure("cannot unmarshal \(kind) into \(type)")
        }
        var values: [String: ConfigNode] = [:]
        for (key, value) in mapping.merged {
            let keyNode = ConfigNode(surroundings: surroundings, what: "key", node: key)
            let name = key.string ?? ""
            let node = ConfigNode(surroundings: surroundings, what: name, node: value)
            if let reason = refused[name] {
                if node.isNull { continue }
                throw keyNode.failure("\(name) is not supported: \(reason)")
            }
            guard known.contains(name) else {
                throw keyNode.failure("field \(Self.shown(key: name)) not found in type \(type)")
            }
            values[name] = node
        }
        return ConfigFields(parent: self, values: values)
    }

    func elements() throws(NotifierConfigError) -> [ConfigNode] {
        if isNull { return [] }
        guard case .sequence(let sequence) = node else {
            throw failure("cannot unmarshal \(kind) into a list (\(what))")
        }
        return sequence.map { ConfigNode(surroundings: surroundings, what: what, node: $0) }
    }

    /// Any scalar as it is written.
    func text() throws(NotifierConfigError) -> String {
        guard case .scalar(let scalar) = node else {
            throw failure("cannot unmarshal \(kind) into string (\(what))")
        }
        return isNull ? "" : scalar.string
    }

    func flag() throws(NotifierConfigError) -> Bool {
        switch try text() {
        case "true", "True", "TRUE", "yes", "on": return true
        case "false", "False", "FALSE", "no", "off": return false
        default: throw failure("cannot unmarshal \(kind) into bool (\(what))")
        }
    }

    func integer() throws(NotifierConfigError) -> Int64 {
        let text = try text()
        guard let number = Int64(text) else {
            throw failure("cannot unmarshal \(kind) into int (\(what))")
        }
        return number
    }

    /// Nanoseconds: Prometheus's durations (`1h30m`, `5s`, `0`).
    func duration() throws(NotifierConfigError) -> Int64 {
        let text = try text()
        guard let nanoseconds = DurationText.nanoseconds(text) else {
            throw failure("not a valid duration string such as 30s or 1h30m (\(what))")
        }
        return nanoseconds
    }

    /// A mapping of names to texts.
    func texts() throws(NotifierConfigError) -> [(name: String, value: ConfigNode)] {
        if isNull { return [] }
        guard case .mapping(let mapping) = node else {
            throw failure("cannot unmarshal \(kind) into map[string]string (\(what))")
        }
        return mapping.merged.map {
            (
                $0.key.string ?? "",
                ConfigNode(surroundings: surroundings, what: what, node: $0.value)
            )
        }
    }

    /// Names of fields are shown; what looks like none may be a secret in the wrong place.
    private static func shown(key: String) -> String {
        let isName = key.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || byte == UInt8(ascii: "_")
                || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        }
        return isName && key.utf8.count <= 40 ? key : "of this line"
    }

    /// What a value is instead of what it should be: never the value, which may be a secret in the wrong place.
    private var kind: String {
        switch node {
        case .scalar: "!!str"
        case .mapping: "!!map"
        case .sequence: "!!seq"
        case .alias: "an alias"
        }
    }
}

/// Prometheus's durations (prometheus/common, model/time.go).
enum DurationText {
    private static let units: [(unit: String, nanoseconds: Int64)] = [
        ("y", 31_536_000_000_000_000), ("w", 604_800_000_000_000), ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000),
    ]

    /// `nil` if the text is none: units stand from the largest to the smallest, each at most once.
    static func nanoseconds(_ text: String) -> Int64? {
        if text == "0" { return 0 }
        var rest = text[...]
        var sum: Int64 = 0
        var next = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            guard let place = units[next...].firstIndex(where: { $0.unit == unit }) else {
                return nil
            }
            rest = rest.dropFirst(unit.count)
            let (product, overflow) = number.multipliedReportingOverflow(
                by: units[place].nanoseconds)
            let (total, overflow2) = sum.addingReportingOverflow(product)
            if overflow || overflow2 { return nil }
            sum = total
            next = place + 1
        }
        return text.isEmpty ? nil : sum
    }
}
