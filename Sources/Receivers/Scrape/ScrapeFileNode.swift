import Yams

/// Why a file of scrape jobs cannot be used. Names file and line.
package struct ScrapeFileError: Error, Sendable, Hashable, CustomStringConvertible {
    package var path: String
    /// From 1; 0 is the file as a whole.
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

/// A place in a file of scrape jobs or targets, YAML or JSON, that names itself in every complaint.
struct ScrapeFileNode {
    let path: String
    /// Words for messages: `scrape_interval of job "x"`.
    let what: String
    let node: Node

    var line: Int { node.mark?.line ?? 0 }

    /// The root of `text`; `nil` if there is nothing in it.
    static func root(of text: String, path: String) throws(ScrapeFileError) -> ScrapeFileNode? {
        do {
            guard let node = try Yams.compose(yaml: text) else { return nil }
            return ScrapeFileNode(path: path, what: "the file", node: node)
        } catch {
            throw unreadable(path, error)
        }
    }

    /// Without the text around the mistake, which may hold secrets.
    private static func unreadable(_ path: String, _ error: any Error) -> ScrapeFileError {
        let finding = (error as? YamlError)?.finding ?? (line: 0, problem: "not readable as YAML")
        return ScrapeFileError(path: path, line: finding.line, reason: finding.problem)
    }

    /// Names of what nobody is shown.
    private static let secrets: Set<String> = [
        "secrets",
        "password", "credentials", "bearer_token", "client_secret", "key",
    ]

    /// The node as YAML.
    func textWithoutSecrets() throws(ScrapeFileError) -> String {
        do { return try Yams.serialize(node: Self.withoutSecrets(node)) } catch {
            throw failure("\(what) cannot be shown as YAML")
        }
    }

    private static func withoutSecrets(_ node: Node) -> Node {
        switch node {
        case .mapping(var mapping):
            for (key, value) in mapping {
                let isSecret =
                    secrets.contains(key.string ?? "")
                    || key.string == "proxy_url" && value.string?.contains("@") ?? false
                mapping[key] = isSecret ? Node("<secret>") : withoutSecrets(value)
            }
            return .mapping(mapping)
        case .sequence(let sequence): return Node(sequence.map(withoutSecrets))
        case .scalar, .alias: return node
        }
    }

    /// All documents of `text` that hold something.
    static func documents(
        of text: String, path: String
    ) throws(ScrapeFileError) -> [ScrapeFileNode] {
        do {
            var nodes: [ScrapeFileNode] = []
            var documents = try Yams.compose_all(yaml: text)
            while let node = documents.next() {
                let document = ScrapeFileNode(path: path, what: "the file", node: node)
                if !document.isNull { nodes.append(document) }
            }
            // A sequence of documents ends at a mistake as if there were no more.
            if let error = documents.error { throw error }
            return nodes
        } catch {
            throw unreadable(path, error)
        }
    }

    func failure(_ reason: String) -> ScrapeFileError {
        ScrapeFileError(path: path, line: line, reason: reason)
    }

    func entries() throws(ScrapeFileError) -> [(key: String, value: ScrapeFileNode)] {
        if isNull { return [] }
        guard case .mapping(let mapping) = node else {
            throw failure("\(what) must be a mapping of keys to values")
        }
        var entries: [(key: String, value: ScrapeFileNode)] = []
        for (key, value) in mapping {
            guard let name = key.string else { throw failure("a key in \(what) must be text") }
            entries.append(
                (name, ScrapeFileNode(path: path, what: "\(name) of \(what)", node: value)))
        }
        return entries
    }

    func elements() throws(ScrapeFileError) -> [ScrapeFileNode] {
        if isNull { return [] }
        guard case .sequence(let sequence) = node else { throw failure("\(what) must be a list") }
        return sequence.map { ScrapeFileNode(path: path, what: "entry of \(what)", node: $0) }
    }

    func text() throws(ScrapeFileError) -> String {
        guard case .scalar(let scalar) = node else { throw failure("\(what) must be text") }
        return isNull ? "" : scalar.string
    }

    var isNull: Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else {
            return false
        }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    func texts() throws(ScrapeFileError) -> [String] {
        var texts: [String] = []
        for element in try elements() { texts.append(try element.text()) }
        return texts
    }

    func flag() throws(ScrapeFileError) -> Bool {
        switch try text() {
        case "true", "True", "yes", "on": return true
        case "false", "False", "no", "off": return false
        default: throw failure("\(what) must be true or false")
        }
    }

    func number() throws(ScrapeFileError) -> Int {
        let text = try text()
        guard let number = Int(text), number >= 0 else {
            throw failure("\(what) must be a whole number of at least 0")
        }
        return number
    }

    /// Milliseconds, above 0.
    func duration() throws(ScrapeFileError) -> Int64 {
        let text = try text()
        guard let milliseconds = Self.milliseconds(text), milliseconds > 0 else {
            throw failure("\(what) must be a duration such as 500ms, 15s or 1m")
        }
        return milliseconds
    }

    /// A duration as Prometheus writes it: `1m30s`; `nil` if it is none.
    static func milliseconds(_ text: String) -> Int64? {
        let units: [(String, Int64)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
            ("w", 604_800_000), ("y", 31_536_000_000),
        ]
        guard let parts = amounts(text, units: units.map(\.0)) else { return nil }
        var total: Int64 = 0
        for (amount, unit) in parts {
            let factor = units.first { $0.0 == unit }?.1 ?? 0
            let (product, overflow) = amount.multipliedReportingOverflow(by: factor)
            let (sum, overflow2) = total.addingReportingOverflow(product)
            if overflow || overflow2 { return nil }
            total = sum
        }
        return total
    }

    /// As Prometheus writes durations: `1m30s`.
    static func duration(milliseconds: Int64) -> String {
        guard milliseconds != 0 else { return "0s" }
        var rest = milliseconds
        var text = ""
        // Weeks and years only where nothing is left over, as in Prometheus.
        for (unit, length, mustBeWhole) in [
            ("y", 31_536_000_000, true), ("w", 604_800_000, true), ("d", 86_400_000, false),
            ("h", 3_600_000, false), ("m", 60_000, false), ("s", 1_000, false), ("ms", 1, false),
        ] as [(String, Int64, Bool)] {
            guard rest >= length, !mustBeWhole || rest % length == 0 else { continue }
            text += "\(rest / length)\(unit)"
            rest %= length
        }
        return text
    }

    /// A size such as `10MB`; as in Prometheus a KB has 1,024 bytes.
    func bytes() throws(ScrapeFileError) -> Int {
        let text = try text()
        if text == "0" { return 0 }
        let units = ["B", "KB", "KiB", "MB", "MiB", "GB", "GiB"]
        guard let parts = Self.amounts(text, units: units), parts.count == 1 else {
            throw failure("\(what) must be a size such as 512KB or 10MB")
        }
        let shift = (units.firstIndex(of: parts[0].unit).map { ($0 + 1) / 2 } ?? 0) * 10
        let (product, overflow) = parts[0].amount.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow, let bytes = Int(exactly: product) else {
            throw failure("\(what) is too large")
        }
        return bytes
    }

    /// Pairs of digits and the unit behind them; `nil` if `text` is made of anything else.
    private static func amounts(
        _ text: String, units: [String]
    ) -> [(amount: Int64, unit: String)]? {
        var rest = text[...]
        var parts: [(Int64, String)] = []
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let amount = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !$0.isNumber }
            guard units.contains(String(unit)) else { return nil }
            parts.append((amount, String(unit)))
            rest = rest.dropFirst(unit.count)
        }
        return parts.isEmpty ? nil : parts
    }
}
