import Yams

/// What is wrong with a file of sampling policies.
package struct SamplingFileError: Error, Equatable, CustomStringConvertible, Sendable {
    package var path: String
    /// 0: of the whole file.
    package var line: Int
    package var reason: String

    package init(path: String, line: Int, reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    package var description: String {
        line > 0 ? "\(path):\(line): \(reason)" : "\(path): \(reason)"
    }
}

/// A place in a file of policies that knows what it is, so that every complaint names file and line.
struct PolicyNode {
    let path: String
    /// Words for messages: `policy "slow"`.
    let what: String
    let node: Node

    func failure(_ reason: String) -> SamplingFileError {
        SamplingFileError(path: path, line: node.mark?.line ?? 0, reason: reason)
    }

    /// The values of a mapping whose keys must be among `known`.
    func fields(_ known: [String]) throws(SamplingFileError) -> [String: PolicyNode] {
        guard case .mapping(let mapping) = node else {
            throw failure("\(what) must be a mapping of keys to values")
        }
        var fields: [String: PolicyNode] = [:]
        for (key, value) in mapping {
            let place = PolicyNode(path: path, what: "key in \(what)", node: key)
            let name = try place.text()
            guard known.contains(name) else {
                throw place.failure(
                    "unknown key \"\(name)\" in \(what); expected one of "
                        + known.joined(separator: ", "))
            }
            guard fields[name] == nil else {
                throw place.failure("\"\(name)\" is there twice in \(what)")
            }
            fields[name] = PolicyNode(path: path, what: "\(name) of \(what)", node: value)
        }
        return fields
    }

    func elements() throws(SamplingFileError) -> [PolicyNode] {
        guard case .sequence(let sequence) = node else { throw failure("\(what) must be a list") }
        return sequence.map { PolicyNode(path: path, what: "entry of \(what)", node: $0) }
    }

    /// The same place, called by another name.
    func called(_ what: String) -> PolicyNode { PolicyNode(path: path, what: what, node: node) }

    func text() throws(SamplingFileError) -> String {
        guard case .scalar(let scalar) = node else { throw failure("\(what) must be text") }
        return scalar.string
    }

    func boolean() throws(SamplingFileError) -> Bool {
        switch try text() {
        case "true": return true
        case "false": return false
        default: throw failure("\(what) must be true or false")
        }
    }

    func integer() throws(SamplingFileError) -> Int64 {
        let text = try text()
        guard let number = Int64(text) else {
            throw failure("\(what) must be a whole number")
        }
        return number
    }

    func number(in range: ClosedRange<Double>) throws(SamplingFileError) -> Double {
        let text = try text()
        guard let number = Double(text), range.contains(number) else {
            throw failure(
                "\(what) must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Nanoseconds: a number with ms, s, m, h or d.
    func duration() throws(SamplingFileError) -> Int64 {
        let text = try text()
        let units: [(String, Int64)] = [
            ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
            ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
        ]
        for (suffix, unit) in units where text.hasSuffix(suffix) {
            guard let number = Int64(text.dropLast(suffix.count)), number >= 0 else { continue }
            let (length, overflow) = number.multipliedReportingOverflow(by: unit)
            if !overflow { return length }
        }
        throw failure("\(what) must be a duration such as 500ms, 30s, 15m or 2h")
    }
}
