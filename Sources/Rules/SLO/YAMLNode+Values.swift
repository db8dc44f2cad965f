extension [String: YAMLNode] {
    func required(_ key: String, of parent: YAMLNode) throws(RuleFileError) -> YAMLNode {
        guard let node = self[key], !node.isNull else {
            throw parent.failure("\(parent.what) needs \(key)")
        }
        return node
    }

    /// The node unless it is left out or null.
    func given(_ key: String) -> YAMLNode? {
        guard let node = self[key], !node.isNull else { return nil }
        return node
    }

    /// Text, or nothing if it is left out.
    func text(_ key: String) throws(RuleFileError) -> String { try given(key)?.text() ?? "" }

    /// Complains of keys that the specification knows and this program does not carry out.
    func refuse(_ keys: [String], because reason: String) throws(RuleFileError) {
        for key in keys {
            if let node = self[key] {
                throw node.failure("\(key) is not supported: \(reason)")
            }
        }
    }
}

extension YAMLNode {
    /// A finite number.
    func number() throws(RuleFileError) -> Double {
        let text = try text()
        guard let number = Double(text), number.isFinite else {
            throw failure("\(what) must be a number")
        }
        return number
    }

    func boolean() throws(RuleFileError) -> Bool {
        switch try text() {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: throw failure("\(what) must be true or false")
        }
    }

    /// A mapping of names to texts.
    func texts() throws(RuleFileError) -> [String: String] {
        if isNull { return [:] }
        var texts: [String: String] = [:]
        for (key, value) in try entries() { texts[try key.text()] = try value.text() }
        return texts
    }

    /// A mapping of label names to values.
    func labels() throws(RuleFileError) -> [String: String] {
        let labels = try texts()
        for name in labels.keys.sorted() where !name.isLabelName || name == "__name__" {
            throw failure("\"\(name)\" in \(what) is no name of a label")
        }
        return labels
    }

    /// A query over a window.
    func windowQuery() throws(RuleFileError) -> WindowQuery {
        let text = try text()
        do throws(WindowQuery.Failure) {
            return try WindowQuery(text)
        } catch {
            throw failure("\(what): \(error.reason)")
        }
    }

    /// A name that starts and ends with a letter or digit and has `-`, `_` and `.` in between, as
    /// Sloth wants services and objectives named.
    func safeName() throws(RuleFileError) -> String {
        let name = try text()
        guard name.isSafeName else {
            throw failure(
                "\(what) must have two characters or more, letters, digits, '.', '_' and '-', the "
                    + "first and last a letter or digit")
        }
        return name
    }
}

extension String {
    var isLabelName: Bool {
        guard let first = utf8.first, !(48...57).contains(first) else { return false }
        return utf8.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "_") }
    }

    var isSafeName: Bool {
        guard utf8.count >= 2, let first = utf8.first, let last = utf8.last else { return false }
        return first.isAlphanumeric && last.isAlphanumeric
            && utf8.allSatisfy { $0.isAlphanumeric || "-_.".utf8.contains($0) }
    }
}

extension UInt8 {
    /// An ASCII letter or digit.
    var isAlphanumeric: Bool {
        switch self {
        case 48...57, 65...90, 97...122: true
        default: false
        }
    }
}
