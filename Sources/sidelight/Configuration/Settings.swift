import Foundation
import Rules
import Yams

/// Why the configuration cannot be used. Names the flag, variable or file with its line.
struct ConfigurationError: Error, CustomStringConvertible {
    var description: String
}

/// Where a setting's value came from.
enum SettingOrigin: CustomStringConvertible {
    case flag(String)
    case environment(String)
    case file(String, line: Int)
    case standard

    var description: String {
        switch self {
        case .flag(let name): "flag \(name)"
        case .environment(let name): "environment \(name)"
        case .file(let path, let line): "\(path):\(line)"
        case .standard: "default"
        }
    }
}

/// Settings by name from flags, environment, file and default, in this order. The same name is used by
/// all: `otlp-http` is `--otlp-http`, `SIDELIGHT_OTLP_HTTP` and the YAML key `otlp-http`.
///
/// Asking for a setting makes its name known; a key of the file that nobody asked for is refused.
final class Settings {
    private let flags: [String: [String]]
    private let environment: [String: String]
    private let path: String
    private let file: [String: Node]
    private let keyLines: [String: Int]
    private(set) var resolved: [(name: String, value: String, origin: SettingOrigin)] = []

    /// - Parameter flags: given flags by name without dashes; repeated ones have several values.
    /// - Throws: `ConfigurationError` if the file cannot be read or is no YAML mapping.
    init(flags: [String: [String]], environment: [String: String], file path: String?) throws {
        self.flags = flags
        self.environment = environment
        self.path = path ?? ""
        var entries: [String: Node] = [:]
        var lines: [String: Int] = [:]
        if let path {
            let text: String
            do {
                text = try String(contentsOfFile: path, encoding: .utf8)
            } catch {
                throw ConfigurationError(
                    description: "cannot read --config \(path): \(error.localizedDescription)")
            }
            let root: Node?
            do {
                root = try Yams.compose(yaml: text)
            } catch let error as YamlError {
                let place = error.line > 0 ? ":\(error.line)" : ""
                throw ConfigurationError(description: "\(path)\(place): \(error.problem)")
            } catch {
                throw ConfigurationError(description: "\(path): not readable as YAML")
            }
            if let root {
                guard let mapping = root.mapping else {
                    throw ConfigurationError(
                        description: "\(path):1: expected a mapping of settings to values")
                }
                for (key, value) in mapping {
                    let name = key.string ?? ""
                    let line = key.mark?.line ?? 0
                    guard entries[name] == nil else {
                        throw ConfigurationError(
                            description: "\(path):\(line): \(name) is set twice")
                    }
                    entries[name] = value
                    lines[name] = line
                }
            }
        }
        file = entries
        keyLines = lines
    }

    /// The values of a setting that may be given several times; empty if it is not set.
    /// - Parameter shownAs: what is shown of a value that may hold a secret.
    func list(_ name: String, shownAs: (String) -> String = { $0 }) throws -> [String] {
        let (values, origin) = try lookup(name)
        let shown = values?.map(shownAs).joined(separator: ", ")
        record(name, shown ?? "", values == nil ? .standard : origin)
        return values ?? []
    }

    /// - Parameter shownAs: what is shown of a value that may hold a secret.
    func optional(_ name: String, shownAs: (String) -> String = { $0 }) throws -> String? {
        let (values, origin) = try lookup(name)
        guard let values else {
            record(name, "", .standard)
            return nil
        }
        guard let value = values.last, values.count == 1 || isFlag(origin) else {
            throw ConfigurationError(description: "\(origin): \(name) takes one value")
        }
        record(name, shownAs(value), origin)
        return value
    }

    func string(_ name: String, default standard: String) throws -> String {
        if let value = try optional(name) { return value }
        record(name, standard, .standard)
        return standard
    }

    func flag(_ name: String) throws -> Bool {
        guard let value = try optional(name) else {
            record(name, "false", .standard)
            return false
        }
        switch value.lowercased() {
        case "true", "yes", "on", "1", "": return true
        case "false", "no", "off", "0": return false
        default: throw try mistake(name, expected: "true or false")
        }
    }

