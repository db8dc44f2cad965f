import Platform
import Store
import Telemetry
import Yams

extension RuleFile {
    /// Larger files are not rules.
    private static let bytesMax = 16 << 20

    /// Reads and checks a file. Nothing in it is ignored: what is not understood is an error.
    package static func load(
        _ path: String, from files: some FileSystem = PosixFileSystem()
    ) throws(RuleFileError) -> RuleFile {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try files.readAll(path)
        } catch {
            throw RuleFileError(path: path, reason: "cannot read the rule file: \(error)")
        }
        guard bytes.count <= bytesMax else {
            throw RuleFileError(
                path: path, reason: "a rule file may have \(bytesMax) bytes, not \(bytes.count)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RuleFileError(path: path, reason: "the rule file is not UTF-8 text")
        }
        return try parse(text, path: path)
    }

    /// Reads `text` as the content of `path`: the groups of all its documents. (Prometheus passes over all but the
    /// first in silence, vmalert reads them all.)
    package static func parse(_ text: String, path: String) throws(RuleFileError) -> RuleFile {
        var groups: [RuleGroup] = []
        var names: Set<String> = []
        var mistakes: [RuleFileError] = []
        for document in try composeAll(text, path) {
            let root = YAMLNode(path: path, what: "the file", node: document.node)
            guard let list = try root.fields(["groups"])["groups"], !list.isNull else { continue }
            for node in try list.elements() {
                do throws(RuleFileError) {
                    let group = try RuleGroup(node)
                    guard names.insert(group.key.name).inserted else {
                        throw node.failure(
                            "a second group is named \"\(group.key.name)\" in this file")
                    }
                    groups.append(group)
                } catch {
                    mistakes.append(error)
                }
            }
        }
        if let error = RuleFileError(mistakes) { throw error }
        return RuleFile(path: path, groups: groups)
    }
}

extension YamlError {
    /// 1-based; 0 if it is not known.
    package var line: Int {
        switch self {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            mark.line
        case .duplicatedKeysInMapping(_, let context): context.mark.line
        default: 0
        }
    }

    /// What is wrong, without the text around it, which may hold secrets.
    package var problem: String {
        switch self {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _),
            .composer(_, let problem, _, _):
            "not readable as YAML: \(problem)"
        case .duplicatedKeysInMapping(let duplicates, _):
            "the same key stands twice: \(duplicates.joined(separator: ", "))"
        case .reader(let problem, _, _, _): "not readable as YAML: \(problem)"
        default: "not readable as YAML"
        }
    }
}

extension RuleGroup {
    fileprivate init(_ node: YAMLNode) throws(RuleFileError) {
        let fields = try node.fields([
            "name", "interval", "limit", "query_offset", "labels", "datasource", "rules",
        ])
        guard let name = try fields["name"]?.text(), !name.isEmpty else {
            throw node.failure("a group needs a name")
        }
        key = RuleGroupKey(file: node.path, name: name)
        interval = try fields["interval"]?.duration()
        if let interval, interval == 0 {
            throw (fields["interval"] ?? node).failure("interval must be longer than 0")
        }
        limit = try fields["limit"]?.naturalNumber() ?? 0
        queryOffset = try fields["query_offset"]?.duration() ?? 0
        let common = try fields["labels"]?.labelPairs() ?? []
        events = nil
        let source = try fields["datasource"]?.dataSource() ?? .promQL
        rules = []
        guard let list = fields["rules"], !list.isNull else { return }
        var mistakes: [RuleFileError] = []
        for entry in try list.elements() {
            let node = YAMLNode(
                path: node.path, what: "rule of group \"\(name)\"", node: entry.node)
            do throws(RuleFileError) {
                rules.append(try Rule.read(node, groupLabels: common, source))
            } catch {
                mistakes.append(error)
            }
        }
        if let error = RuleFileError(mistakes) { throw error }
    }
}

extension YAMLNode {
    /// Names and texts of a mapping of labels or annotations.
    fileprivate func labelPairs() throws(RuleFileError) -> [(name: String, value: YAMLNode)] {
        if isNull { return [] }
        var pairs: [(name: String, value: YAMLNode)] = []
        for (key, value) in try entries() {
            let name = try key.text()
            guard !name.isEmpty, name != Labels.metricName else {
                throw key.failure("\"\(name)\" cannot be set in \(what)")
            }
            _ = try value.text()
            pairs.append((name, value))
        }
        return pairs
    }
}

extension Rule {
    private static let keys = [
        "record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations", "datasource",
        "range",
    ]

    /// - Parameter common: the group's data source.
    fileprivate static func read(
        _ node: YAMLNode, groupLabels: [(name: String, value: YAMLNode)], _ common: RuleLanguage
    ) throws(RuleFileError) -> Rule {
        let fields = try node.fields(keys)
        let source = try fields["datasource"]?.dataSource() ?? common
        let query = try RuleQuery(fields, node, source)
        let own = try fields["labels"]?.labelPairs() ?? []
        let inherited = groupLabels.filter { pair in !own.contains { $0.name == pair.name } }
        let labels = inherited + own
        switch (fields["record"], fields["alert"]) {
        case (let record?, nil): return .recording(try recording(record, fields, labels, query))
        case (nil, let alert?): return .alerting(try alerting(alert, fields, labels, query))
        case (nil, nil): throw node.failure("a rule needs one of record and alert")
        case (_?, _?): throw node.failure("a rule has record or alert, not both")
        }
    }

    private static func recording(
        _ record: YAMLNode, _ fields: [String: YAMLNode],
        _ labels: [(name: String, value: YAMLNode)], _ query: RuleQuery
    ) throws(RuleFileError) -> RecordingRule {
        for key in ["for", "keep_firing_for", "annotations"] {
            if let field = fields[key] {
                throw field.failure("\(key) belongs to alerting rules, not to recording rules")
            }
        }
        let name = try record.text()
        guard !name.isEmpty, !name.contains(where: { "{}".contains($0) }) else {
            throw record.failure("record must be a metric name, not \"\(name)\"")
        }
        var pairs: [(name: String, value: String)] = []
        for (name, value) in labels { pairs.append((name, try value.text())) }
        return RecordingRule(name: name, query: query, labels: pairs)
    }

    private static func alerting(
        _ alert: YAMLNode, _ fields: [String: YAMLNode],
        _ labels: [(name: String, value: YAMLNode)], _ query: RuleQuery
    ) throws(RuleFileError) -> AlertingRule {
        let name = try alert.text()
        guard !name.isEmpty else { throw alert.failure("alert must be a name") }
        var labelTemplates: [(name: String, value: Template)] = []
        for (name, value) in labels { labelTemplates.append((name, try template(value))) }
        var annotations: [(name: String, value: Template)] = []
        for (name, value) in try fields["annotations"]?.labelPairs() ?? [] {
            annotations.append((name, try template(value)))
        }
        return AlertingRule(
            name: name, query: query,
            holdDuration: try fields["for"]?.duration() ?? 0,
            keepFiringFor: try fields["keep_firing_for"]?.duration() ?? 0,
            labels: labelTemplates, annotations: annotations)
    }

    private static func template(_ node: YAMLNode) throws(RuleFileError) -> Template {
        let text = try node.text()
        do throws(TemplateError) {
            return try Template(text)
        } catch {
            throw RuleFileError(
                path: node.path, line: node.line(ofText: error.line),
                reason: "template of \(node.what): \(error.reason)")
        }
    }
}
