import PromQL
import Yams

/// A place in a YAML file that knows what it is, so that every complaint names file and line. No complaint
/// repeats a value that is not what its field takes: it may be a secret in the wrong place.
struct YAMLNode {
    let path: String
    /// Words for messages: `group "x"`.
    let what: String
    let node: Node

    var line: Int { node.mark?.line ?? 0 }

    func failure(_ reason: String) -> RuleFileError {
        RuleFileError(path: path, line: line, reason: reason)
    }

    /// The entries of a mapping, in order.
    func entries() throws(RuleFileError) -> [(key: YAMLNode, value: YAMLNode)] {
        guard case .mapping(let mapping) = node else {
            throw failure("\(what) must be a mapping of keys to values")
        }
        var entries: [(key: YAMLNode, value: YAMLNode)] = []
        for (key, value) in mapping.merged {
            let key = YAMLNode(path: path, what: "key in \(what)", node: key)
            let name = try key.text()
            entries.append((key, YAMLNode(path: path, what: "\(name) of \(what)", node: value)))
        }
        return entries
    }

    /// The values of a mapping whose keys must be among `known`.
    func fields(_ known: [String]) throws(RuleFileError) -> [String: YAMLNode] {
        var fields: [String: YAMLNode] = [:]
        for (key, value) in try entries() {
            let name = try key.text()
            guard known.contains(name) else {
                throw key.failure(
                    "unknown key \"\(name)\" in \(what); expected one of "
                        + known.joined(separator: ", "))
            }
            fields[name] = value
        }
        return fields
    }

    func elements() throws(RuleFileError) -> [YAMLNode] {
        guard case .sequence(let sequence) = node else {
            throw failure("\(what) must be a list")
        }
        return sequence.map { YAMLNode(path: path, what: "entry of \(what)", node: $0) }
    }

    /// Any scalar as it is written; numbers are text too.
    func text() throws(RuleFileError) -> String {
        guard case .scalar(let scalar) = node else { throw failure("\(what) must be text") }
        if isNull { throw failure("\(what) has no value") }
        return scalar.string
    }

    /// Whether the value is left out or written as `null`.
    var isNull: Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else {
            return false
        }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    func naturalNumber() throws(RuleFileError) -> Int {
        let text = try text()
        guard let number = Int(text), number >= 0 else {
            throw failure("\(what) must be a whole number of at least 0")
        }
        return number
    }

    /// Milliseconds.
    func duration() throws(RuleFileError) -> Int64 {
        let text = try text()
        do throws(PromQLDuration.Failure) {
            return try PromQLDuration.parse(text)
        } catch {
            throw failure("\(what) must be a duration such as 500ms, 30s or 1h30m")
        }
    }

    /// The line on which line `number` (from 1) of this scalar's text stands. Only a literal block
    /// keeps its lines; other styles fold them.
    func line(ofText number: Int) -> Int {
        guard case .scalar(let scalar) = node, scalar.style == .literal else { return line }
        return line + number
    }
}
