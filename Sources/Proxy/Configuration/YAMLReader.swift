import Yams

/// Reads one mapping of a YAML document key by key; errors name file, line and key, and a key that
/// nobody asked for is an error.
struct YAMLReader {
    private let mapping: [(key: String, keyNode: Node, value: Node)]
    private let mark: Mark?
    let path: String
    let file: String

    init(_ node: Node, path: String, file: String) throws(ConfigurationError) {
        self.path = path
        self.file = file
        self.mark = node.mark
        guard case .mapping(let content) = node else {
            throw YAMLReader.error(file, node.mark, "\(path) must be a mapping of keys to values")
        }
        var entries: [(key: String, keyNode: Node, value: Node)] = []
        for (key, value) in content {
            guard let name = key.string else {
                throw YAMLReader.error(file, key.mark, "\(path) has a key that is no string")
            }
            entries.append((name, key, value))
        }
        mapping = entries
    }

    /// - Throws: if there is a key that is not among `known`.
    func allow(_ known: [String]) throws(ConfigurationError) {
        for entry in mapping where !known.contains(entry.key) {
            throw YAMLReader.error(
                file, entry.keyNode.mark,
                "unknown key \"\(entry.key)\" in \(path); known are \(known.joined(separator: ", "))"
            )
        }
    }

    func node(_ key: String) -> Node? { mapping.first { $0.key == key }?.value }

    func name(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func string(_ key: String) throws(ConfigurationError) -> String? {
        guard let node = node(key) else { return nil }
        guard let text = node.scalar?.string, !text.isEmpty else {
            throw error(key, "must be a string")
        }
        return text
    }

    func requiredString(_ key: String) throws(ConfigurationError) -> String {
        guard let text = try string(key) else {
            throw YAMLReader.error(file, mark, "\(path) lacks \"\(key)\"")
        }
        return text
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
        guard let text = try string(key) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw error(
                key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func fraction(_ key: String) throws(ConfigurationError) -> Double? {
        guard let text = try string(key) else { return nil }
        if text.hasSuffix("%"), let percent = Double(text.dropLast()), (0...100).contains(percent) {
            return percent / 100
        }
        guard let value = Double(text), (0...1).contains(value) else {
            throw error(key, "must be a share from 0 to 1, or a percentage such as 10%")
        }
        return value
    }

    func flag(_ key: String) throws(ConfigurationError) -> Bool? {
        guard let text = try string(key) else { return nil }
        switch text {
        case "true", "on", "yes": return true
        case "false", "off", "no": return false
        default: throw error(key, "must be true or false")
        }
    }

    /// `250ms`, `5s`, `2m`, `1h`.
    func duration(_ key: String) throws(ConfigurationError) -> Duration? {
        guard let text = try string(key) else { return nil }
        let units: [(suffix: String, nanoseconds: Double)] = [
            ("ms", 1e6), ("us", 1e3), ("s", 1e9), ("m", 60e9), ("h", 3_600e9),
        ]
        for unit in units where text.hasSuffix(unit.suffix) {
            guard let value = Double(text.dropLast(unit.suffix.count)), value >= 0, value < 1e9
            else { break }
            return .nanoseconds(Int64(value * unit.nanoseconds))
        }
        throw error(key, "must be a duration such as 250ms, 5s or 2m")
    }

    func address(_ key: String) throws(ConfigurationError) -> Address? {
        guard let text = try string(key) else { return nil }
        do {
            return try Address(text)
        } catch {
            throw self.error(key, ": \(error.description)")
        }
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, _: Choice.Type
    ) throws(ConfigurationError) -> Choice? where Choice.RawValue == String {
        guard let text = try string(key) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(key, "is \"\(text)\"; it must be one of \(known)")
        }
        return choice
    }

    /// The elements of a list; empty when the key is missing.
    func list(_ key: String) throws(ConfigurationError) -> [Node] {
        guard let node = node(key) else { return [] }
        guard case .sequence(let elements) = node else { throw error(key, "must be a list") }
        return Array(elements)
    }

    func mappings(_ key: String) throws(ConfigurationError) -> [YAMLReader] {
        var readers: [YAMLReader] = []
        for (index, node) in try list(key).enumerated() {
            readers.append(try YAMLReader(node, path: "\(name(of: key))[\(index)]", file: file))
        }
        return readers
    }

    func mapping(_ key: String) throws(ConfigurationError) -> YAMLReader? {
        guard let node = node(key) else { return nil }
        return try YAMLReader(node, path: name(of: key), file: file)
    }

    func error(_ key: String, _ problem: String) -> ConfigurationError {
        YAMLReader.error(file, node(key)?.mark ?? mark, "\(name(of: key)) \(problem)")
    }

    static func error(_ file: String, _ mark: Mark?, _ problem: String) -> ConfigurationError {
        guard let mark else { return ConfigurationError("\(file): \(problem)") }
        return ConfigurationError("\(file):\(mark.line):\(mark.column): \(problem)")
    }
}