    /// A duration such as `30d`, `1h30m`, `500ms`, in nanoseconds.
    func duration(_ name: String, default standard: String) throws -> Int64 {
        let text = try string(name, default: standard)
        guard let nanoseconds = DurationText.nanoseconds(text), nanoseconds > 0 else {
            throw try mistake(name, expected: "a duration such as 30d, 12h or 90s")
        }
        return nanoseconds
    }

    /// That a setting has a value that it cannot have, and where it was given. The value is repeated only where
    /// everybody sees it, on the command line: elsewhere it may be a secret in the wrong place.
    func mistake(
        _ name: String, expected: String, isSecret: Bool = false
    ) throws -> ConfigurationError {
        let (values, origin) = try lookup(name)
        let shown = values?.joined(separator: ", ") ?? ""
        return ConfigurationError(
            description: "\(origin): \(name) must be \(expected)"
                + (isFlag(origin) && !isSecret ? ", not \"\(shown)\"" : ""))
    }

    /// The value of a key as it stands in the file, for settings with structure of their own.
    func node(_ name: String) -> Node? { file[name] }

    /// Refuses keys of the file that no setting has asked for.
    func refuseUnknown(also structured: Set<String> = []) throws {
        let known = Set(resolved.map(\.name)).union(structured)
        let unknown = file.keys.filter { !known.contains($0) }
        if let name = unknown.min(by: { keyLines[$0, default: 0] < keyLines[$1, default: 0] }) {
            throw ConfigurationError(
                description: "\(path):\(keyLines[name, default: 0]): unknown setting \"\(name)\"; "
                    + "known: \(known.sorted().joined(separator: ", "))")
        }
    }

    private func isFlag(_ origin: SettingOrigin) -> Bool {
        if case .flag = origin { return true }
        return false
    }

    private func record(_ name: String, _ value: String, _ origin: SettingOrigin) {
        resolved.removeAll { $0.name == name }
        resolved.append((name, value, origin))
    }

    private func lookup(_ name: String) throws -> ([String]?, SettingOrigin) {
        if let values = flags[name], !values.isEmpty { return (values, .flag("--\(name)")) }
        let variable =
            "SIDELIGHT_" + name.uppercased().replacingOccurrences(of: "-", with: "_")
        if let value = environment[variable] { return ([value], .environment(variable)) }
        guard let node = file[name] else { return (nil, .standard) }
        let origin = SettingOrigin.file(path, line: keyLines[name, default: 0])
        switch node {
        case .scalar(let scalar): return ([scalar.string], origin)
        case .sequence(let sequence):
            return (
                try sequence.map { element in
                    guard let scalar = element.scalar else {
                        throw ConfigurationError(
                            description: "\(origin): \(name) must be a list of plain values")
                    }
                    return scalar.string
                }, origin
            )
        case .mapping, .alias:
            throw ConfigurationError(
                description: "\(origin): \(name) must be a value or a list of values")
        }
    }
}

/// Durations as Prometheus writes them: `1d12h`, `90s`, `250ms`.
enum DurationText {
    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("ms", 1_000_000), ("us", 1_000), ("ns", 1), ("y", 365 * 86_400_000_000_000),
        ("w", 7 * 86_400_000_000_000), ("d", 86_400_000_000_000), ("h", 3_600_000_000_000),
        ("m", 60_000_000_000), ("s", 1_000_000_000),
    ]

    /// `nil` if `text` is no duration or does not fit.
    static func nanoseconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let count = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            guard let unit = units.first(where: { rest.hasPrefix($0.suffix) }) else { return nil }
            rest = rest.dropFirst(unit.suffix.count)
            let (product, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
            let (sum, overflows) = total.addingReportingOverflow(product)
            guard !overflow, !overflows else { return nil }
            total = sum
        }
        return total
    }
}
